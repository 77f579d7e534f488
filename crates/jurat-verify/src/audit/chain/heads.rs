//! A chain's signed heads, and the receipts at which they must be met.

use jurat_proto::{Digest, Head};

use crate::{CheckId, HeadSeen, audit::walk::Faults, check::Finding};

/// Heads that wait for their receipt. Exports carry one, files put together a few.
const MAX_WAITING: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Heads {
    waiting: Vec<(HeadSeen, Digest)>,
    /// The furthest that agreed with its receipt.
    met: Option<HeadSeen>,
    /// The furthest of all.
    far: Option<HeadSeen>,
    /// One was passed over for want of room.
    crowded: bool,
}

impl Heads {
    /// Takes a head in; `there` is the hash of the receipt at its place, if that is remembered.
    pub(super) fn add(&mut self, head: &Head, there: Option<Digest>, faults: &mut Faults) {
        let seen = HeadSeen { sequence: head.sequence, at: head.at };
        if self.far.is_none_or(|far| further(&seen, &far)) {
            self.far = Some(seen);
        }
        match there {
            Some(hash) => self.meet(seen, &head.receipt_hash, &hash, faults),
            None if self.waiting.len() < MAX_WAITING => self.waiting.push((seen, head.receipt_hash)),
            None => self.crowded = true,
        }
    }

    /// Meets the heads that wait at this place.
    pub(super) fn pass(&mut self, sequence: u64, hash: &Digest, faults: &mut Faults) {
        while let Some(at) = self.waiting.iter().position(|(head, _)| head.sequence == sequence) {
            let (head, named) = self.waiting.swap_remove(at);
            self.meet(head, &named, hash, faults);
        }
    }

    fn meet(&mut self, head: HeadSeen, named: &Digest, hash: &Digest, faults: &mut Faults) {
        if named != hash {
            faults.add(CheckId::ChainHead, || {
                format!("the head at {} names another receipt than the one there", head.sequence)
            });
        } else if self.met.is_none_or(|met| further(&head, &met)) {
            self.met = Some(head);
        }
    }

    /// The furthest head that agreed with its receipt.
    pub(super) fn met(&self) -> Option<HeadSeen> {
        self.met
    }

    /// Whether a head that the chain reaches was compared with nothing.
    pub(super) fn unmet(&self, reached: u64) -> bool {
        self.crowded || self.waiting.iter().any(|(head, _)| head.sequence <= reached)
    }

    pub(super) fn judge(&self, reached: u64, faults: &Faults) -> Finding {
        faults.or(CheckId::ChainHead, || match (self.far, self.met) {
            (None, _) => Finding::skip("there is no signed head"),
            (Some(far), _) if far.sequence > reached => Finding::fail(format!(
                "the signer swore to {} receipts, and the export ends at {reached}: its end was cut off",
                far.sequence
            )),
            (_, Some(met)) => Finding::pass(format!("whole up to the head at {}", met.sequence)),
            (Some(far), None) => Finding::skip(format!(
                "the head at {} is too far behind the last receipt to be compared",
                far.sequence
            )),
        })
    }
}

/// The later of two heads at one place counts: it shows more.
fn further(one: &HeadSeen, other: &HeadSeen) -> bool {
    (one.sequence, one.at) > (other.sequence, other.at)
}
