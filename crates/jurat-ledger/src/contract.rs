//! What every store must do, as [`crate::store::Store`] says it: each implementation runs all of it.

use std::{sync::Arc, time::Duration};

use jurat_proto::{Address, Digest, End, PrunePoint, ReceiptId, SignedPrunePoint, UnixMillis};
use jurat_witness::Signer;

use crate::{
    samples::{entries, entry, found, id, signer, statement},
    store::{ArchivedReport, Bounds, Entry, Found, Link, Page, Pruned, ReportKey, Store},
};

/// Opens an empty store under these bounds.
pub(crate) type Open<'a> = &'a dyn Fn(Bounds) -> Arc<dyn Store>;

/// One test for each rule. `$open` is called with bounds and gives an empty store.
macro_rules! contract {
    ($open:expr) => {
        $crate::contract::contract!(
            $open;
            a_record_comes_back_as_it_was
            the_first_bearer_keeps_an_alias
            an_alias_dies_with_its_first_bearer
            a_fold_has_few_bearers
            the_same_batch_again_changes_nothing
            incomplete_receipts_have_a_quota_and_a_floor
            new_receipts_are_never_refused
            age_ends_a_receipt_and_its_alias
            a_chain_is_read_in_pages
            holes_are_sworn_to_and_joined
            chains_are_told_apart
            a_report_is_kept_as_long_as_it_is_named
            the_newest_report_of_a_signer_is_found
            the_newest_head_is_kept
        );
    };
    ($open:expr; $($rule:ident)*) => {
        $(
            #[test]
            fn $rule() {
                $crate::contract::$rule(&$open);
            }
        )*
    };
}
pub(crate) use contract;

pub(crate) const WIDE: Bounds = Bounds { bytes: 64 << 20, age: Duration::from_secs(3600) };

/// Prunes to the end and says how many steps it took.
pub(crate) fn prune_with(store: &dyn Store, signer: &Signer, now: u64) -> usize {
    for step in 1..10_000 {
        let pruned = store.prune(UnixMillis(now), &mut |point| signer.sign_prune_point(point)).unwrap();
        if pruned == Pruned::Enough {
            return step;
        }
    }
    panic!("retention never ends");
}

fn prune(store: &dyn Store, now: u64) {
    prune_with(store, &signer(), now);
}

/// A chain of these ends, one receipt a millisecond from 1, ids from `from`.
pub(crate) fn chain(signer: &mut Signer, from: u8, ends: &[End]) -> Vec<Arc<Entry>> {
    let one = |(at, end): (usize, &End)| {
        let n = from + at as u8;
        entry(signer.sign(statement(&format!("c-{n}"), *end, at as u64 + 1), id(n)))
    };
    ends.iter().enumerate().map(one).collect()
}

/// The sequences of a page: a receipt's own, a hole's first and last.
fn shape(page: &Page) -> Vec<(u64, u64)> {
    page.links
        .iter()
        .map(|link| match link {
            Link::Receipt(entry) => (entry.record.receipt.sequence, entry.record.receipt.sequence),
            Link::Pruned(point) => (point.prune.first, point.prune.last),
        })
        .collect()
}

/// Every link of a page fits the one before, and every prune point is signed.
fn assert_linked(chain: &Digest, page: &Page) {
    let mut previous = *chain;
    let mut next = 1;
    for link in &page.links {
        match link {
            Link::Receipt(entry) => {
                let receipt = &entry.record.receipt;
                assert_eq!((receipt.sequence, receipt.previous), (next, previous));
                (next, previous) = (receipt.sequence + 1, receipt.struct_hash());
            }
            Link::Pruned(point) => {
                let prune = &point.prune;
                assert_eq!((prune.first, prune.previous, prune.chain), (next, previous, *chain));
                let signer = point.signature.recover(&prune.digest()).unwrap().address();
                assert_eq!(signer, point.signing_address);
                (next, previous) = (prune.last + 1, prune.receipt_hash);
            }
        }
    }
}

