//! What lookups see: the configured store, and beside it the memory that takes its place while it is down.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use jurat_proto::{Digest, ReceiptId, SignedHead, UnixMillis};

use crate::{
    memory::MemoryStore,
    store::{ArchivedReport, ChainSummary, Entry, Found, Link, Page, ReportKey, Store, StoreError, Usage},
};

/// Most records that one commit copies back from memory.
const COPIED: usize = 256;

/// Every receipt that can be had.
pub struct Archive {
    store: Arc<dyn Store>,
    /// There while the store is down and memory takes its place, and until everything has been copied back.
    stopgap: RwLock<Option<Arc<MemoryStore>>>,
}

impl Archive {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, stopgap: RwLock::default() }
    }

    /// Whether it answers from memory, and so at once.
    pub fn is_quick(&self) -> bool {
        self.store.is_quick()
    }

    /// Finds a receipt: [`Store::find`]. While memory stands in, what it lacks may yet be in the store that is
    /// down; that is an error then, never "unknown".
    pub fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let Some(memory) = self.stopgap() else { return self.store.find(id, now) };
        // The store's bearers of an engine's id came first; a receipt's own id is in one place.
        let standing_in = memory.find(id, now)?;
        if is_receipt_id(id) && matches!(standing_in, Found::Entry(_)) {
            return Ok(standing_in);
        }
        match (self.store.find(id, now), standing_in) {
            (Ok(stored @ Found::Entry(_)), _) => Ok(stored),
            (_, waiting @ Found::Entry(_)) => Ok(waiting),
            (stored, _) => stored,
        }
    }

    /// Finds a report: [`Store::report`].
    pub fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        if let Some(memory) = self.stopgap()
            && let Some(report) = memory.report(key)?
        {
            return Ok(Some(report));
        }
        self.store.report(key)
    }

    /// Keeps a report where receipts go at the moment.
    pub fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        match self.stopgap() {
            Some(memory) => memory.keep_report(report),
            None => self.store.keep_report(report),
        }
    }

    /// The chains: [`Store::chains`].
    pub fn chains(&self) -> Result<Vec<ChainSummary>, StoreError> {
        let Some(memory) = self.stopgap() else { return self.store.chains() };
        // Memory holds a chain's later part, and the store may be past asking.
        let mut chains = memory.chains()?;
        match self.store.chains() {
            Ok(stored) => {
                for summary in stored {
                    match chains.iter_mut().find(|other| other.chain == summary.chain) {
                        Some(other) => other.first = other.first.min(summary.first),
                        None => chains.push(summary),
                    }
                }
                Ok(chains)
            }
            Err(_) => Ok(chains),
        }
    }

    /// A stretch of a chain: [`Store::page`].
    pub fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        let Some(memory) = self.stopgap() else { return self.store.page(chain, after, limit) };
        // Memory has the whole of a chain that it began, however much has been copied so far.
        if memory.chains()?.iter().any(|held| held.chain == *chain && held.first == 1) {
            return memory.page(chain, after, limit);
        }
        let mut page = self.store.page(chain, after, limit)?;
        if page.next.is_some() {
            return Ok(page);
        }
        // Memory holds the later part, and the later head.
        let last = page.links.iter().map(Link::last).max().unwrap_or(after);
        let rest = memory.page(chain, last, limit.saturating_sub(page.links.len()))?;
        page.links.extend(rest.links);
        page.next = rest.next;
        page.head = rest.head.or(page.head);
        Ok(page)
    }

    /// What the configured store holds, and what waits in memory.
    pub fn usage(&self) -> Usage {
        let mut usage = self.store.usage();
        if let Some(memory) = self.stopgap() {
            let waiting = memory.usage();
            usage.receipts += waiting.receipts;
            usage.bytes += waiting.bytes;
            usage.evicted += waiting.evicted;
        }
        usage
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn stopgap(&self) -> Option<Arc<MemoryStore>> {
        self.stopgap.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts memory in the store's place.
    pub(crate) fn fall(&self, memory: Arc<MemoryStore>) {
        *self.stopgap.write().unwrap_or_else(PoisonError::into_inner) = Some(memory);
    }

    /// Keeps a head where receipts go at the moment.
    pub(crate) fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        match self.stopgap() {
            Some(memory) => memory.keep_head(head),
            None => self.store.keep_head(head),
        }
    }

    /// Copies what waits in memory to the store, in order, from where `progress` says that it has come.
    pub(crate) fn copy_back(&self, progress: &mut Progress) -> Result<(), StoreError> {
        let Some(memory) = self.stopgap() else { return Ok(()) };
        let mut reports = memory.reports();
        reports.sort_by_key(|report| report.made_at);
        for report in reports {
            self.store.keep_report(&report)?;
        }
        for summary in memory.chains()? {
            let after = progress.0.entry(summary.chain).or_default();
            loop {
                let page = memory.page(&summary.chain, *after, COPIED)?;
                let entries: Vec<Arc<Entry>> = page.receipts().cloned().collect();
                if let Some(last) = entries.last() {
                    self.store.commit(&entries)?;
                    *after = last.record.receipt.sequence;
                }
                if page.next.is_none() {
                    break;
                }
            }
        }
        for head in memory.heads() {
            self.store.keep_head(&head)?;
        }
        Ok(())
    }

    /// Takes memory out of the store's place. Whatever it holds must have been copied back.
    pub(crate) fn climb(&self) {
        *self.stopgap.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn is_receipt_id(id: &str) -> bool {
    id.len() == 32 && id.parse::<ReceiptId>().is_ok()
}

/// How far each chain has been copied back.
#[derive(Debug, Default)]
pub(crate) struct Progress(HashMap<Digest, u64>);
