//! What an audit keeps of one chain, and what becomes of it.

mod heads;
mod judge;

use std::collections::BTreeSet;

use jurat_proto::{Address, Digest, End, UnixMillis};

use self::heads::Heads;
use super::{
    Extent, WantedReport,
    line::{HeadLine, Prune, Receipt},
    walk::{Faults, Step, StepKind, Walk},
};
use crate::{CheckId, TrustedSigner};

/// Signers of prune points that are kept apart; further ones are counted as unknown.
const MAX_PRUNERS: usize = 1024;

#[derive(Debug)]
pub(super) struct Chain {
    name: Digest,
    extent: Extent,
    walk: Walk,
    heads: Heads,
    faults: Faults,
    signer: Option<Address>,
    claims_hash: Option<Digest>,
    pruners: BTreeSet<Address>,
    unnamed_pruners: bool,
    receipts: u64,
    pruned: u64,
    repeated: u64,
    ends: [u64; End::ALL.len()],
    first_at: Option<UnixMillis>,
    last_at: Option<UnixMillis>,
    backwards: u64,
}

/// The signers who are believed.
pub(super) struct Trust<'a>(pub(super) &'a [TrustedSigner]);

impl<'a> Trust<'a> {
    fn of(&self, address: Address) -> impl Iterator<Item = &'a TrustedSigner> {
        self.0.iter().filter(move |signer| *signer.address() == address)
    }
}

impl Chain {
    pub(super) fn new(name: Digest, extent: Extent) -> Self {
        Self {
            name,
            extent,
            walk: Walk::new(name, extent),
            heads: Heads::default(),
            faults: Faults::default(),
            signer: None,
            claims_hash: None,
            pruners: BTreeSet::new(),
            unnamed_pruners: false,
            receipts: 0,
            pruned: 0,
            repeated: 0,
            ends: [0; End::ALL.len()],
            first_at: None,
            last_at: None,
            backwards: 0,
        }
    }

    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        let at = receipt.sequence;
        if !receipt.genuine {
            self.faults.add(CheckId::ChainSignature, || {
                format!("the record of receipt {at} is not the one that {} signed", receipt.signer)
            });
        }
        self.signed_by(receipt.signer, || format!("receipt {at}"));
        let claims = *self.claims_hash.get_or_insert(receipt.claims_hash);
        if claims != receipt.claims_hash {
            self.faults.add(CheckId::ChainClaims, || {
                format!("receipt {at} was sworn under other claims than the ones before it")
            });
        }
        let fresh = self.step(&Step {
            kind: StepKind::Receipt,
            first: at,
            last: at,
            previous: receipt.previous,
            hash: receipt.struct_hash,
        });
        if fresh == 0 {
            self.repeated = self.repeated.saturating_add(1);
            return;
        }
        self.receipts = self.receipts.saturating_add(1);
        let end = End::ALL.iter().position(|end| *end == receipt.end);
        if let Some(tally) = end.and_then(|end| self.ends.get_mut(end)) {
            *tally = tally.saturating_add(1);
        }
        if self.last_at.is_some_and(|last| receipt.finished_at < last) {
            self.backwards = self.backwards.saturating_add(1);
        }
        self.first_at.get_or_insert(receipt.finished_at);
        self.last_at = Some(receipt.finished_at);
    }

    pub(super) fn prune(&mut self, prune: &Prune) {
        let point = &prune.point;
        let step = Step {
            kind: StepKind::Prune,
            first: point.first,
            last: point.last,
            previous: point.previous,
            hash: point.receipt_hash,
        };
        if !prune.genuine {
            self.faults.add(CheckId::ChainPrune, || format!("{step} was not signed by {}", prune.signer));
        }
        if point.first == 0 || point.last < point.first {
            self.faults.add(CheckId::ChainPrune, || format!("{step} covers nothing"));
            return;
        }
        if self.pruners.len() < MAX_PRUNERS {
            self.pruners.insert(prune.signer);
        } else {
            self.unnamed_pruners |= !self.pruners.contains(&prune.signer);
        }
        let fresh = self.step(&step);
        self.pruned = self.pruned.saturating_add(fresh);
    }

    pub(super) fn head(&mut self, line: &HeadLine) {
        let sequence = line.head.sequence;
        if !line.genuine {
            self.faults.add(CheckId::ChainHead, || {
                format!("the head at {sequence} was not signed by {}", line.signer)
            });
        }
        self.signed_by(line.signer, || format!("the head at {sequence}"));
        self.heads.add(&line.head, self.walk.hash_at(sequence), &mut self.faults);
    }

    fn step(&mut self, step: &Step) -> u64 {
        let fresh = self.walk.step(step, &mut self.faults);
        self.heads.pass(step.last, &step.hash, &mut self.faults);
        fresh
    }

    /// A chain has one signer. Prune points alone may be another's.
    fn signed_by(&mut self, signer: Address, what: impl FnOnce() -> String) {
        let first = *self.signer.get_or_insert(signer);
        if first != signer {
            self.faults
                .add(CheckId::ChainSigner, || format!("{} names the signer {signer}, not {first}", what()));
        }
    }

    pub(super) fn wanted(&self, trust: &Trust<'_>) -> Vec<WantedReport> {
        let mut wanted = Vec::new();
        if let Some(signing_address) = self.signer {
            let known = trust.of(signing_address).any(|signer| {
                signer.claims_hash().is_none()
                    || self.claims_hash.is_none()
                    || signer.claims_hash() == self.claims_hash.as_ref()
            });
            if !known {
                wanted.push(WantedReport { signing_address, claims_hash: self.claims_hash });
            }
        }
        let others = self.pruners.iter().filter(|address| Some(**address) != self.signer);
        let unknown = others.filter(|address| trust.of(**address).next().is_none());
        wanted.extend(unknown.map(|address| WantedReport { signing_address: *address, claims_hash: None }));
        wanted
    }
}
