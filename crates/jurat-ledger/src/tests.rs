use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;

use jurat_proto::{Digest, End, ReceiptId, SignatureRecord, UnixMillis};
use jurat_witness::{Answer, Exchange, Family, Framing, Key, Shape, Signer, Statement};

use crate::*;

fn signer() -> Signer {
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    Signer::new(Key::generate(&mut rng), "claims")
}

fn clock() -> UnixMillis {
    UnixMillis(1_000)
}

fn statement(engine_id: &str, end: End, at: u64) -> Statement {
    let body = format!(r#"{{"id":"{engine_id}","model":"m"}}"#);
    let answer = Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(body.len() as u64),
        shape: Shape::Json,
    };
    let mut exchange =
        Exchange::open("POST /v1/chat/completions".into(), UnixMillis(at), Digest::ZERO).answering(answer);
    let _ = exchange.observe(body.as_bytes());
    exchange.finish(end, UnixMillis(at))
}

fn id(n: u8) -> ReceiptId {
    ReceiptId::new([n; 16])
}

fn records(count: u8, end: End) -> Vec<Arc<SignatureRecord>> {
    let mut signer = signer();
    (1..=count).map(|n| Arc::new(signer.sign(statement(&format!("c-{n}"), end, n.into()), id(n)))).collect()
}

fn found(store: &dyn Store, key: &str) -> Option<ReceiptId> {
    match store.find(key, UnixMillis(1_000)).unwrap() {
        Found::Record(record) => Some(record.receipt.id),
        Found::Expired | Found::Unknown => None,
    }
}

#[test]
fn the_first_bearer_keeps_an_alias() {
    let store = MemoryStore::new(Bounds::default());
    let mut signer = signer();
    for (n, alias) in
        [(1, "Chat-A"), (2, "Chat-A"), (3, "chat-b"), (4, "CHAT-B"), (5, &"ab".repeat(16)), (6, "")]
    {
        store
            .commit(&[Arc::new(signer.sign(statement(alias, End::Complete, 1), id(n)))], UnixMillis(1))
            .unwrap();
    }
    assert_eq!(found(&store, "Chat-A"), Some(id(1)));
    assert_eq!(found(&store, "chat-a"), Some(id(1)), "lower-cased, and only one bears it");
    assert_eq!(found(&store, &id(2).to_string()), Some(id(2)), "the later bearer is reachable by its own id");
    assert_eq!((found(&store, "chat-b"), found(&store, "CHAT-B")), (Some(id(3)), Some(id(4))));
    assert_eq!(found(&store, "Chat-B"), None, "two bear it");
    assert_eq!(found(&store, &"ab".repeat(16)), None, "an engine's id of our own form is no alias");
    assert_eq!(found(&store, ""), None);
    assert_eq!(found(&store, &format!("0x{}", id(2))), None);
}

#[test]
fn incomplete_receipts_go_first_and_new_ones_are_never_refused() {
    let complete = records(40, End::Complete);
    let size = {
        let store = MemoryStore::new(Bounds::default());
        store.commit(&complete[..1], UnixMillis(1)).unwrap();
        store.usage().bytes
    };
    let store = MemoryStore::new(Bounds { bytes: 16 * size, age: Duration::from_secs(3600) });
    let left = records(40, End::ClientLeft);
    store.commit(&left[30..], UnixMillis(1_000)).unwrap();
    assert!(store.usage().receipts <= 5, "a quota of their own: a quarter");
    assert_eq!(found(&store, &id(40).to_string()), Some(id(40)), "the newest is kept");
    store.commit(&complete[..16], UnixMillis(1_000)).unwrap();
    assert_eq!(found(&store, &id(40).to_string()), Some(id(40)), "the floor holds");
    assert_eq!(found(&store, &id(39).to_string()), None);
    assert_eq!(found(&store, &id(16).to_string()), Some(id(16)));
    assert!(store.usage().bytes <= 16 * size);
    let tiny = MemoryStore::new(Bounds { bytes: 1, age: Duration::from_secs(3600) });
    tiny.commit(&complete, UnixMillis(1)).unwrap();
    assert_eq!((tiny.usage().receipts, found(&tiny, "c-40"), found(&tiny, "c-39")), (1, Some(id(40)), None));
}

