//! What the clients saw.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::load::{Flag, receipts::Witnessed};

/// What the clients and the one who measures share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(super) measuring: Flag,
    pub(super) stop: Flag,
    answers: AtomicU64,
    events: AtomicU64,
    begun: AtomicU64,
    limit: u64,
}

/// Answers and events since the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) answers: u64,
    pub(super) events: u64,
}

impl Shared {
    pub(super) fn new(limit: u64) -> Self {
        Self {
            measuring: Flag::new(false),
            stop: Flag::new(false),
            answers: AtomicU64::new(0),
            events: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            limit,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { answers: self.answers.load(Ordering::Relaxed), events: self.events.load(Ordering::Relaxed) }
    }

    /// Whether one more exchange may begin.
    pub(super) fn may_begin(&self) -> bool {
        self.limit == u64::MAX || self.begun.fetch_add(1, Ordering::Relaxed) < self.limit
    }

    pub(super) fn stopped(&self) -> bool {
        self.answers.load(Ordering::Relaxed) >= self.limit
    }

    pub(super) fn measuring(&self) -> bool {
        self.measuring.load(Ordering::Relaxed)
    }

    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn events(&self, count: u64) {
        self.events.fetch_add(count, Ordering::Relaxed);
    }
}

/// Times in nanoseconds, and whatever was wrong. Times are taken within the window only, faults always.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From an event's stamp to its arrival.
    pub(crate) delays: Vec<u64>,
    /// From a request to the first event of its stream.
    pub(crate) first: Vec<u64>,
    /// From a request to the end of its answer.
    pub(crate) whole: Vec<u64>,
    /// From the stamp of a stream's last event to `[DONE]`.
    pub(crate) ends: Vec<u64>,
    /// From a request for a receipt to the receipt.
    pub(crate) receipts: Vec<u64>,
    /// Exchanges to be judged.
    pub(crate) witnessed: Vec<Witnessed>,
    /// How many answers were not what they should be.
    pub(crate) wrong: u64,
    /// The first few of those.
    pub(crate) complaints: Vec<String>,
}

impl Seen {
    pub(super) fn complain(&mut self, what: impl ToString) {
        self.wrong += 1;
        if self.complaints.len() < 5 {
            self.complaints.push(what.to_string());
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        let Self { delays, first, whole, ends, receipts, witnessed, wrong, complaints } = other;
        self.delays.extend(delays);
        self.first.extend(first);
        self.whole.extend(whole);
        self.ends.extend(ends);
        self.receipts.extend(receipts);
        self.witnessed.extend(witnessed);
        self.wrong += wrong;
        self.complaints.extend(complaints);
    }
}
