//! A bound on how many connections one address holds at once.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::origin::Source;

/// Who holds how many. No more is remembered than there are connections.
#[derive(Debug)]
pub(super) struct Seats {
    each: NonZeroUsize,
    held: Mutex<HashMap<Source, usize>>,
}

/// One connection's place, until it is dropped. Where nothing is counted it is nobody's.
#[derive(Debug)]
pub(crate) struct Seat(Option<(Arc<Seats>, Source)>);

impl Seats {
    /// So many for each address.
    pub(super) fn new(each: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self { each, held: Mutex::default() })
    }

    /// One more for this address, if it may have one.
    pub(super) fn take(self: &Arc<Self>, source: Source) -> Option<Seat> {
        let mut all = self.held();
        let held = all.entry(source).or_default();
        if *held >= self.each.get() {
            return None;
        }
        *held += 1;
        Some(Seat(Some((Arc::clone(self), source))))
    }

    fn give_back(&self, source: Source) {
        let mut all = self.held();
        if let Some(held) = all.get_mut(&source) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                all.remove(&source);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Source, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many addresses are remembered.
    #[cfg(test)]
    pub(super) fn addresses(&self) -> usize {
        self.held().len()
    }
}

impl Seat {
    /// For who is not counted.
    pub(super) fn free() -> Self {
        Self(None)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some((seats, source)) = self.0.take() {
            seats.give_back(source);
        }
    }
}
