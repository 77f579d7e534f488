//! What every store must do, as [`crate::store::Store`] says it: each implementation runs all of it.

mod chains;
mod ids;
mod retention;

use std::{sync::Arc, time::Duration};

use jurat_proto::{Address, Digest, End, PrunePoint, ReceiptId, SignedPrunePoint, UnixMillis};
use jurat_witness::Signer;

use crate::{
    samples::{entries, entry, found, id, signer, statement},
    store::{ArchivedReport, Bounds, Entry, Found, Link, Page, Pruned, ReportKey, Store},
};

pub(crate) use self::{chains::*, ids::*, retention::*};

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
pub(crate) fn shape(page: &Page) -> Vec<(u64, u64)> {
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

mod memory {
    use super::*;

    contract!(|bounds| Arc::new(crate::MemoryStore::new(bounds)) as Arc<dyn Store>);
}
