//! A bound on how many are under way at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Lets so many in.
#[derive(Debug)]
pub(crate) struct Gate {
    inside: AtomicUsize,
    most: usize,
}

/// One who is in; dropped, one who has left.
#[derive(Debug)]
pub(crate) struct Place(Arc<Gate>);

impl Gate {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { inside: AtomicUsize::new(0), most })
    }

    /// A place, if there is one.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(self));
        // Taken first and given back by the drop, so that two never share the last one.
        (self.inside.fetch_add(1, Ordering::AcqRel) < self.most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::AcqRel);
    }
}
