//! How fast statements come, and how long a store that fails is left alone.

use std::time::{Duration, Instant};

/// How often a store that fails is looked at again; longer with each failure that follows soon upon another.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
const LONGEST_PATIENCE: Duration = Duration::from_secs(30);
/// A failure within this time after another counts as one more of the same trouble.
const TROUBLED: Duration = Duration::from_secs(60);

/// Failures that follow upon each other: a disk that is nearly full takes a probe and refuses the next batch.
#[derive(Default)]
pub(super) struct Troubles {
    last: Option<Instant>,
    row: u32,
}

impl Troubles {
    pub(super) fn count(&mut self) {
        let soon = self.last.is_some_and(|last| last.elapsed() < TROUBLED);
        self.row = if soon { self.row.saturating_add(1) } else { 0 };
        self.last = Some(Instant::now());
    }

    pub(super) fn patience(&self) -> Duration {
        PATIENCE.saturating_mul(1 << self.row.min(5)).min(LONGEST_PATIENCE)
    }
}

/// How fast statements come, smoothed over some batches.
pub(super) struct Arrivals {
    since: Instant,
    per_second: f64,
}

impl Arrivals {
    pub(super) fn since(now: Instant) -> Self {
        Self { since: now, per_second: 0.0 }
    }

    pub(super) fn count(&mut self, jobs: usize) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.since).as_secs_f64().max(1e-6);
        self.since = now;
        // A lone burst after silence must not count as a rate: its silence counts too.
        let weight = (elapsed / 0.1).clamp(0.05, 1.0);
        let rate = jobs as f64 / elapsed;
        self.per_second += weight * (rate - self.per_second);
    }

    pub(super) fn within(&self, time: Duration) -> f64 {
        self.per_second * time.as_secs_f64()
    }
}
