//! What the appender, the lookups and the exports need of a store.

use std::{sync::Arc, time::Duration};

use jurat_proto::{Address, Digest, PrunePoint, SignatureRecord, SignedHead, SignedPrunePoint, UnixMillis};

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It did nothing; the same may be tried again byte for byte.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It may have done it or not, and trying again can't tell: an fsync that failed, a server that fell silent.
    #[error("the store's outcome is unknown: {0}")]
    Unknown(String),
    /// What it holds is not what was put there.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// A record with what is kept beside it and not sworn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The record as it is served.
    pub record: SignatureRecord,
    /// Digest of the bearer token under which the exchange was made, where receipts are scoped to owners.
    pub owner: Option<Digest>,
}

/// The report of a signer under one claims string, kept for as long as a receipt that names these claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedReport {
    /// SHA-256 of the report's `claims` string: its key, as receipts name it.
    pub claims_hash: Digest,
    /// The signer.
    pub signing_address: Address,
    /// The chain that the claims name.
    pub chain: Digest,
    /// When the evidence was made.
    pub made_at: UnixMillis,
    /// The report under `jurat-v1`, JSON as it was served, its own nonce inside.
    pub report: String,
}

/// Which archived report is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKey {
    /// The one that receipts with this claims hash are under.
    Claims(Digest),
    /// The newest of this signer.
    Signer(Address),
}

/// What a lookup found.
#[derive(Debug, Clone)]
pub enum Found {
    /// The record.
    Entry(Arc<Entry>),
    /// It was there and has outlived its time.
    Expired,
    /// Not known, or no longer.
    Unknown,
}

/// A stretch of a chain, in order.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Receipts, and prune points where receipts were given up.
    pub links: Vec<Link>,
    /// Where to go on (the value for `after`), if the store holds more of this chain.
    pub next: Option<u64>,
    /// The newest head kept of the chain.
    pub head: Option<SignedHead>,
}

impl Page {
    /// The receipts among its links.
    pub fn receipts(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.links.iter().filter_map(|link| match link {
            Link::Receipt(entry) => Some(entry),
            Link::Pruned(_) => None,
        })
    }
}

/// One place, or a hole, in a chain.
#[derive(Debug, Clone)]
pub enum Link {
    /// A receipt.
    Receipt(Arc<Entry>),
    /// Receipts were here.
    Pruned(SignedPrunePoint),
}

impl Link {
    /// The last sequence that it covers.
    pub fn last(&self) -> u64 {
        match self {
            Self::Receipt(entry) => entry.record.receipt.sequence,
            Self::Pruned(point) => point.prune.last,
        }
    }
}

/// What a store knows of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainSummary {
    /// Its name.
    pub chain: Digest,
    /// Its signer.
    pub signing_address: Address,
    /// Sequence of the oldest receipt held.
    pub first: u64,
    /// Sequence of the newest receipt held.
    pub last: u64,
}

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes, as the store counts them.
    pub bytes: u64,
    /// Age since the exchange ended.
    pub age: Duration,
}

/// The default bounds of a durable archive: 4 GiB, 30 days.
pub const DURABLE_BOUNDS: Bounds = Bounds { bytes: 4 << 30, age: Duration::from_secs(30 * 24 * 60 * 60) };

impl Bounds {
    /// Whether something of this time has outlived its age.
    pub(crate) fn has_outlived(&self, since: UnixMillis, now: UnixMillis) -> bool {
        u128::from(now.0.saturating_sub(since.0)) > self.age.as_millis()
    }
}

/// How commits should be grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouping {
    /// Most records a commit, at least one. Records that share one wait for each other's signatures.
    pub records: usize,
    /// Longest wait for more under load, while more are known to come; for stores where a commit is dear.
    pub linger: Duration,
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

/// Whether a call of [`Store::prune`] left something to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// Within bounds.
    Enough,
    /// A step was made, and another is due.
    More,
}

/// A place where receipts are kept.
///
/// It is not trusted with anything but keeping: records are signed, and an altered one is refused by
/// whoever reads it. Its methods block; the appender calls them from a thread of its own.
pub trait Store: Send + Sync + 'static {
    /// Keeps a batch, all of it or nothing. On `Ok` it is as durable as the store gets, and visible to
    /// [`Store::find`] with its aliases claimed: first bearer keeps one. The same batch again, byte for byte, is
    /// no error and changes nothing.
    fn commit(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError>;

    /// Finds by receipt id, else by the engine's id exactly, else by that id without regard to ASCII case
    /// if only one receipt bears it.
    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError>;

    /// Keeps a report, in place of an older one under the same claims.
    fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError>;

    /// Finds a report.
    fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError>;

    /// Keeps a head, in place of an older one of the same chain.
    fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError>;

    /// The chains of which it holds receipts.
    fn chains(&self) -> Result<Vec<ChainSummary>, StoreError>;

    /// Up to `limit` links of a chain, those behind sequence `after`. A prune point that reaches across `after`
    /// is among them.
    fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError>;

    /// Makes one bounded step of retention. What is given up is sworn to by `sign`, and the prune point is kept
    /// in its place, durably before or with the removal. Adjoining ones of the same signer are joined, never
    /// another's: that would put this signature to what somebody else says, or whoever holds the store.
    fn prune(
        &self,
        now: UnixMillis,
        sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
    ) -> Result<Pruned, StoreError>;

    /// Tries to get well after an error. On `Ok` commits are worth trying.
    fn recover(&self) -> Result<(), StoreError>;

    /// How to group commits.
    fn grouping(&self) -> Grouping;

    /// Whether lookups are answered from memory, and so at once; else they may block.
    fn is_quick(&self) -> bool {
        false
    }

    /// What it holds.
    fn usage(&self) -> Usage;
}

/// Engine ids that differ in case alone: more than this many are reachable by receipt id only.
pub(crate) const ALIASES_PER_FOLD: usize = 8;

/// An engine's id of the receipt ids' own form would shadow a receipt: it is never an alias.
pub(crate) fn is_alias(id: &str) -> bool {
    let ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    !id.is_empty() && !ours
}
