//! The walk along one chain: each step must follow the one before it. Remembers the last several thousand places,
//! and nothing that grows with the chain.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use jurat_proto::Digest;

use super::{Extent, count};
use crate::{CheckId, check::Finding};

/// How many places behind its tip a walk remembers: at most 800 KiB a chain. A head that is further behind,
/// or a page that overlaps by more, is compared when a second pass meets the first.
const REMEMBERED: usize = 16_384;

/// A receipt, or the hole that a prune point covers: from the place `first` to the place `last`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) kind: StepKind,
    pub(super) first: u64,
    pub(super) last: u64,
    /// Struct hash of the receipt at the place before.
    pub(super) previous: Digest,
    /// Struct hash of the receipt at `last`.
    pub(super) hash: Digest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepKind {
    Receipt,
    Prune,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            StepKind::Receipt => write!(f, "receipt {}", self.last),
            StepKind::Prune => write!(f, "the prune point of {} to {}", self.first, self.last),
        }
    }
}

/// A place that was reached.
#[derive(Debug, Clone, Copy)]
struct Place {
    sequence: u64,
    hash: Digest,
    kind: StepKind,
}

/// What is wrong with a chain: of each check the first fault, and how many there were.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<CheckId, (String, u64)>);

impl Faults {
    pub(super) fn add(&mut self, id: CheckId, reason: impl FnOnce() -> String) {
        let (_, number) = self.0.entry(id).or_insert_with(|| (reason(), 0));
        *number = number.saturating_add(1);
    }

    /// The fault, if there is one, else what the check found otherwise.
    pub(super) fn or(&self, id: CheckId, otherwise: impl FnOnce() -> Finding) -> Finding {
        match self.0.get(&id) {
            None => otherwise(),
            Some((first, 1)) => Finding::fail(first),
            Some((first, number)) => {
                Finding::fail(format!("{first}; {} in all", count(*number, "such fault")))
            }
        }
    }
}

/// Where a walk has come to.
#[derive(Debug)]
pub(super) struct Walk {
    chain: Digest,
    extent: Extent,
    /// The lowest place seen.
    first: Option<u64>,
    /// The highest.
    far: u64,
    /// Places of the present pass, ascending; the last is its tip.
    recent: VecDeque<Place>,
    /// The tip of an earlier pass, which this one has to meet: if the two agree there, the hashes say that they
    /// agree in all that is before.
    join: Option<Place>,
    uncompared: bool,
    untied: bool,
}

impl Walk {
    pub(super) fn new(chain: Digest, extent: Extent) -> Self {
        Self {
            chain,
            extent,
            first: None,
            far: 0,
            recent: VecDeque::new(),
            join: None,
            uncompared: false,
            untied: false,
        }
    }

    /// Takes a step and says how many of its places were never seen before. `step.first` is at least 1 and at
    /// most `step.last`.
    pub(super) fn step(&mut self, step: &Step, faults: &mut Faults) -> u64 {
        let before = step.first.saturating_sub(1);
        let fresh = step.last.saturating_sub(self.far.max(before));
        let moves = self.approach(step, before, faults);
        self.link(step, before, faults);
        if moves {
            self.arrive(step, faults);
        }
        self.first = Some(self.first.map_or(step.first, |first| first.min(step.first)));
        self.far = self.far.max(step.last);
        fresh
    }

    /// Whether the step leads to another place than those remembered, and what has to be forgotten for that.
    fn approach(&mut self, step: &Step, before: u64, faults: &mut Faults) -> bool {
        let Some(tip) = self.recent.back().copied() else {
            if before > 0 && self.extent == Extent::Whole {
                faults
                    .add(CheckId::ChainGap, || format!("it begins with {step}: what was before is missing"));
            }
            return true;
        };
        if before > self.far {
            let from = self.far.saturating_add(1);
            faults.add(CheckId::ChainGap, || match from == before {
                true => format!("receipt {from} is missing, and no prune point covers it"),
                false => format!("receipts {from} to {before} are missing, and no prune point covers them"),
            });
            true
        } else if before > tip.sequence {
            // from some place that was seen already, back to the end of an earlier pass
            self.uncompared = true;
            self.recent.clear();
            if let Some(join) = self.join.take_if(|join| join.sequence == before) {
                self.recent.push_back(join);
            }
            true
        } else if step.last > tip.sequence {
            // a prune point over places of which some are still here
            self.untied |= before < tip.sequence && self.known(before).is_none();
            true
        } else {
            match self.known(step.last) {
                Some(Place { hash, .. }) if hash == step.hash => false,
                Some(Place { kind, .. }) => {
                    self.collide(step, kind, faults);
                    false
                }
                None => {
                    self.pass_again(tip);
                    true
                }
            }
        }
    }

    /// Both neighbours must be the ones that the hashes name.
    fn link(&self, step: &Step, before: u64, faults: &mut Faults) {
        let Some(neighbour) = self.known(before).filter(|neighbour| neighbour.hash != step.previous) else {
            return;
        };
        let pruned = StepKind::Prune;
        if step.kind == pruned || neighbour.kind == pruned {
            faults.add(CheckId::ChainPrune, || match before {
                0 => format!("{step} does not begin with the chain's name"),
                _ => format!("{step} does not fit what is at {before}"),
            });
        } else {
            faults.add(CheckId::ChainOrder, || match before {
                0 => "receipt 1 does not begin with the chain's name".into(),
                _ => format!("{step} does not name the receipt at {before} as the one before it"),
            });
        }
    }

    fn arrive(&mut self, step: &Step, faults: &mut Faults) {
        if self.recent.len() >= REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Place { sequence: step.last, hash: step.hash, kind: step.kind });
        if let Some(join) = self.join.take_if(|join| join.sequence <= step.last) {
            if join.sequence < step.last {
                self.uncompared = true;
            } else if join.hash != step.hash {
                self.collide(step, join.kind, faults);
            }
        }
    }

    /// Begins a second pass over places that are no longer remembered.
    fn pass_again(&mut self, tip: Place) {
        match self.join {
            // the pass that ends here never met the one before it
            Some(join) if join.sequence > tip.sequence => self.uncompared = true,
            _ => self.join = Some(tip),
        }
        self.recent.clear();
    }

    fn collide(&self, step: &Step, other: StepKind, faults: &mut Faults) {
        if step.kind == StepKind::Prune || other == StepKind::Prune {
            faults.add(CheckId::ChainPrune, || {
                format!("{step} is not about the receipt that is at {}", step.last)
            });
        } else {
            faults.add(CheckId::ChainFork, || format!("two different receipts are at {}", step.last));
        }
    }

    fn known(&self, sequence: u64) -> Option<Place> {
        if sequence == 0 {
            return Some(Place { sequence, hash: self.chain, kind: StepKind::Receipt });
        }
        let at = self.recent.binary_search_by_key(&sequence, |place| place.sequence).ok()?;
        self.recent.get(at).copied()
    }

    /// Hash of the receipt at a place, if it is remembered; of place 0, the chain's name.
    pub(super) fn hash_at(&self, sequence: u64) -> Option<Digest> {
        self.known(sequence).map(|place| place.hash)
    }

    /// The lowest place seen.
    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }

    /// The highest place seen; 0 before any.
    pub(super) fn far(&self) -> u64 {
        self.far
    }

    /// Whether all that stood twice was found to be the same.
    pub(super) fn compared(&self) -> bool {
        !self.uncompared && self.join.is_none()
    }

    /// Whether every prune point could be held against the place before it.
    pub(super) fn tied(&self) -> bool {
        !self.untied
    }
}
