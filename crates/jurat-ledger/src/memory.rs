//! Receipts in memory: bounded by bytes and by age, gone with the process.
//!
//! It never refuses a receipt. When it is full it gives up the oldest, and those that are not `complete`
//! first, since a stranger makes these for nothing by hanging up; a floor of their own keeps them from
//! vanishing at once in a store that is full of complete ones.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jurat_proto::{End, ReceiptId, SignatureRecord, UnixMillis};

use crate::store::{Found, Grouping, Store, StoreError, Usage};

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of memory, estimated.
    pub bytes: u64,
    /// Age since the exchange ended.
    pub age: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 256 << 20, age: Duration::from_secs(24 * 60 * 60) }
    }
}

/// Receipts that are not complete may fill this share of the bytes and no more.
const INCOMPLETE_CEILING: u64 = 4;
/// Below this share they are not given up for complete ones.
const INCOMPLETE_FLOOR: u64 = 16;
/// Engine ids that differ in case alone: more than this many are reachable by receipt id only.
const ALIASES_PER_FOLD: usize = 8;
/// Map nodes, queue entries and allocator overhead of one record, measured roughly.
const OVERHEAD: u64 = 256;

/// The store.
pub struct MemoryStore {
    bounds: Bounds,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: HashMap<ReceiptId, Arc<SignatureRecord>>,
    /// Engine ids folded to lower case, with their bearers.
    aliases: HashMap<String, Vec<ReceiptId>>,
    complete: Queue,
    incomplete: Queue,
    evicted: u64,
}

/// Oldest first.
#[derive(Default)]
struct Queue {
    order: VecDeque<(ReceiptId, UnixMillis, u64)>,
    bytes: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in here would leave at worst a stale alias behind; receipts must stay fetchable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_expired(&self, record: &SignatureRecord, now: UnixMillis) -> bool {
        self.has_outlived(record.receipt.finished_at, now)
    }

    fn has_outlived(&self, since: UnixMillis, now: UnixMillis) -> bool {
        u128::from(now.0.saturating_sub(since.0)) > self.bounds.age.as_millis()
    }

    fn prune(&self, inner: &mut Inner, now: UnixMillis) {
        for kind in [Kind::Incomplete, Kind::Complete] {
            while inner.queue(kind).order.front().is_some_and(|(_, since, _)| self.has_outlived(*since, now))
            {
                inner.evict(kind);
            }
        }
        let ceiling = self.bounds.bytes / INCOMPLETE_CEILING;
        while inner.incomplete.bytes > ceiling && inner.incomplete.order.len() > 1 {
            inner.evict(Kind::Incomplete);
        }
        let floor = self.bounds.bytes / INCOMPLETE_FLOOR;
        while inner.bytes() > self.bounds.bytes && inner.records.len() > 1 {
            let kind = if inner.incomplete.bytes > floor || inner.complete.order.is_empty() {
                Kind::Incomplete
            } else {
                Kind::Complete
            };
            inner.evict(kind);
        }
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &[Arc<SignatureRecord>], now: UnixMillis) -> Result<(), StoreError> {
        let mut inner = self.lock();
        for record in batch {
            inner.insert(record);
            self.prune(&mut inner, now);
        }
        Ok(())
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let inner = self.lock();
        Ok(match inner.find(id) {
            None => Found::Unknown,
            Some(record) if self.is_expired(record, now) => Found::Expired,
            Some(record) => Found::Record(Arc::clone(record)),
        })
    }

    fn grouping(&self) -> Grouping {
        Grouping::Single
    }

    fn usage(&self) -> Usage {
        let inner = self.lock();
        Usage { receipts: inner.records.len() as u64, bytes: inner.bytes(), evicted: inner.evicted }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Complete,
    Incomplete,
}

impl Inner {
    fn bytes(&self) -> u64 {
        self.complete.bytes + self.incomplete.bytes
    }

    fn queue(&mut self, kind: Kind) -> &mut Queue {
        match kind {
            Kind::Complete => &mut self.complete,
            Kind::Incomplete => &mut self.incomplete,
        }
    }

    fn insert(&mut self, record: &Arc<SignatureRecord>) {
        let receipt = &record.receipt;
        let kind = if receipt.end == End::Complete { Kind::Complete } else { Kind::Incomplete };
        let size = size_of_record(record);
        let queue = self.queue(kind);
        queue.order.push_back((receipt.id, receipt.finished_at, size));
        queue.bytes += size;
        self.claim_alias(record);
        self.records.insert(receipt.id, Arc::clone(record));
    }

    fn claim_alias(&mut self, record: &SignatureRecord) {
        let alias = &record.receipt.response_id;
        if !is_alias(alias) {
            return;
        }
        let taken =
            |id: &ReceiptId| self.records.get(id).is_some_and(|other| other.receipt.response_id == *alias);
        let bearers = self.aliases.entry(alias.to_ascii_lowercase()).or_default();
        if bearers.len() < ALIASES_PER_FOLD && !bearers.iter().any(taken) {
            bearers.push(record.receipt.id);
        }
    }

    fn find(&self, id: &str) -> Option<&Arc<SignatureRecord>> {
        let by_receipt = (id.len() == 32).then(|| id.parse::<ReceiptId>().ok()).flatten();
        if let Some(record) = by_receipt.and_then(|id| self.records.get(&id)) {
            return Some(record);
        }
        let bearers = self.aliases.get(&id.to_ascii_lowercase())?;
        let mut records = bearers.iter().filter_map(|id| self.records.get(id));
        records.clone().find(|record| record.receipt.response_id == id).or_else(|| {
            let only = records.next();
            only.filter(|_| records.next().is_none())
        })
    }

    fn evict(&mut self, kind: Kind) {
        let queue = self.queue(kind);
        let Some((id, _, size)) = queue.order.pop_front() else { return };
        queue.bytes = queue.bytes.saturating_sub(size);
        self.evicted += 1;
        let Some(record) = self.records.remove(&id) else { return };
        let fold = record.receipt.response_id.to_ascii_lowercase();
        if let Some(bearers) = self.aliases.get_mut(&fold) {
            bearers.retain(|bearer| *bearer != id);
            if bearers.is_empty() {
                self.aliases.remove(&fold);
            }
        }
    }
}

/// An engine's id of the receipt ids' own form would shadow a receipt: it is never an alias.
fn is_alias(id: &str) -> bool {
    let ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    !id.is_empty() && !ours
}

fn size_of_record(record: &SignatureRecord) -> u64 {
    let receipt = &record.receipt;
    let strings =
        [&receipt.endpoint, &receipt.model, &record.signing_algo].map(String::len).iter().sum::<usize>();
    let aliases = 2 * receipt.response_id.len();
    let text = record.text.as_ref().map_or(0, String::len);
    (size_of::<SignatureRecord>() + strings + aliases + text) as u64 + OVERHEAD
}
