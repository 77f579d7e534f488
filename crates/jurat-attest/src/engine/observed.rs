//! What the engine has to say for metrics.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The engine at one moment. Counters run from its start and never go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Observed {
    /// How many different reports may wait.
    pub queue: usize,
    /// How many do, the one under way not counted.
    pub waiting: usize,
    /// How many callers wait for those and for the one under way.
    pub callers: usize,
    /// How long the report under way has taken so far.
    pub under_way: Option<Duration>,
    /// Age of the report that is shared by default, `jurat-v1`'s.
    pub shared_age: Option<Duration>,
    /// Reports made.
    pub made: u64,
    /// Reports that the hardware failed to make.
    pub failed: u64,
    /// Callers refused because the queue was full.
    pub refused: u64,
    /// Callers whose patience ended first.
    pub timed_out: u64,
    /// Callers that were gone before their report was begun.
    pub left: u64,
    /// The quotes.
    pub quotes: Part,
    /// The GPUs' evidence, all GPUs together.
    pub gpus: Part,
    /// The switches' evidence.
    pub switches: Part,
}

/// One part of the evidence: how often it was asked for, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Part {
    /// How often it was made.
    pub made: u64,
    /// How often it failed.
    pub failed: u64,
    /// How long all of it took, failures included.
    pub total: Duration,
    /// How long the newest took.
    pub last: Duration,
    /// How long the slowest took.
    pub longest: Duration,
}

impl Part {
    fn add(&mut self, took: Duration, outcome: Outcome) {
        match outcome {
            Outcome::Made => self.made += 1,
            Outcome::Failed => self.failed += 1,
        }
        self.total = self.total.saturating_add(took);
        self.last = took;
        self.longest = self.longest.max(took);
    }
}

enum Outcome {
    Made,
    Failed,
}

/// The parts' times, written by the engine's thread and read by whoever observes it.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Parts>);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) quotes: Part,
    pub(super) gpus: Part,
    pub(super) switches: Part,
}

impl Clock {
    /// Runs `work` and adds its time to the part that `which` picks.
    pub(super) fn time<T, E>(
        &self,
        which: impl FnOnce(&mut Parts) -> &mut Part,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let begun = Instant::now();
        let outcome = work();
        let how = if outcome.is_ok() { Outcome::Made } else { Outcome::Failed };
        which(&mut self.lock()).add(begun.elapsed(), how);
        outcome
    }

    pub(super) fn parts(&self) -> Parts {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
