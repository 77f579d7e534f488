//! When to try a server that has failed.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Closed while the server answers. Opened by a failure, it lets one call through when the pause is over; that
/// one's outcome closes it or opens it for longer.
#[derive(Debug, Default)]
pub(super) struct Circuit(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Nobody may try before this.
    open_until: Option<Instant>,
}

impl Circuit {
    /// Whether a call may be made now. While open, one is admitted, and the next not for as long as that one
    /// may take.
    pub(super) fn admits(&self, now: Instant, may_take: Duration) -> bool {
        let mut state = self.lock();
        match state.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.open_until = Some(now + may_take);
                true
            }
        }
    }

    /// The server answered.
    pub(super) fn close(&self) {
        *self.lock() = State::default();
    }

    /// The server did not.
    pub(super) fn open(&self, now: Instant) {
        let mut state = self.lock();
        state.failures = state.failures.saturating_add(1);
        state.open_until = Some(now + pause(state.failures));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Twice as long with each failure, and different for each replica: they must not all come back at once.
pub(super) fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(8);
    let whole = (FIRST_PAUSE * 2u32.pow(doublings)).min(LONGEST_PAUSE);
    jittered(whole)
}

/// From half of it to all of it.
pub(super) fn jittered(whole: Duration) -> Duration {
    // Keyed by the operating system's randomness, which is all that is needed here.
    let random = RandomState::new().build_hasher().finish();
    let share = (random % 1024) as f64 / 2048.0;
    whole.mul_f64(0.5 + share)
}

#[cfg(test)]
mod tests;
