//! What every store must do, on a server of its own for each rule.

use std::cell::RefCell;

use super::*;

thread_local! {
    /// As long as the test's thread.
    static MACHINES: RefCell<Vec<Machine>> = const { RefCell::new(Vec::new()) };
}

fn opened(bounds: Bounds) -> Arc<dyn Store> {
    let Some(machine) = Machine::start(&[]) else {
        // Said to be skipped; the rule runs against memory, which needs nothing.
        return Arc::new(crate::MemoryStore::new(bounds));
    };
    let store = Arc::new(machine.bounded(bounds));
    MACHINES.with_borrow_mut(|machines| machines.push(machine));
    store
}

crate::contract::contract!(opened);

#[test]
fn anothers_hole_is_left_as_it_is() {
    // Memory, which would stand in, is nobody else's and joins them all.
    if Machine::start(&[]).is_none() {
        return;
    }
    crate::contract::anothers_hole_is_left_as_it_is(&opened);
}
