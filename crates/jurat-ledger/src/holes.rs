//! Stretches of chains that retention takes, gathered so that neighbours become one.

use std::collections::BTreeMap;

use jurat_proto::{Digest, PrunePoint, Receipt, UnixMillis};

/// Holes by chain and first sequence; no two of a chain touch.
#[derive(Debug, Default)]
pub(crate) struct Holes(BTreeMap<(Digest, u64), PrunePoint>);

impl Holes {
    /// A receipt is given up.
    pub(crate) fn take(&mut self, receipt: &Receipt, at: UnixMillis) {
        self.absorb(PrunePoint::of(receipt, at));
    }

    /// Adds a hole, and joins it to those that it touches.
    pub(crate) fn absorb(&mut self, mut hole: PrunePoint) {
        let chain = hole.chain;
        let before = self.0.range((chain, 0)..(chain, hole.first)).next_back();
        if let Some((&key, left)) = before
            && left.last.checked_add(1) == Some(hole.first)
        {
            hole.first = left.first;
            hole.previous = left.previous;
            self.0.remove(&key);
        }
        if let Some(behind) = hole.last.checked_add(1)
            && let Some(right) = self.0.remove(&(chain, behind))
        {
            hole.last = right.last;
            hole.receipt_hash = right.receipt_hash;
        }
        self.0.insert((chain, hole.first), hole);
    }

    /// The holes, chain by chain in order.
    pub(crate) fn into_points(self) -> impl Iterator<Item = PrunePoint> {
        self.0.into_values()
    }
}
