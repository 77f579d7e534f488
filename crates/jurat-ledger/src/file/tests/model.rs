//! Commits, retention, openings: against a model that is a list.

use std::collections::BTreeMap;

use jurat_proto::ReceiptId;
use proptest::prelude::*;

use super::*;
use crate::{
    samples::{entry, statement},
    store::Link,
};

#[derive(Debug, Clone)]
enum Step {
    /// So many records of these ends.
    Commit(Vec<End>),
    /// The last batch again.
    Again,
    /// Another signer's chain.
    Chain,
    Prune,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![3 => Just(End::Complete), 1 => Just(End::ClientLeft)];
    let step = prop_oneof![
        6 => prop::collection::vec(end, 1..12).prop_map(Step::Commit),
        1 => Just(Step::Again),
        1 => Just(Step::Chain),
        3 => Just(Step::Prune),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_file_is_a_list(steps in steps()) {
        let folder = Folder::new();
        // About forty receipts.
        let bounds = Bounds { bytes: 24_000, age: Duration::from_millis(60) };
        let mut store = FileStore::open(folder.path(), bounds).unwrap();
        let (mut signers, mut now, mut last) = (vec![signer()], 0u64, Vec::new());
        let mut written: Vec<Arc<Entry>> = Vec::new();
        for step in steps {
            match step {
                Step::Commit(ends) => {
                    let signer = signers.last_mut().unwrap();
                    last = ends
                        .iter()
                        .map(|end| {
                            now += 1;
                            let id = ReceiptId::new(u128::from(now).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
                            entry(signer.sign(statement(&format!("c-{now}"), *end, now), id))
                        })
                        .collect::<Vec<_>>();
                    store.commit(&last).unwrap();
                    written.extend(last.iter().cloned());
                }
                Step::Again => store.commit(&last).unwrap(),
                Step::Chain => signers.push(signer()),
                Step::Prune => {
                    prune_with(&store, signers.last().unwrap(), now);
                    prop_assert!(store.usage().bytes <= bounds.bytes || store.usage().receipts == 1);
                    check(&store, &written, now)?;
                }
                Step::Reopen => {
                    drop(store);
                    store = FileStore::open(folder.path(), bounds).unwrap();
                    check(&store, &written, now)?;
                }
            }
        }
        check(&store, &written, now)?;
    }
}

fn check(store: &FileStore, written: &[Arc<Entry>], now: u64) -> Result<(), TestCaseError> {
    let mut held = BTreeMap::new();
    for entry in written {
        let receipt = &entry.record.receipt;
        let by_id = store.find(&receipt.id.to_string(), UnixMillis(now)).unwrap();
        let by_alias = store.find(&receipt.response_id, UnixMillis(now)).unwrap();
        match (&by_id, &by_alias) {
            (Found::Entry(one), Found::Entry(other)) => prop_assert!(one == entry && other == entry),
            (Found::Expired, Found::Expired) => prop_assert!(receipt.finished_at.0 + 60 < now),
            (Found::Unknown, Found::Unknown) => continue,
            other => prop_assert!(false, "{:?}", other),
        }
        held.insert((receipt.chain, receipt.sequence), receipt);
    }
    prop_assert_eq!(store.usage().receipts, held.len() as u64);
    let mut paged = 0;
    for summary in store.chains().unwrap() {
        let (mut next, mut previous, mut after) = (1, summary.chain, 0);
        loop {
            let page = store.page(&summary.chain, after, 7).unwrap();
            for link in &page.links {
                match link {
                    Link::Receipt(entry) => {
                        let receipt = &entry.record.receipt;
                        prop_assert_eq!((receipt.sequence, receipt.previous), (next, previous));
                        prop_assert!(held.contains_key(&(receipt.chain, receipt.sequence)));
                        (next, previous) = (receipt.sequence + 1, receipt.struct_hash());
                        paged += 1;
                    }
                    Link::Pruned(point) => {
                        prop_assert_eq!((point.prune.first, point.prune.previous), (next, previous));
                        (next, previous) = (point.prune.last + 1, point.prune.receipt_hash);
                    }
                }
            }
            match page.next {
                Some(on) => after = on,
                None => break,
            }
        }
        let signed = written.iter().filter(|entry| entry.record.receipt.chain == summary.chain).count();
        prop_assert_eq!(next, signed as u64 + 1, "nothing is cut off");
        prop_assert!(summary.first <= summary.last && summary.last < next);
    }
    prop_assert_eq!(paged, held.len());
    Ok(())
}
