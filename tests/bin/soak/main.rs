//! The soak: many exchanges that end in every way, and after each one the question whether its receipt is
//! there, says how it ended, covers the right bytes and is signed by the signer that the report names.
//!
//! `jurat-soak [STREAMS] [--in-flight N]`, 100,000 and 256 if not said; exits 1 if one answer is without its receipt. The
//! program under test is found as in the tests (`JURAT_BIN`, else it is built).
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jurat_proto::{End, ReceiptId, SignatureRecord};
use jurat_tests::{
    Client, Ending, FakeEngine, KeptClient, Message, Oath, Sidecar,
    kinds::{Kind, Leaving},
    request,
};

/// For exchanges whose client left: the sidecar needs a moment to notice.
const NOTICING: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Tally {
    kinds: BTreeMap<Kind, (usize, usize)>,
    without_receipt: usize,
    complaints: Vec<String>,
    complete: Vec<ReceiptId>,
    others: Vec<ReceiptId>,
    lookups: Vec<Duration>,
}

/// What went wrong with one exchange.
enum Wrong {
    /// No receipt could be fetched when there had to be one.
    NoReceipt(String),
    /// There was one, or an answer, and it was not right.
    Broken(String),
}

struct Stage {
    sidecar: Sidecar,
    oath: Oath,
    next: AtomicUsize,
    streams: usize,
    tally: Mutex<Tally>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let (mut streams, mut in_flight) = (100_000, 256);
    let mut target = &mut streams;
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("--in-flight", _) => target = &mut in_flight,
            (_, Ok(number)) => *target = number,
            _ => {
                eprintln!("usage: jurat-soak [STREAMS] [--in-flight N]");
                return ExitCode::from(64);
            }
        }
    }
    let engine = FakeEngine::start_forgetful(|head| {
        let number = head.header("x-script").and_then(|value| value.parse().ok()).unwrap_or(0);
        Kind::of(number).script(number)
    })
    .await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    println!("soak: {streams} exchanges, {in_flight} in flight, signer {}", oath.address);
    let tally = Mutex::default();
    let stage = Arc::new(Stage { sidecar, oath, next: AtomicUsize::new(0), streams, tally });
    let began = Instant::now();
    let workers: Vec<_> = (0..in_flight).map(|_| tokio::spawn(work(Arc::clone(&stage)))).collect();
    for worker in workers {
        worker.await.expect("a worker does not panic");
    }
    let took = began.elapsed();
    let kept = still_there(&stage).await;
    report(&stage, took, kept)
}

async fn work(stage: Arc<Stage>) {
    let mut lookup = KeptClient::of(stage.sidecar.address());
    loop {
        let number = stage.next.fetch_add(1, Ordering::Relaxed);
        if number >= stage.streams {
            return;
        }
        let kind = Kind::of(number);
        let result = exchange(&stage, &mut lookup, kind, number).await;
        let mut tally = stage.tally.lock().expect("no holder panics");
        let (played, wrong) = tally.kinds.entry(kind).or_default();
        *played += 1;
        match result {
            Ok((id, end, took)) => {
                tally.lookups.push(took);
                if end == End::Complete { tally.complete.push(id) } else { tally.others.push(id) }
            }
            Err(what) => {
                *wrong += 1;
                let what = match what {
                    Wrong::NoReceipt(what) => {
                        tally.without_receipt += 1;
                        what
                    }
                    Wrong::Broken(what) => what,
                };
                tally.complaints.push(format!("{kind:?} {number}: {what}"));
            }
        }
    }
}

