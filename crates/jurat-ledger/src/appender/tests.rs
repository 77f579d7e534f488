use std::sync::{Arc, Mutex};

use jurat_proto::{Digest, End, ReceiptId, SignedHead, UnixMillis};

use super::*;
use crate::{
    MEMORY_BOUNDS, MemoryStore,
    samples::{found, id, signer, statement},
    store::{Entry, Found, StoreError},
};

mod moody;

use moody::Moody;

fn clock() -> UnixMillis {
    UnixMillis(1_000)
}

fn settings(capacity: usize) -> Settings {
    settings_with(capacity, OnFailure::Refuse)
}

fn settings_with(capacity: usize, on_failure: OnFailure) -> Settings {
    let mut begun = 0;
    let chains = move || {
        begun += 1;
        Ok(NewChain { name: Digest::new([begun; 32]), claims: format!("claims {begun}"), report: None })
    };
    Settings { capacity, on_failure, store: StoreAtStart::Well, chains: Box::new(chains) }
}

fn found_in(archive: &Archive, key: &str) -> Option<ReceiptId> {
    match archive.find(key, UnixMillis(1_000)).unwrap() {
        Found::Entry(entry) => Some(entry.record.receipt.id),
        Found::Expired | Found::Unknown => None,
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn a_receipt_is_visible_when_its_answer_is_released() {
    let appender =
        Appender::start(signer(), Arc::new(MemoryStore::new(MEMORY_BOUNDS)), clock, settings(10_000))
            .unwrap();
    runtime().block_on(async {
        let tasks: Vec<_> = (0..500u32)
            .map(|n| {
                let appender = appender.clone();
                tokio::spawn(async move {
                    let id = ReceiptId::new([n.to_be_bytes(); 4].concat().try_into().unwrap());
                    appender
                        .reserve(None)
                        .unwrap()
                        .append(statement("x", End::Complete, 1_000), id)
                        .await
                        .unwrap();
                    assert_eq!(found_in(appender.archive(), &id.to_string()), Some(id));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!((appender.in_flight(), appender.archive().usage().receipts), (0, 500));
}

#[test]
fn a_failed_batch_is_retried_byte_for_byte() {
    let store = Moody::failing(2);
    let appender = Appender::start(signer(), store.clone(), clock, settings(8)).unwrap();
    runtime()
        .block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)))
        .unwrap();
    let given = store.given.lock().unwrap();
    assert_eq!(given.len(), 3);
    assert!(given.iter().all(|batch| *batch == given[0]));
}

#[test]
fn a_store_that_stays_down_releases_nothing_and_loses_no_place() {
    let store = Moody::failing(5);
    let appender = Appender::start(signer(), store.clone(), clock, settings(8)).unwrap();
    let runtime = runtime();
    let lost =
        runtime.block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)));
    assert_eq!(lost, Err(AppendError));
    assert_eq!(appender.reserve(None).err(), Some(ReserveError::Unavailable));
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while appender.health() != Health::Well {
        assert!(std::time::Instant::now() < deadline, "the appender never recovered");
        std::thread::sleep(Duration::from_millis(20));
    }
    runtime
        .block_on(appender.reserve(None).unwrap().append(statement("b", End::Complete, 1), id(2)))
        .unwrap();
    let (Found::Entry(one), Found::Entry(two)) = (
        store.find(&id(1).to_string(), UnixMillis(1)).unwrap(),
        store.find(&id(2).to_string(), UnixMillis(1)).unwrap(),
    ) else {
        panic!("both receipts must be kept");
    };
    let (one, two) = (&one.record.receipt, &two.record.receipt);
    assert_eq!((one.sequence, two.sequence), (1, 2));
    assert_eq!(two.previous, one.struct_hash());
}

#[test]
fn slots_are_bounded_and_given_back() {
    let appender =
        Appender::start(signer(), Arc::new(MemoryStore::new(MEMORY_BOUNDS)), clock, settings(2)).unwrap();
    let (one, _two) = (appender.reserve(None).unwrap(), appender.reserve(None).unwrap());
    assert_eq!(appender.reserve(None).err(), Some(ReserveError::Full));
    drop(one);
    let unawaited = appender.reserve(None).unwrap().append(statement("a", End::ClientLeft, 1_000), id(9));
    drop(unawaited);
    appender.close();
    assert_eq!(found_in(appender.archive(), &id(9).to_string()), Some(id(9)), "kept although nobody waited");
    assert_eq!(appender.health(), Health::Stopped);
}

#[test]
fn after_an_unknown_outcome_the_chain_is_whole_and_closed_and_another_begins() {
    let store = Moody::failing_with(1, StoreError::Unknown);
    let appender = Appender::start(signer(), store.clone(), clock, settings(8)).unwrap();
    let runtime = runtime();
    let append = |n: u8| {
        let slot = loop {
            match appender.reserve(None) {
                Ok(slot) => break slot,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        runtime.block_on(slot.append(statement("a", End::Complete, 1), id(n)))
    };
    assert_eq!(append(1), Err(AppendError), "nobody may be told of an outcome that nobody knows");
    append(2).unwrap();
    let record = |n: u8| match appender.archive().find(&id(n).to_string(), UnixMillis(1)).unwrap() {
        Found::Entry(entry) => entry.record.receipt.clone(),
        other => panic!("{n}: {other:?}"),
    };
    let (one, two) = (record(1), record(2));
    assert_eq!((one.sequence, two.sequence), (1, 1));
    assert_eq!((two.chain, two.previous), (Digest::new([1; 32]), Digest::new([1; 32])));
    assert_eq!(two.claims_hash, jurat_proto::sha256(b"claims 1"), "the claims name the new chain");
    let closed =
        appender.archive().page(&one.chain, 0, 9).unwrap().head.expect("the closed chain has a head");
    assert_eq!((closed.head.sequence, closed.head.receipt_hash), (1, one.struct_hash()));
}

#[test]
fn memory_stands_in_and_is_copied_back() {
    let store = Moody::failing(usize::MAX);
    let appender =
        Appender::start(signer(), store.clone(), clock, settings_with(64, OnFailure::Memory(MEMORY_BOUNDS)))
            .unwrap();
    let runtime = runtime();
    let append = |n: u8| {
        runtime.block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1_000), id(n)))
    };
    append(1).expect("memory took it");
    // The answer is released first; the new chain is begun behind it.
    append(2).unwrap();
    assert_eq!(appender.health(), Health::InMemory);
    assert_eq!(found(&*store, &id(2).to_string()), None, "the store has nothing");
    assert_eq!(found_in(appender.archive(), &id(1).to_string()), Some(id(1)));
    store.failures.store(0, Ordering::Release);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while appender.health() != Health::Well {
        assert!(std::time::Instant::now() < deadline, "the store was not taken again");
        std::thread::sleep(Duration::from_millis(20));
    }
    append(3).unwrap();
    for n in 1..=3 {
        assert_eq!(found(&*store, &id(n).to_string()), Some(id(n)), "copied back, or kept there");
    }
    let chains = store.chains().unwrap();
    let lengths: Vec<_> = chains.iter().map(|chain| (chain.first, chain.last)).collect();
    assert_eq!(lengths.len(), 2, "a fall to memory begins a chain");
    assert!(lengths.contains(&(1, 1)) && lengths.contains(&(1, 2)), "{lengths:?}");
}

#[test]
fn waiting_answers_are_given_up_at_once_and_their_receipts_kept_later() {
    let store = Moody::failing(TRIES_AND_MORE);
    let appender = Appender::start(signer(), store.clone(), clock, settings(64)).unwrap();
    let runtime = runtime();
    let slots: Vec<_> = (1..=20).map(|_| appender.reserve(None).unwrap()).collect();
    let waiting: Vec<_> = (1..=20u8)
        .zip(slots)
        .map(|(n, slot)| slot.append(statement("a", End::Complete, 1_000), id(n)))
        .collect();
    for appended in waiting {
        assert_eq!(runtime.block_on(appended), Err(AppendError));
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while appender.health() != Health::Well || store.usage().receipts < 20 {
        assert!(std::time::Instant::now() < deadline, "receipts were lost: {:?}", store.usage());
        std::thread::sleep(Duration::from_millis(20));
    }
    let page = store.page(&store.chains().unwrap()[0].chain, 0, 100).unwrap();
    let sequences: Vec<_> = page.receipts().map(|entry| entry.record.receipt.sequence).collect();
    assert_eq!(sequences, (1..=20).collect::<Vec<u64>>(), "no gap");
}

/// More than a batch is tried before it is given up.
const TRIES_AND_MORE: usize = 5;

#[test]
fn a_head_says_how_far_the_live_chain_has_come() {
    let appender =
        Appender::start(signer(), Arc::new(MemoryStore::new(MEMORY_BOUNDS)), clock, settings(8)).unwrap();
    let runtime = runtime();
    let empty = runtime.block_on(appender.head()).unwrap();
    assert_eq!((empty.head.sequence, empty.head.receipt_hash), (0, empty.head.chain));
    runtime
        .block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)))
        .unwrap();
    let head = runtime.block_on(appender.head()).unwrap();
    assert_eq!(head.signature.recover(&head.head.digest()).unwrap().address(), appender.address());
    assert_eq!((head.head.chain, head.head.sequence), (empty.head.chain, 1));
    appender.close();
    assert!(runtime.block_on(appender.head()).is_err());
    let kept = appender.archive().page(&head.head.chain, 0, 9).unwrap().head;
    assert_eq!(kept.map(|kept| kept.head.sequence), Some(1), "a head is kept when the chain ends");
}