pub(crate) fn a_record_comes_back_as_it_was(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let ends = [End::Complete, End::EngineFailed, End::EngineTruncated, End::TimedOut, End::ClientLeft, End::Refused];
    let mut batch = chain(&mut signer, 1, &ends);
    let mut odd = (*batch[0]).clone();
    odd.owner = Some(Digest::new([7; 32]));
    batch[0] = Arc::new(odd);
    store.commit(&batch).unwrap();
    for entry in &batch {
        let receipt = &entry.record.receipt;
        for key in [receipt.id.to_string(), receipt.response_id.clone()] {
            let Found::Entry(found) = store.find(&key, UnixMillis(1)).unwrap() else { panic!("{key} is lost") };
            assert_eq!(found, *entry);
        }
    }
    assert_eq!(store.usage().receipts, 6);
    assert!(store.usage().bytes > 0);
    assert_eq!(found(&*store, &ReceiptId::new([99; 16]).to_string()), None);
    store.recover().unwrap();
    assert_eq!(found(&*store, "c-1"), Some(id(1)), "getting well loses nothing");
}

pub(crate) fn the_first_bearer_keeps_an_alias(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let ours = "ab".repeat(16);
    for (n, alias) in [(1, "Chat-A"), (2, "Chat-A"), (3, "chat-b"), (4, "CHAT-B"), (5, &*ours), (6, "")] {
        store.commit(&[entry(signer.sign(statement(alias, End::Complete, 1), id(n)))]).unwrap();
    }
    // In one batch, too.
    let mut pair = |n, alias| entry(signer.sign(statement(alias, End::Complete, 1), id(n)));
    store.commit(&[pair(7, "d"), pair(8, "d"), pair(9, "E"), pair(10, "e")]).unwrap();
    let found = |key: &str| found(&*store, key);
    assert_eq!((found("Chat-A"), found("chat-a")), (Some(id(1)), Some(id(1))));
    assert_eq!(found(&id(2).to_string()), Some(id(2)), "the later bearer is reachable by its own id");
    assert_eq!((found("chat-b"), found("CHAT-B")), (Some(id(3)), Some(id(4))));
    assert_eq!(found("Chat-B"), None, "two bear it");
    assert_eq!((found(&ours), found("")), (None, None), "an engine's id of our own form is no alias");
    assert_eq!((found(&format!("0x{}", id(2))), found("c")), (None, None));
    assert_eq!((found("d"), found("E"), found("e")), (Some(id(7)), Some(id(9)), Some(id(10))));
    assert_eq!(found(&id(8).to_string()), Some(id(8)));
}

pub(crate) fn an_alias_dies_with_its_first_bearer(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 1), id(1)))]).unwrap();
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 100), id(2)))]).unwrap();
    prune(&*store, 100);
    assert_eq!(found(&*store, "a"), None, "the second bearer never had it");
    assert_eq!(store.usage().receipts, 1);
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 100), id(3)))]).unwrap();
    let Found::Entry(third) = store.find("a", UnixMillis(100)).unwrap() else { panic!("free again") };
    assert_eq!(third.record.receipt.id, id(3));
}

pub(crate) fn a_fold_has_few_bearers(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let spelt = |n: u8| -> String {
        (0..4).map(|bit| if n >> bit & 1 == 0 { 'a' } else { 'A' }).collect()
    };
    for n in 0..12 {
        store.commit(&[entry(signer.sign(statement(&spelt(n), End::Complete, 1), id(n + 1)))]).unwrap();
    }
    for n in 0..12 {
        let bearer = (n < 8).then(|| id(n + 1));
        assert_eq!(found(&*store, &spelt(n)), bearer, "{n}");
        assert_eq!(found(&*store, &id(n + 1).to_string()), Some(id(n + 1)));
    }
}

