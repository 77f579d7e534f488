//! The archive: where receipts are kept, and the one appender that signs them in order.
//!
//! The [`Appender`] is the only owner of the signing key. It gives every statement its place in the chain,
//! signs, commits to a [`Store`], and only then lets the answer go. Stores are synchronous; the appender
//! calls them from a thread of its own.
#![forbid(unsafe_code)]

mod appender;
mod memory;
mod store;

pub use appender::{AppendError, Appended, Appender, Clock, Health, ReserveError, Slot};
pub use memory::{Bounds, MemoryStore};
pub use store::{Found, Grouping, Store, StoreError, Usage};

#[cfg(test)]
mod tests;