#[test]
fn a_store_that_is_down_at_start_is_stood_in_for_at_once() {
    let store = Moody::failing(3);
    let memory = settings_with(8, OnFailure::Memory(MEMORY_BOUNDS));
    let settings = Settings { store: StoreAtStart::Down, ..memory };
    let appender = Appender::start(signer(), store.clone(), clock, settings).unwrap();
    assert_eq!(appender.health(), Health::InMemory);
    runtime()
        .block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)))
        .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while appender.health() != Health::Well {
        assert!(std::time::Instant::now() < deadline, "the store was not taken again");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(found(&*store, &id(1).to_string()), Some(id(1)));
}

/// Waits until the store is taken again.
fn wait_until_well(appender: &Appender) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while appender.health() != Health::Well {
        assert!(std::time::Instant::now() < deadline, "the store was not taken again");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_export_is_whole_while_memory_stands_in() {
    let store = Moody::failing(0);
    let memory = settings_with(64, OnFailure::Memory(MEMORY_BOUNDS));
    let appender = Appender::start(signer(), store.clone(), clock, memory).unwrap();
    let runtime = runtime();
    let append = |n: u8| {
        let slot = appender.reserve(None).unwrap();
        runtime.block_on(slot.append(statement("a", End::Complete, 1_000), id(n))).unwrap();
    };
    (1..=3).for_each(&append);
    let chain = store.chains().unwrap()[0].chain;
    store.failures.store(usize::MAX, Ordering::Release);
    (4..=6).for_each(&append);
    let sequences = |chain: &Digest, after, limit| {
        let page = appender.archive().page(chain, after, limit).unwrap();
        let found: Vec<_> = page.receipts().map(|entry| entry.record.receipt.sequence).collect();
        (found, page.next, page.head.map(|head| head.head.sequence))
    };
    // The fourth was signed for the old chain and is in memory, like the head that closed it.
    assert_eq!(sequences(&chain, 0, 9), (vec![1, 2, 3, 4], None, Some(4)));
    assert_eq!(sequences(&chain, 0, 3).0, [1, 2, 3]);
    assert_eq!(sequences(&chain, 0, 3).1, Some(3), "a page that ends where memory begins leaves nothing out");
    assert_eq!(sequences(&chain, 3, 9), (vec![4], None, Some(4)));
    assert_eq!(sequences(&Digest::new([1; 32]), 0, 9).0, [1, 2], "the chain that memory began");
    store.failures.store(0, Ordering::Release);
    wait_until_well(&appender);
    assert_eq!(sequences(&chain, 0, 9), (vec![1, 2, 3, 4], None, Some(4)));
}

#[test]
fn memory_that_stands_in_gives_nothing_up() {
    let store = Moody::failing(usize::MAX);
    let bounds = Bounds { bytes: 8 << 10, age: Duration::from_millis(1) };
    let appender =
        Appender::start(signer(), store.clone(), clock, settings_with(64, OnFailure::Memory(bounds)))
            .unwrap();
    let runtime = runtime();
    let mut kept = 0u8;
    while let Ok(slot) = appender.reserve(None) {
        assert!(kept < 100, "memory has no bound");
        if runtime.block_on(slot.append(statement("a", End::Complete, 1), id(kept + 1))).is_ok() {
            kept += 1;
        }
        // It learns of its fill behind the batch.
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(kept > 3);
    assert_eq!(appender.health(), Health::Failing);
    store.failures.store(0, Ordering::Release);
    wait_until_well(&appender);
    assert_eq!(store.usage().receipts, u64::from(kept), "all of it was brought to the store");
}

#[test]
fn an_end_brings_to_the_store_what_memory_keeps() {
    let store = Moody::failing(4);
    let memory = settings_with(64, OnFailure::Memory(MEMORY_BOUNDS));
    let appender = Appender::start(signer(), store.clone(), clock, memory).unwrap();
    runtime()
        .block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)))
        .expect("memory took it");
    assert_eq!(appender.close(), 0);
    assert_eq!(found(&*store, &id(1).to_string()), Some(id(1)));
    let dead = Moody::failing(usize::MAX);
    let memory = settings_with(64, OnFailure::Memory(MEMORY_BOUNDS));
    let appender = Appender::start(signer(), dead, clock, memory).unwrap();
    runtime()
        .block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(1)))
        .expect("memory took it");
    assert_eq!(appender.close(), 1, "what is lost is said");
}

#[test]
fn no_head_swears_to_receipts_that_the_store_never_took() {
    let store = Moody::failing(0);
    let appender = Appender::start(signer(), store.clone(), clock, settings(8)).unwrap();
    let append = |n: u8| {
        runtime().block_on(appender.reserve(None).unwrap().append(statement("a", End::Complete, 1), id(n)))
    };
    append(1).unwrap();
    store.failures.store(usize::MAX, Ordering::Release);
    assert_eq!(append(2), Err(AppendError));
    appender.close();
    let chain = store.chains().unwrap()[0].chain;
    let kept = store.page(&chain, 0, 9).unwrap();
    assert_eq!(kept.receipts().count(), 1);
    assert_eq!(kept.head.map(|head| head.head.sequence), None, "a head at 2 would say that one was cut off");
}