pub(crate) fn the_same_batch_again_changes_nothing(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let batch = chain(&mut signer, 1, &[End::Complete, End::ClientLeft, End::Complete]);
    store.commit(&batch).unwrap();
    let (usage, chains) = (store.usage(), store.chains().unwrap());
    store.commit(&batch).unwrap();
    store.commit(&batch[1..]).unwrap();
    assert_eq!((store.usage(), store.chains().unwrap()), (usage, chains));
    // Half of it new, as after an outcome that nobody knew.
    let more = chain(&mut signer, 4, &[End::Complete; 2]);
    store.commit(&[&batch[2..], &more].concat()).unwrap();
    assert_eq!(store.usage().receipts, 5);
    assert_eq!(store.usage().evicted, 0);
    let page = store.page(&signer.chain(), 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    assert_linked(&signer.chain(), &page);
    store.commit(&[]).unwrap();
}

pub(crate) fn incomplete_receipts_have_a_quota_and_a_floor(open: Open<'_>) {
    let complete = entries(60, End::Complete);
    let size = {
        let store = open(WIDE);
        store.commit(&complete[..1]).unwrap();
        store.usage().bytes
    };
    // Holes cost something too: enough room that they don't matter.
    let store = open(Bounds { bytes: 32 * size, ..WIDE });
    let mut other = signer();
    let left: Vec<_> = (61..=120)
        .map(|n| entry(other.sign(statement(&format!("l-{n}"), End::ClientLeft, 1), id(n))))
        .collect();
    store.commit(&left).unwrap();
    prune(&*store, 1_000);
    let quota = store.usage().receipts;
    assert!((2..=12).contains(&quota), "a quota of their own: a quarter, not {quota}");
    assert_eq!(found(&*store, &id(120).to_string()), Some(id(120)), "the newest is kept");
    assert_eq!(found(&*store, &id(61).to_string()), None);
    store.commit(&complete).unwrap();
    prune(&*store, 1_000);
    assert_eq!(found(&*store, &id(120).to_string()), Some(id(120)), "the floor holds");
    assert_eq!(found(&*store, &id(61 + 60 - quota as u8).to_string()), None, "down to the floor, oldest first");
    assert_eq!(found(&*store, &id(60).to_string()), Some(id(60)));
    assert_eq!(found(&*store, &id(1).to_string()), None);
    assert!(store.usage().bytes <= 32 * size);
    assert_eq!(store.usage().evicted + store.usage().receipts, 120);
}

pub(crate) fn new_receipts_are_never_refused(open: Open<'_>) {
    let tiny = open(Bounds { bytes: 1, ..WIDE });
    tiny.commit(&entries(40, End::Complete)).unwrap();
    assert_eq!(found(&*tiny, "c-1"), Some(id(1)), "a commit gives nothing up");
    prune(&*tiny, 1);
    assert_eq!((found(&*tiny, "c-40"), found(&*tiny, "c-39")), (Some(id(40)), None));
    assert_eq!((tiny.usage().receipts, tiny.usage().evicted), (1, 39));
}

pub(crate) fn age_ends_a_receipt_and_its_alias(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let records = chain(&mut signer, 1, &[End::Complete, End::ClientLeft]);
    store.commit(&records[..1]).unwrap();
    assert!(matches!(store.find("c-1", UnixMillis(51)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Expired));
    assert!(matches!(store.find(&id(1).to_string(), UnixMillis(52)).unwrap(), Found::Expired));
    store.commit(&records[1..]).unwrap();
    prune(&*store, 52);
    for key in ["c-1".to_owned(), id(1).to_string()] {
        assert!(matches!(store.find(&key, UnixMillis(52)).unwrap(), Found::Unknown));
    }
    assert!(matches!(store.find("c-2", UnixMillis(52)).unwrap(), Found::Entry(_)));
    assert_eq!((store.usage().evicted, store.usage().receipts), (1, 1));
}

pub(crate) fn a_chain_is_read_in_pages(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let name = signer.chain();
    assert!(store.page(&name, 0, 10).unwrap().links.is_empty());
    let batch = chain(&mut signer, 1, &[End::Complete; 10]);
    store.commit(&batch[..4]).unwrap();
    store.commit(&batch[4..]).unwrap();
    let page = store.page(&name, 0, 4).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(1, 1), (2, 2), (3, 3), (4, 4)], Some(4)));
    let page = store.page(&name, 8, 4).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(9, 9), (10, 10)], None));
    let page = store.page(&name, 6, 4).unwrap();
    assert_eq!((shape(&page).len(), page.next), (4, None), "the last page is known to be it");
    assert!(store.page(&name, 10, 4).unwrap().links.is_empty());
    assert!(store.page(&name, u64::MAX, 4).unwrap().links.is_empty());
    assert!(store.page(&Digest::new([9; 32]), 0, 4).unwrap().links.is_empty());
    // Receipts 1 to 4 outlive their time.
    prune(&*store, 55);
    for after in [0, 1, 3] {
        let page = store.page(&name, after, 2).unwrap();
        assert_eq!((shape(&page), page.next), (vec![(1, 4), (5, 5)], Some(5)), "a hole reaches across {after}");
    }
    let page = store.page(&name, 0, 1).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(1, 4)], Some(4)));
    assert_eq!(shape(&store.page(&name, 4, 100).unwrap()).first(), Some(&(5, 5)));
    assert_linked(&name, &store.page(&name, 0, 100).unwrap());
}

