//! A pace with a burst, by the generic cell rate algorithm: of each who comes, the one instant is kept at which they
//! will have waited out what they have had.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// As many are remembered, some 3 MiB. When all of them are ahead of their pace all are forgiven: a newcomer is never
/// the one who pays for a crowd.
const MOST: usize = 1 << 16;

/// So many a second, so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    interval: Duration,
    tolerance: Duration,
}

/// A pace that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a positive number a second, and a burst at least 1")]
pub struct NoRate;

impl Rate {
    /// `per_second` in the long run, `burst` at once.
    pub fn new(per_second: f64, burst: u32) -> Result<Self, NoRate> {
        let interval = Duration::try_from_secs_f64(per_second.recip()).map_err(|_| NoRate)?;
        let tolerance = burst.checked_sub(1).and_then(|more| interval.checked_mul(more)).ok_or(NoRate)?;
        // A request a year is no pace, and one every nanosecond no bound.
        let kept = interval >= Duration::from_nanos(100) && tolerance <= Duration::from_secs(366 * 86_400);
        if kept { Ok(Self { interval, tolerance }) } else { Err(NoRate) }
    }
}

/// How far each is ahead of their pace.
#[derive(Debug)]
pub(super) struct Pacer<K> {
    due: Mutex<HashMap<K, Instant>>,
    most: usize,
}

impl<K> Default for Pacer<K> {
    fn default() -> Self {
        Self { due: Mutex::default(), most: MOST }
    }
}

impl<K: Eq + Hash> Pacer<K> {
    #[cfg(test)]
    pub(super) fn remembering(most: usize) -> Self {
        Self { due: Mutex::default(), most }
    }

    /// Lets one through, or says how long they have to wait.
    pub(super) fn admit(&self, key: K, rate: Rate, now: Instant) -> Result<(), Duration> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = due.get(&key).map_or(Duration::ZERO, |due| due.saturating_duration_since(now));
        if let Some(wait) = ahead.checked_sub(rate.tolerance).filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        if due.len() >= self.most && !due.contains_key(&key) {
            due.retain(|_, due| *due > now);
            if due.len() >= self.most {
                due.clear();
            }
        }
        due.insert(key, now + ahead + rate.interval);
        Ok(())
    }
}
