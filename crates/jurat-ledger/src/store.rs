//! What the appender and the lookups need of a store.

use std::sync::Arc;

use jurat_proto::{SignatureRecord, UnixMillis};

/// Why a batch was not committed, or a lookup not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store did nothing; the same batch may be tried again byte for byte.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// What a lookup found.
#[derive(Debug, Clone)]
pub enum Found {
    /// The record.
    Record(Arc<SignatureRecord>),
    /// It was there and has outlived its time.
    Expired,
    /// Not known, or no longer.
    Unknown,
}

/// How many records a commit should carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// A commit costs nothing: one record each, so that none waits for another's signature.
    Single,
    /// A commit is dear: up to this many records share one.
    UpTo(usize),
}

/// What a store holds at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Receipts.
    pub receipts: u64,
    /// Bytes, as the store counts them against its bound.
    pub bytes: u64,
    /// Receipts given up since the start, for age or for room.
    pub evicted: u64,
}

/// A place where receipts are kept.
///
/// It is not trusted with anything but keeping: records are signed, and an altered one is refused by
/// whoever reads it.
pub trait Store: Send + Sync + 'static {
    /// Keeps a batch, all of it or nothing. On `Ok` it is as durable as the store gets, and visible to
    /// [`Store::find`] with its aliases claimed: first bearer keeps one.
    fn commit(&self, batch: &[Arc<SignatureRecord>], now: UnixMillis) -> Result<(), StoreError>;

    /// Finds by receipt id, else by the engine's id exactly, else by that id without regard to ASCII case
    /// if only one receipt bears it.
    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError>;

    /// How to group commits.
    fn grouping(&self) -> Grouping;

    /// What it holds.
    fn usage(&self) -> Usage;
}