async fn exchange(
    stage: &Stage,
    lookup: &mut KeptClient,
    kind: Kind,
    number: usize,
) -> Result<(ReceiptId, End, Duration), Wrong> {
    let broken = |what: &'static str| move |error: std::io::Error| Wrong::Broken(format!("{what}: {error}"));
    let asked = Kind::asked(number);
    let mut client = Client::connect_patiently(stage.sidecar.address()).await.map_err(broken("connect"))?;
    let script = format!("X-Script: {number}");
    client
        .send(&request("POST", "/v1/chat/completions", &[&script], &asked))
        .await
        .map_err(broken("send"))?;
    let body = kind.body(number);
    let (head, seen) = match kind.leaving() {
        Leaving::Never => {
            let head = client.head().await.map_err(broken("head"))?;
            let mut seen = Vec::new();
            let of = Message::Answer { to_head: false };
            let ending = client.stream_body(&head, of, |piece| seen.extend_from_slice(piece)).await;
            let ending = ending.map_err(broken("body"))?;
            if (ending == Ending::Clean) != kind.is_whole() {
                return Err(Wrong::Broken(format!("the answer ended {ending:?}")));
            }
            if seen != body {
                return Err(Wrong::Broken(format!("the client got {} bytes of {}", seen.len(), body.len())));
            }
            (head, seen)
        }
        Leaving::ClosesAt(needle) => {
            let seen = client.until(needle).await.map_err(broken("stream"))?;
            drop(client);
            seen
        }
        Leaving::ResetsAt(needle) => {
            let seen = client.until(needle).await.map_err(broken("stream"))?;
            client.reset().map_err(broken("reset"))?;
            seen
        }
    };
    let id = head.header("x-receipt-id").and_then(|id| id.parse::<ReceiptId>().ok());
    let id = id.ok_or_else(|| Wrong::NoReceipt("no X-Receipt-Id before the first byte".into()))?;
    // Whoever has seen the end of an answer finds its receipt at the first try.
    let patience = if kind.ends().contains(&End::ClientLeft) { NOTICING } else { Duration::ZERO };
    let began = Instant::now();
    let record = fetch(lookup, id, patience).await?;
    let took = began.elapsed();
    if !body.starts_with(&seen) {
        return Err(Wrong::Broken("the client got bytes that the engine never sent".into()));
    }
    kind.judge(number, seen.len(), &stage.oath, &record).map_err(Wrong::Broken)?;
    Ok((id, record.receipt.end, took))
}

async fn fetch(lookup: &mut KeptClient, id: ReceiptId, patience: Duration) -> Result<SignatureRecord, Wrong> {
    let until = Instant::now() + patience;
    loop {
        let answer = lookup.fetch(&format!("/signature/{id}")).await;
        let answer = answer.map_err(|error| Wrong::NoReceipt(format!("lookup of {id}: {error}")))?;
        if answer.status() == 200 {
            return serde_json::from_slice(&answer.body)
                .map_err(|error| Wrong::Broken(format!("{id}: {error}")));
        }
        if Instant::now() >= until {
            let body = String::from_utf8_lossy(&answer.body);
            return Err(Wrong::NoReceipt(format!("{id}: status {}: {body}", answer.status())));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How many of the receipts are there at the end still: of complete answers, and of others.
async fn still_there(stage: &Stage) -> [usize; 2] {
    let (complete, others) = {
        let mut tally = stage.tally.lock().expect("no holder panics");
        (std::mem::take(&mut tally.complete), std::mem::take(&mut tally.others))
    };
    let mut lookup = KeptClient::of(stage.sidecar.address());
    let mut kept = [0; 2];
    for (at, ids) in [&complete, &others].into_iter().enumerate() {
        for id in ids {
            let found = lookup.fetch(&format!("/signature/{id}")).await;
            kept[at] += usize::from(found.is_ok_and(|answer| answer.status() == 200));
        }
    }
    let mut tally = stage.tally.lock().expect("no holder panics");
    (tally.complete, tally.others) = (complete, others);
    kept
}

fn report(stage: &Stage, took: Duration, kept: [usize; 2]) -> ExitCode {
    let mut tally = stage.tally.lock().expect("no holder panics");
    for (kind, (played, wrong)) in &tally.kinds {
        println!("soak: {:<16} {played:>7} played, {wrong} wrong", format!("{kind:?}"));
    }
    for complaint in tally.complaints.iter().take(20) {
        println!("soak: wrong: {complaint}");
    }
    let seconds = took.as_secs_f64();
    println!("soak: {:.1} s, {:.0} exchanges a second", seconds, stage.streams as f64 / seconds);
    tally.lookups.sort_unstable();
    if let [.., slowest] = tally.lookups.as_slice() {
        let at = |share: usize| tally.lookups[(tally.lookups.len() - 1) * share / 100];
        println!("soak: a receipt's lookup: median {:?}, 99 % {:?}, slowest {slowest:?}", at(50), at(99));
    }
    let [complete, others] = [tally.complete.len(), tally.others.len()];
    println!(
        "soak: there at the end still: {} of {complete} complete, {} of {others} others",
        kept[0], kept[1]
    );
    let [resident, peak] = ["VmRSS", "VmHWM"].map(|name| stage.sidecar.memory_kib(name) / 1024);
    println!("soak: the sidecar holds {resident} MiB, at most {peak} MiB");
    println!("soak: {} answers without a fetchable receipt", tally.without_receipt);
    let wrong: usize = tally.kinds.values().map(|(_, wrong)| wrong).sum();
    match wrong == 0 && tally.without_receipt == 0 && kept[0] == complete {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