pub(crate) fn holes_are_sworn_to_and_joined(open: Open<'_>) {
    let complete = entries(1, End::Complete);
    let size = {
        let store = open(WIDE);
        store.commit(&complete).unwrap();
        store.usage().bytes
    };
    // Incomplete ones go from between complete ones: the quota gives them up down to a quarter.
    let store = open(Bounds { bytes: 8 * size, age: Duration::from_millis(50) });
    let mut signer = signer();
    let name = signer.chain();
    use End::{ClientLeft, Complete};
    let ends = [Complete, ClientLeft, ClientLeft, Complete, ClientLeft, ClientLeft, ClientLeft];
    let batch = chain(&mut signer, 1, &ends);
    store.commit(&batch).unwrap();
    prune_with(&*store, &signer, 10);
    let page = store.page(&name, 0, 100).unwrap();
    assert_linked(&name, &page);
    assert!(shape(&page).contains(&(2, 3)), "two neighbours make one hole: {:?}", shape(&page));
    assert!(shape(&page).contains(&(1, 1)) && shape(&page).contains(&(4, 4)));
    // Now age takes everything up to the sixth: one hole is left of three.
    let late = {
        let mut later = |n: u8| entry(signer.sign(statement(&format!("c-{n}"), Complete, 100), id(n)));
        [later(8), later(9)]
    };
    store.commit(&late).unwrap();
    let second = crate::samples::signer();
    prune_with(&*store, &second, 100);
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 7), (8, 8), (9, 9)]);
    assert_linked(&name, &page);
    let Some(Link::Pruned(point)) = page.links.first() else { panic!("a hole") };
    assert_eq!((point.signing_address, point.prune.at), (second.address(), UnixMillis(100)));
    assert_eq!(store.usage().receipts, 2);
}

/// A store that joins what somebody else altered has this process swear to it. (Memory is nobody else's.)
pub(crate) fn a_forged_neighbour_is_not_joined(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let name = signer.chain();
    store.commit(&chain(&mut signer, 1, &[End::Complete; 3])).unwrap();
    let mut forge = |point: PrunePoint| -> SignedPrunePoint {
        let mut point = signer.sign_prune_point(point);
        point.prune.previous = Digest::new([66; 32]);
        point
    };
    assert_eq!(store.prune(UnixMillis(52), &mut forge).unwrap(), Pruned::Enough);
    prune(&*store, 53);
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 1), (2, 2), (3, 3)]);
    let honest = page.links.iter().filter(|link| match link {
        Link::Pruned(point) => {
            point.signature.recover(&point.prune.digest()).map(|key| key.address()) == Ok(point.signing_address)
                && point.prune.previous == Digest::new([66; 32])
        }
        Link::Receipt(_) => false,
    });
    assert_eq!(honest.count(), 0, "nobody swore to the forged part: {:?}", shape(&page));
}

