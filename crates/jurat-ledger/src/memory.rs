//! Receipts in memory: bounded by bytes and by age, gone with the process.
//!
//! It never refuses a receipt. When it is full it gives up the oldest, and those that are not `complete`
//! first, since a stranger makes these for nothing by hanging up; a floor of their own keeps them from
//! vanishing at once in a store that is full of complete ones.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jurat_proto::{
    Digest, End, PrunePoint, ReceiptId, SignatureRecord, SignedHead, SignedPrunePoint, UnixMillis,
};

use crate::{
    holes::Holes,
    store::{
        ALIASES_PER_FOLD, ArchivedReport, Bounds, ChainSummary, Entry, Found, Grouping, Link, Page, Pruned,
        ReportKey, Store, StoreError, Usage, is_alias,
    },
};

/// The default bounds of receipts in memory: 256 MiB, a day.
pub const MEMORY_BOUNDS: Bounds = Bounds { bytes: 256 << 20, age: Duration::from_secs(24 * 60 * 60) };

/// Receipts that are not complete may fill this share of the bytes and no more.
pub(crate) const INCOMPLETE_CEILING: u64 = 4;
/// Below this share they are not given up for complete ones.
pub(crate) const INCOMPLETE_FLOOR: u64 = 16;
/// Once over its bytes, a store gives up this share more, so that one prune point stands for many receipts.
pub(crate) const SLACK: u64 = 64;
/// Map nodes, queue entries and allocator overhead of one record, measured roughly.
const OVERHEAD: u64 = 320;

/// The store.
pub struct MemoryStore {
    bounds: Bounds,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<ReceiptId, Arc<Entry>>,
    /// Engine ids folded to lower case, with their bearers.
    aliases: HashMap<String, Vec<ReceiptId>>,
    chains: HashMap<Digest, Chain>,
    reports: HashMap<Digest, Arc<ArchivedReport>>,
    complete: Queue,
    incomplete: Queue,
    evicted: u64,
}

#[derive(Default)]
struct Chain {
    places: BTreeMap<u64, Arc<Entry>>,
    /// By the first sequence that they cover.
    prune_points: BTreeMap<u64, SignedPrunePoint>,
    head: Option<SignedHead>,
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

    /// Every report held.
    pub(crate) fn reports(&self) -> Vec<Arc<ArchivedReport>> {
        self.lock().reports.values().cloned().collect()
    }

    /// Every head held.
    pub(crate) fn heads(&self) -> Vec<SignedHead> {
        self.lock().chains.values().filter_map(|chain| chain.head.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic in here would leave at worst a stale alias behind; receipts must stay fetchable.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose turn it is to go, if anyone's.
    fn next_victim(&self, inner: &Inner, over: Over, now: UnixMillis) -> Option<Kind> {
        let aged = |queue: &Queue| {
            queue.order.front().is_some_and(|(_, since, _)| self.bounds.has_outlived(*since, now))
        };
        if aged(&inner.incomplete) {
            return Some(Kind::Incomplete);
        }
        if aged(&inner.complete) {
            return Some(Kind::Complete);
        }
        let less = |bytes: u64| match over {
            Over::Bound => bytes,
            Over::Slack => bytes - bytes / SLACK,
        };
        if inner.incomplete.bytes > less(self.bounds.bytes / INCOMPLETE_CEILING)
            && inner.incomplete.order.len() > 1
        {
            return Some(Kind::Incomplete);
        }
        if inner.bytes() > less(self.bounds.bytes) && inner.entries.len() > 1 {
            let spare = inner.incomplete.bytes > self.bounds.bytes / INCOMPLETE_FLOOR;
            return Some(if spare || inner.complete.order.is_empty() {
                Kind::Incomplete
            } else {
                Kind::Complete
            });
        }
        None
    }
}

/// What a store must come under: its bound, or, once over that, a little less.
#[derive(Clone, Copy)]
enum Over {
    Bound,
    Slack,
}

impl Store for MemoryStore {
    fn commit(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        let mut inner = self.lock();
        for entry in batch {
            inner.insert(entry);
        }
        Ok(())
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let inner = self.lock();
        Ok(match inner.find(id) {
            None => Found::Unknown,
            Some(entry) if self.bounds.has_outlived(entry.record.receipt.finished_at, now) => Found::Expired,
            Some(entry) => Found::Entry(Arc::clone(entry)),
        })
    }

    fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        self.lock().reports.insert(report.claims_hash, Arc::new(report.clone()));
        Ok(())
    }

    fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        let inner = self.lock();
        Ok(match key {
            ReportKey::Claims(hash) => inner.reports.get(hash).cloned(),
            ReportKey::Signer(address) => inner
                .reports
                .values()
                .filter(|report| report.signing_address == *address)
                .max_by_key(|report| report.made_at)
                .cloned(),
        })
    }

    fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        if let Some(chain) = self.lock().chains.get_mut(&head.head.chain) {
            chain.head = Some(head.clone());
        }
        Ok(())
    }

    fn chains(&self) -> Result<Vec<ChainSummary>, StoreError> {
        let inner = self.lock();
        let mut chains: Vec<_> =
            inner.chains.iter().filter_map(|(name, chain)| chain.summary(name)).collect();
        chains.sort_by_key(|summary| summary.chain);
        Ok(chains)
    }

    fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        Ok(self.lock().chains.get(chain).map_or_else(Page::default, |chain| chain.page(after, limit)))
    }

    fn prune(
        &self,
        now: UnixMillis,
        sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
    ) -> Result<Pruned, StoreError> {
        let mut inner = self.lock();
        let mut holes = Holes::default();
        let mut over = Over::Bound;
        while let Some(kind) = self.next_victim(&inner, over, now) {
            over = Over::Slack;
            if let Some(entry) = inner.evict(kind) {
                holes.take(&entry.record.receipt, now);
            }
        }
        inner.mark(holes, now, sign);
        Ok(Pruned::Enough)
    }

    fn recover(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn grouping(&self) -> Grouping {
        // Few, as each waits for the others' signatures; some, as each wake-up costs as much as a tenth of one.
        Grouping { records: 8, linger: Duration::ZERO }
    }

    fn is_quick(&self) -> bool {
        true
    }

    fn usage(&self) -> Usage {
        let inner = self.lock();
        Usage { receipts: inner.entries.len() as u64, bytes: inner.bytes(), evicted: inner.evicted }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Complete,
    Incomplete,
}

impl Kind {
    fn of(record: &SignatureRecord) -> Self {
        if record.receipt.end == End::Complete { Self::Complete } else { Self::Incomplete }
    }
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

    fn insert(&mut self, entry: &Arc<Entry>) {
        let receipt = &entry.record.receipt;
        if self.entries.contains_key(&receipt.id) {
            return;
        }
        let size = size_of_entry(entry);
        let queue = self.queue(Kind::of(&entry.record));
        queue.order.push_back((receipt.id, receipt.finished_at, size));
        queue.bytes += size;
        self.claim_alias(&entry.record);
        self.entries.insert(receipt.id, Arc::clone(entry));
        let chain = self.chains.entry(receipt.chain).or_default();
        chain.places.insert(receipt.sequence, Arc::clone(entry));
    }

    fn claim_alias(&mut self, record: &SignatureRecord) {
        let alias = &record.receipt.response_id;
        if !is_alias(alias) {
            return;
        }
        let taken = |id: &ReceiptId| {
            self.entries.get(id).is_some_and(|other| other.record.receipt.response_id == *alias)
        };
        let bearers = self.aliases.entry(alias.to_ascii_lowercase()).or_default();
        if bearers.len() < ALIASES_PER_FOLD && !bearers.iter().any(taken) {
            bearers.push(record.receipt.id);
        }
    }

    fn find(&self, id: &str) -> Option<&Arc<Entry>> {
        let by_receipt = (id.len() == 32).then(|| id.parse::<ReceiptId>().ok()).flatten();
        if let Some(entry) = by_receipt.and_then(|id| self.entries.get(&id)) {
            return Some(entry);
        }
        let bearers = self.aliases.get(&id.to_ascii_lowercase())?;
        let mut entries = bearers.iter().filter_map(|id| self.entries.get(id));
        entries.clone().find(|entry| entry.record.receipt.response_id == id).or_else(|| {
            let only = entries.next();
            only.filter(|_| entries.next().is_none())
        })
    }

    fn evict(&mut self, kind: Kind) -> Option<Arc<Entry>> {
        let queue = self.queue(kind);
        let (id, _, size) = queue.order.pop_front()?;
        queue.bytes = queue.bytes.saturating_sub(size);
        self.evicted += 1;
        let entry = self.entries.remove(&id)?;
        let receipt = &entry.record.receipt;
        let fold = receipt.response_id.to_ascii_lowercase();
        if let Some(bearers) = self.aliases.get_mut(&fold) {
            bearers.retain(|bearer| *bearer != id);
            if bearers.is_empty() {
                self.aliases.remove(&fold);
            }
        }
        if let Some(chain) = self.chains.get_mut(&receipt.chain) {
            chain.places.remove(&receipt.sequence);
        }
        Some(entry)
    }

    /// Puts prune points where receipts were, joined to those that are there already.
    fn mark(&mut self, holes: Holes, now: UnixMillis, sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint) {
        for hole in holes.into_points() {
            let Some(chain) = self.chains.get_mut(&hole.chain) else { continue };
            let mut joined = Holes::default();
            let before = chain.prune_points.range(..hole.first).next_back();
            let left =
                before.filter(|(_, point)| point.prune.last + 1 == hole.first).map(|(first, _)| *first);
            for key in left.into_iter().chain(hole.last.checked_add(1)) {
                if let Some(neighbour) = chain.prune_points.remove(&key) {
                    joined.absorb(neighbour.prune);
                }
            }
            joined.absorb(hole);
            for whole in joined.into_points() {
                chain.prune_points.insert(whole.first, sign(PrunePoint { at: now, ..whole }));
            }
        }
        self.forget_the_empty();
    }

    /// Of a chain that nothing is left of, nothing is kept but the youngest; a report goes with the last receipt
    /// that names it.
    fn forget_the_empty(&mut self) {
        let newest = self.reports.values().max_by_key(|report| report.made_at).map(|report| report.chain);
        self.chains.retain(|name, chain| !chain.places.is_empty() || Some(*name) == newest);
        let chains = &self.chains;
        self.reports.retain(|_, report| Some(report.chain) == newest || chains.contains_key(&report.chain));
    }
}

impl Chain {
    fn summary(&self, name: &Digest) -> Option<ChainSummary> {
        let ((first, entry), (last, _)) = (self.places.first_key_value()?, self.places.last_key_value()?);
        Some(ChainSummary {
            chain: *name,
            signing_address: entry.record.signing_address,
            first: *first,
            last: *last,
        })
    }

    fn page(&self, after: u64, limit: usize) -> Page {
        let Some(from) = after.checked_add(1) else { return Page::default() };
        let mut links = Vec::new();
        let mut at = after;
        let mut holes = self.prune_points.values().filter(|point| point.prune.last >= from).peekable();
        let mut places = self.places.range(from..).peekable();
        while links.len() < limit {
            let hole_first = holes
                .peek()
                .is_some_and(|hole| places.peek().is_none_or(|(place, _)| hole.prune.first < **place));
            if hole_first {
                let Some(hole) = holes.next() else { break };
                at = hole.prune.last;
                links.push(Link::Pruned(hole.clone()));
            } else {
                let Some((place, entry)) = places.next() else { break };
                at = *place;
                links.push(Link::Receipt(Arc::clone(entry)));
            }
        }
        let more = holes.peek().is_some() || places.peek().is_some();
        Page { links, next: more.then_some(at), head: self.head.clone() }
    }
}

fn size_of_entry(entry: &Entry) -> u64 {
    let record = &entry.record;
    let receipt = &record.receipt;
    let strings =
        [&receipt.endpoint, &receipt.model, &record.signing_algo].map(String::len).iter().sum::<usize>();
    let aliases = 2 * receipt.response_id.len();
    let text = record.text.as_ref().map_or(0, String::len);
    (size_of::<Entry>() + strings + aliases + text) as u64 + OVERHEAD
}

#[cfg(test)]
mod tests;
