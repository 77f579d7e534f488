//! What is known of how much the server holds, so that retention need not ask after every batch.

use std::time::{Duration, Instant};

use jurat_proto::{Digest, UnixMillis};

use super::{misshapen, resp::Reply};
use crate::{
    memory::INCOMPLETE_CEILING,
    store::{Bounds, StoreError, Usage},
};

/// How often the server is asked although nothing seems due: the other replicas write too.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// Pause after a look that found something due and could not take it.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// Numbers as the server last told them.
#[derive(Debug, Default)]
pub(super) struct Tally {
    held: Held,
    evicted: u64,
    looked: Option<Instant>,
    held_off_until: Option<Instant>,
    /// The chain of this process's last report.
    pub(super) sworn_chain: Option<(Digest, UnixMillis)>,
    /// The chain of its last commit, which may be an old one that is copied from memory.
    written_chain: Option<Digest>,
}

/// What the server holds under the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) receipts: u64,
    pub(super) bytes: u64,
    /// Of these, the bytes of receipts that are not complete.
    pub(super) incomplete: u64,
    /// When the exchange ended whose receipt is the oldest.
    pub(super) oldest: Option<UnixMillis>,
}

impl Tally {
    pub(super) fn usage(&self) -> Usage {
        Usage { receipts: self.held.receipts, bytes: self.held.bytes, evicted: self.evicted }
    }

    /// The chain that this process may go on writing.
    pub(super) fn own_chain(&self) -> Option<Digest> {
        self.sworn_chain.map(|(chain, _)| chain).or(self.written_chain)
    }

    /// A batch of this process was kept.
    pub(super) fn committed(&mut self, chain: Digest, held: Held) {
        self.held = held;
        self.written_chain = Some(chain);
        self.held_off_until = None;
    }

    /// Retention looked.
    pub(super) fn looked(&mut self, held: Held, taken: u64) {
        self.held = held;
        self.evicted += taken;
        self.looked = Some(Instant::now());
    }

    /// Something is due that can't be taken now.
    pub(super) fn hold_off(&mut self) {
        self.held_off_until = Some(Instant::now() + HOLD_OFF);
    }

    /// Whether retention should ask the server.
    pub(super) fn is_look_due(&self, bounds: &Bounds, now: UnixMillis) -> bool {
        if self.held_off_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) || self.held.is_beyond(bounds, now)
    }
}

impl Held {
    /// Whether something must go.
    pub(super) fn is_beyond(&self, bounds: &Bounds, now: UnixMillis) -> bool {
        self.bytes > bounds.bytes
            || self.incomplete > bounds.bytes / INCOMPLETE_CEILING
            || self.oldest.is_some_and(|since| bounds.has_outlived(since, now))
    }

    /// Reads what the scripts answer.
    pub(super) fn read(reply: &Reply) -> Result<Self, StoreError> {
        let Reply::List(list) = reply else { return Err(misshapen("what it holds")) };
        let text = |at: usize| match list.get(at) {
            Some(Reply::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
        // A count can't be below zero unless somebody else wrote it.
        let number =
            |at: usize| text(at).and_then(|text| text.parse().ok()).ok_or_else(|| misshapen("what it holds"));
        let oldest = text(3).filter(|text| !text.is_empty());
        let oldest = oldest.map(|_| number(3)).transpose()?.map(UnixMillis);
        Ok(Self { receipts: number(0)?, bytes: number(1)?, incomplete: number(2)?, oldest })
    }
}
