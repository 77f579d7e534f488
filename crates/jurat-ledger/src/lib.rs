//! The archive: where receipts are kept, and the one appender that signs them in order.
//!
//! The [`Appender`] is the only owner of the signing key. It gives every statement its place in the chain,
//! signs, commits to a [`Store`], and only then lets the answer go. Stores are synchronous; the appender
//! calls them from a thread of its own.
#![forbid(unsafe_code)]

mod appender;
mod archive;
mod file;
mod holes;
mod memory;
mod row;
mod shared;
mod store;
mod sworn;

pub use appender::{
    AppendError, Appended, Appender, ChainSource, Clock, Health, NewChain, OnFailure, ReserveError, Settings,
    Slot, StoreAtStart,
};
pub use archive::Archive;
pub use file::{FileStore, OpenError};
pub use memory::{MEMORY_BOUNDS, MemoryStore};
pub use shared::{ClientCertificate, ServerUrl, SettingsError, SharedSettings, SharedStore};
pub use store::{
    ArchivedReport, Bounds, ChainSummary, DURABLE_BOUNDS, Entry, Found, Grouping, Link, Page, Pruned,
    ReportKey, Store, StoreError, Usage,
};

#[cfg(test)]
mod contract;
#[cfg(test)]
mod samples;
