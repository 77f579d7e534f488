//! Fills a receipt file and says what that cost: `cargo run --release -p jurat-ledger --example fill -- DIR N`.
//!
//! Receipts are really signed, on a thread of their own; the rates and times are those of the store alone. The last
//! part opens the file with its own size as the bound, and goes on writing while retention keeps it there.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant, SystemTime},
};

use getrandom::rand_core::{Rng, UnwrapErr};
use jurat_ledger::{Bounds, Entry, FileStore, Found, Pruned, Store};
use jurat_proto::{Digest, End, ReceiptId, UnixMillis};
use jurat_witness::{Answer, Exchange, Family, Framing, Key, Shape, Signer};

const GROUP: usize = 64;
const WIDE: Bounds = Bounds { bytes: 1 << 60, age: Duration::from_secs(1 << 30) };
const LOOKUPS: usize = 20_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("a folder"));
    let count: usize = arguments.next().expect("a number of receipts").parse().expect("a number");
    if arguments.next().is_some() {
        // The other half of the crash below: an end without any farewell.
        let store = FileStore::open(&folder, WIDE).unwrap();
        fill(&store, &folder, count, Retain::Nothing);
        std::process::abort();
    }
    let store = timed("open", || FileStore::open(&folder, WIDE).unwrap());
    let ids = fill(&store, &folder, count, Retain::Nothing);
    for group in [1, 8, 16] {
        groups_of(&store, group);
    }
    look_up(&store, "receipt id", ids.iter().map(ToString::to_string).collect());
    look_up(&store, "engine id", ids.iter().map(|id| format!("chatcmpl-{id}")).collect());
    timed("close", || drop(store));
    let store = timed("open after a clean end", || FileStore::open(&folder, WIDE).unwrap());
    drop(store);
    let _ = Command::new(std::env::current_exe().unwrap()).arg(&folder).args(["640", "abort"]).status();
    let store = timed("open after a crash", || FileStore::open(&folder, WIDE).unwrap());
    let bytes = store.usage().bytes;
    drop(store);
    println!("bound: {} MiB, as counted now", bytes >> 20);
    let store = FileStore::open(&folder, Bounds { bytes, ..WIDE }).unwrap();
    fill(&store, &folder, count / 2, Retain::Bound);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Retain {
    Nothing,
    Bound,
}

/// Commits so many receipts; gives back some of their ids.
fn fill(store: &FileStore, folder: &Path, count: usize, retain: Retain) -> Vec<ReceiptId> {
    let batches = batches(count, GROUP);
    let signer = signer();
    let mut sample = Vec::new();
    let mut part = Part::default();
    for (at, batch) in (1..).zip(batches) {
        if at % (count / GROUP / LOOKUPS).max(1) == 0 {
            sample.extend(batch.first().map(|entry| entry.record.receipt.id));
        }
        part.run(|| {
            store.commit(&batch).unwrap();
            if retain == Retain::Bound {
                let sign = &mut |point| signer.sign_prune_point(point);
                while store.prune(now(), sign).unwrap() == Pruned::More {}
            }
        });
        part.records += batch.len();
        if at % (count / GROUP / 4).max(1) == 0 {
            part.say(store, folder);
            part = Part::default();
        }
    }
    sample
}

fn groups_of(store: &FileStore, group: usize) {
    let mut part = Part::default();
    for batch in batches(group * 1000, group) {
        part.run(|| store.commit(&batch).unwrap());
        part.records += group;
    }
    println!("groups of {group}: {}", part.times());
}

#[derive(Default)]
struct Part {
    records: usize,
    took: Vec<Duration>,
    cpu: Duration,
}

impl Part {
    fn run(&mut self, run: impl FnOnce()) {
        let (begun, cpu) = (Instant::now(), cpu());
        run();
        self.cpu += cpu_since(cpu);
        self.took.push(begun.elapsed());
    }

    fn times(&mut self) -> String {
        self.took.sort();
        let total: Duration = self.took.iter().sum();
        format!(
            "{:.0}/s, {:.1} us CPU a receipt; a call: p50 {:?}, p99 {:?}, longest {:?}",
            self.records as f64 / total.as_secs_f64(),
            self.cpu.as_secs_f64() * 1e6 / self.records as f64,
            self.took[self.took.len() / 2],
            self.took[self.took.len() * 99 / 100],
            self.took[self.took.len() - 1],
        )
    }

    fn say(&mut self, store: &FileStore, folder: &Path) {
        let usage = store.usage();
        let file = fs::metadata(folder.join("receipts.redb")).unwrap();
        let disk = file.blocks() * 512;
        println!(
            "{} receipts: {}; counted {} MiB, on disk {} MiB ({:.0} B a receipt), length {} MiB, resident {} MiB, evicted {}",
            usage.receipts,
            self.times(),
            usage.bytes >> 20,
            disk >> 20,
            disk as f64 / usage.receipts as f64,
            file.len() >> 20,
            resident(),
            usage.evicted,
        );
    }
}

fn look_up(store: &FileStore, what: &str, mut ids: Vec<String>) {
    // In an order that the file knows nothing of.
    ids.sort_by_key(|id| jurat_proto::sha256(id.as_bytes()));
    let mut part = Part { records: ids.len(), ..Part::default() };
    for id in &ids {
        part.run(|| assert!(matches!(store.find(id, now()).unwrap(), Found::Entry(_)), "{id} is lost"));
    }
    println!("by {what}: {}", part.times());
    let mut part = Part { records: ids.len(), ..Part::default() };
    for id in &ids {
        let id: String = id.chars().rev().collect();
        part.run(|| assert!(matches!(store.find(&id, now()).unwrap(), Found::Unknown), "{id} is found"));
    }
    println!("by {what}, unknown: {}", part.times());
}

/// Signs ahead on another thread.
fn batches(count: usize, group: usize) -> mpsc::IntoIter<Vec<Arc<Entry>>> {
    let (sender, batches) = mpsc::sync_channel(64);
    thread::spawn(move || {
        let mut signer = signer();
        for _ in 0..count / group {
            let batch = (0..group).map(|_| entry(&mut signer)).collect();
            if sender.send(batch).is_err() {
                return;
            }
        }
    });
    batches.into_iter()
}

fn entry(signer: &mut Signer) -> Arc<Entry> {
    let mut id = [0; 16];
    UnwrapErr(getrandom::SysRng).fill_bytes(&mut id);
    let id = ReceiptId::new(id);
    let body = format!(r#"{{"id":"chatcmpl-{id}","model":"meta-llama/Llama-3.3-70B-Instruct"}}"#);
    let answer = Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(body.len() as u64),
        shape: Shape::Json,
    };
    let mut exchange = Exchange::open("POST /v1/chat/completions".into(), now(), Digest::ZERO);
    exchange.request(id.as_bytes());
    let mut exchange = exchange.answering(answer);
    let _ = exchange.observe(body.as_bytes());
    Arc::new(Entry { record: signer.sign(exchange.finish(End::Complete, now()), id), owner: None })
}

fn signer() -> Signer {
    Signer::new(Key::generate(&mut UnwrapErr(getrandom::SysRng)), "claims")
}

fn now() -> UnixMillis {
    UnixMillis(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64)
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = run();
    println!("{what}: {:?}, resident {} MiB", begun.elapsed(), resident());
    done
}

/// What this thread has used.
fn cpu() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap()
}

fn cpu_since(begun: u64) -> Duration {
    Duration::from_nanos(cpu() - begun)
}

/// Of all threads, in MiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap() >> 10
}