#[test]
fn age_ends_a_receipt_and_its_alias() {
    let store = MemoryStore::new(Bounds { bytes: 1 << 20, age: Duration::from_millis(50) });
    let records = records(2, End::Complete);
    store.commit(&records[..1], UnixMillis(10)).unwrap();
    assert!(matches!(store.find("c-1", UnixMillis(51)).unwrap(), Found::Record(_)));
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Expired));
    store.commit(&records[1..], UnixMillis(52)).unwrap();
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Unknown));
    assert_eq!(store.usage().evicted, 1);
}

/// A store that fails as often as it is told, and remembers what it was given.
struct Moody {
    failures: AtomicUsize,
    given: Mutex<Vec<Vec<SignatureRecord>>>,
    inner: MemoryStore,
}

impl Moody {
    fn failing(times: usize) -> Arc<Self> {
        Arc::new(Self {
            failures: AtomicUsize::new(times),
            given: Mutex::default(),
            inner: MemoryStore::new(Bounds::default()),
        })
    }
}

impl Store for Moody {
    fn commit(&self, batch: &[Arc<SignatureRecord>], now: UnixMillis) -> Result<(), StoreError> {
        self.given.lock().unwrap().push(batch.iter().map(|record| (**record).clone()).collect());
        let left = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        if left.is_ok() {
            return Err(StoreError::Unavailable("told to fail".into()));
        }
        self.inner.commit(batch, now)
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        self.inner.find(id, now)
    }

    fn grouping(&self) -> Grouping {
        Grouping::UpTo(64)
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_receipt_is_visible_when_its_answer_is_released() {
    let appender =
        Appender::start(signer(), Arc::new(MemoryStore::new(Bounds::default())), clock, 10_000).unwrap();
    runtime().block_on(async {
        let tasks: Vec<_> = (0..500u32)
            .map(|n| {
                let appender = appender.clone();
                tokio::spawn(async move {
                    let id = ReceiptId::new([n.to_be_bytes(); 4].concat().try_into().unwrap());
                    appender
                        .reserve()
                        .unwrap()
                        .append(statement("x", End::Complete, 1_000), id)
                        .await
                        .unwrap();
                    assert_eq!(found(&**appender.store(), &id.to_string()), Some(id));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!((appender.in_flight(), appender.store().usage().receipts), (0, 500));
}

#[test]
fn a_failed_batch_is_retried_byte_for_byte() {
    let store = Moody::failing(2);
    let appender = Appender::start(signer(), store.clone(), clock, 8).unwrap();
    runtime().block_on(appender.reserve().unwrap().append(statement("a", End::Complete, 1), id(1))).unwrap();
    let given = store.given.lock().unwrap();
    assert_eq!(given.len(), 3);
    assert!(given.iter().all(|batch| *batch == given[0]));
}

#[test]
fn a_store_that_stays_down_releases_nothing_and_loses_no_place() {
    let store = Moody::failing(5);
    let appender = Appender::start(signer(), store.clone(), clock, 8).unwrap();
    let runtime = runtime();
    let lost = runtime.block_on(appender.reserve().unwrap().append(statement("a", End::Complete, 1), id(1)));
    assert_eq!(lost, Err(AppendError));
    assert_eq!(appender.reserve().err(), Some(ReserveError::Unavailable));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while appender.health() != Health::Well {
        assert!(std::time::Instant::now() < deadline, "the appender never recovered");
        std::thread::sleep(Duration::from_millis(20));
    }
    runtime.block_on(appender.reserve().unwrap().append(statement("b", End::Complete, 1), id(2))).unwrap();
    let (Found::Record(one), Found::Record(two)) = (
        store.find(&id(1).to_string(), UnixMillis(1)).unwrap(),
        store.find(&id(2).to_string(), UnixMillis(1)).unwrap(),
    ) else {
        panic!("both receipts must be kept");
    };
    assert_eq!((one.receipt.sequence, two.receipt.sequence), (1, 2));
    assert_eq!(two.receipt.previous, one.receipt.struct_hash());
}

#[test]
fn slots_are_bounded_and_given_back() {
    let appender =
        Appender::start(signer(), Arc::new(MemoryStore::new(Bounds::default())), clock, 2).unwrap();
    let (one, _two) = (appender.reserve().unwrap(), appender.reserve().unwrap());
    assert_eq!(appender.reserve().err(), Some(ReserveError::Full));
    drop(one);
    let unawaited = appender.reserve().unwrap().append(statement("a", End::ClientLeft, 1_000), id(9));
    drop(unawaited);
    appender.close();
    assert_eq!(found(&**appender.store(), &id(9).to_string()), Some(id(9)), "kept although nobody waited");
    assert_eq!(appender.health(), Health::Stopped);
}
