//! One clock for every process of a measurement.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds of `CLOCK_MONOTONIC`, the same in every process of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(pub(crate) u64);

impl Nanos {
    pub(crate) const SECOND: u64 = 1_000_000_000;

    pub(crate) fn now() -> Self {
        Self::of(ClockId::Monotonic)
    }

    /// Time on a processor of the calling thread.
    pub(crate) fn of_thread() -> Self {
        Self::of(ClockId::ThreadCPUTime)
    }

    fn of(clock: ClockId) -> Self {
        let time = clock_gettime(clock);
        Self(time.tv_sec.unsigned_abs() * Self::SECOND + time.tv_nsec.unsigned_abs())
    }

    /// How long until this point, nothing if it lies behind.
    pub(crate) fn left(self) -> Timespec {
        let left = self.0.saturating_sub(Self::now().0);
        // invariant: both fit, as 2^64 ns are 585 years
        Timespec { tv_sec: (left / Self::SECOND).cast_signed(), tv_nsec: (left % Self::SECOND) as _ }
    }
}
