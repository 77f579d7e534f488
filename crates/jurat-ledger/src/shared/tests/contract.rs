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

// Without `holes_are_sworn_to_and_joined`, which joins holes across signers: see `retention` for what holds here.
crate::contract::contract!(
    opened;
    a_record_comes_back_as_it_was
    the_first_bearer_keeps_an_alias
    an_alias_dies_with_its_first_bearer
    a_fold_has_few_bearers
    the_same_batch_again_changes_nothing
    incomplete_receipts_have_a_quota_and_a_floor
    new_receipts_are_never_refused
    age_ends_a_receipt_and_its_alias
    a_chain_is_read_in_pages
    chains_are_told_apart
    a_report_is_kept_as_long_as_it_is_named
    the_newest_report_of_a_signer_is_found
    the_newest_head_is_kept
);