pub(crate) fn chains_are_told_apart(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    assert!(store.chains().unwrap().is_empty());
    let (mut one, mut two) = (signer(), signer());
    let first = chain(&mut one, 1, &[End::Complete; 3]);
    let second = chain(&mut two, 11, &[End::Complete, End::Refused]);
    store.commit(&[&first[..1], &second].concat()).unwrap();
    store.commit(&first[1..]).unwrap();
    let chains = store.chains().unwrap();
    assert_eq!(chains.len(), 2);
    for (signer, last) in [(&one, 3), (&two, 2)] {
        let summary = chains.iter().find(|summary| summary.chain == signer.chain()).unwrap();
        assert_eq!((summary.signing_address, summary.first, summary.last), (signer.address(), 1, last));
        let page = store.page(&signer.chain(), 0, 100).unwrap();
        assert_eq!(page.links.len() as u64, last);
        assert_linked(&signer.chain(), &page);
    }
    prune(&*store, 52);
    let chains = store.chains().unwrap();
    let firsts: Vec<_> = chains.iter().map(|summary| summary.first).collect();
    assert_eq!(firsts, [2, 2]);
    prune(&*store, 1_000);
    assert!(store.chains().unwrap().is_empty());
    assert_eq!(store.usage().receipts, 0);
}

fn report(signer: &Signer, claims: u8, made_at: u64) -> ArchivedReport {
    ArchivedReport {
        claims_hash: Digest::new([claims; 32]),
        signing_address: signer.address(),
        chain: signer.chain(),
        made_at: UnixMillis(made_at),
        report: format!(r#"{{"report of":{claims},"at":{made_at}}}"#),
    }
}

pub(crate) fn a_report_is_kept_as_long_as_it_is_named(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let (mut old, mut new) = (signer(), signer());
    let by_claims = |claims: u8| {
        store.report(&ReportKey::Claims(Digest::new([claims; 32]))).unwrap().map(|report| report.made_at.0)
    };
    assert_eq!(by_claims(1), None);
    store.keep_report(&report(&old, 1, 10)).unwrap();
    store.commit(&chain(&mut old, 1, &[End::Complete; 2])).unwrap();
    prune(&*store, 1_000);
    assert_eq!(by_claims(1), Some(10), "the newest report stays, its receipts or not");
    store.commit(&chain(&mut old, 3, &[End::Complete; 2])).unwrap();
    store.keep_report(&report(&old, 1, 20)).unwrap();
    assert_eq!(by_claims(1), Some(20), "in place of the older");
    store.keep_report(&report(&new, 2, 30)).unwrap();
    store.commit(&chain(&mut new, 11, &[End::Complete])).unwrap();
    prune(&*store, 51);
    assert_eq!((by_claims(1), by_claims(2)), (Some(20), Some(30)));
    prune(&*store, 1_000);
    assert_eq!((by_claims(1), by_claims(2)), (None, Some(30)), "the last receipt takes it along");
    assert_eq!(store.report(&ReportKey::Signer(old.address())).unwrap(), None);
}

pub(crate) fn the_newest_report_of_a_signer_is_found(open: Open<'_>) {
    let store = open(WIDE);
    let mut one = signer();
    store.keep_report(&report(&one, 1, 30)).unwrap();
    store.commit(&chain(&mut one, 1, &[End::Complete])).unwrap();
    one.begin_chain(Digest::new([3; 32]), "claims 3");
    store.keep_report(&report(&one, 3, 40)).unwrap();
    store.commit(&chain(&mut one, 11, &[End::Complete])).unwrap();
    let found = store.report(&ReportKey::Signer(one.address())).unwrap().unwrap();
    assert_eq!(*found, report(&one, 3, 40));
    assert_eq!(store.report(&ReportKey::Signer(Address::new([1; 20]))).unwrap(), None);
    let first = store.report(&ReportKey::Claims(Digest::new([1; 32]))).unwrap().unwrap();
    assert_eq!(first.made_at, UnixMillis(30));
}

pub(crate) fn the_newest_head_is_kept(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let name = signer.chain();
    store.commit(&chain(&mut signer, 1, &[End::Complete; 2])).unwrap();
    assert_eq!(store.page(&name, 0, 10).unwrap().head, None);
    for at in [5, 6] {
        let head = signer.sign_head(UnixMillis(at));
        store.keep_head(&head).unwrap();
        assert_eq!(store.page(&name, 0, 1).unwrap().head, Some(head));
    }
    assert_eq!(store.page(&Digest::new([1; 32]), 0, 1).unwrap().head, None);
}

mod memory {
    use super::*;

    contract!(|bounds| Arc::new(crate::MemoryStore::new(bounds)) as Arc<dyn Store>);
}
