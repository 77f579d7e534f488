//! A store that fails as often as it is told, and remembers what it was given.

use std::sync::atomic::AtomicUsize;

use jurat_proto::{Digest, PrunePoint, SignedPrunePoint};

use super::*;
use crate::store::{ArchivedReport, ChainSummary, Found, Grouping, Page, Pruned, ReportKey, Usage};

pub(super) struct Moody {
    pub(super) failures: AtomicUsize,
    pub(super) given: Mutex<Vec<Vec<Entry>>>,
    inner: MemoryStore,
    error: fn(String) -> StoreError,
}

impl Moody {
    pub(super) fn failing(times: usize) -> Arc<Self> {
        Self::failing_with(times, StoreError::Unavailable)
    }

    pub(super) fn failing_with(times: usize, error: fn(String) -> StoreError) -> Arc<Self> {
        Arc::new(Self {
            error,
            failures: AtomicUsize::new(times),
            given: Mutex::default(),
            inner: MemoryStore::new(MEMORY_BOUNDS),
        })
    }
}

impl Store for Moody {
    fn commit(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        self.given.lock().unwrap().push(batch.iter().map(|entry| (**entry).clone()).collect());
        let left = self.failures.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        if left.is_ok() {
            return Err((self.error)("told to fail".into()));
        }
        self.inner.commit(batch)
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        self.inner.find(id, now)
    }

    fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        self.inner.keep_report(report)
    }

    fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        self.inner.report(key)
    }

    fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        self.inner.keep_head(head)
    }

    fn chains(&self) -> Result<Vec<ChainSummary>, StoreError> {
        self.inner.chains()
    }

    fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        self.inner.page(chain, after, limit)
    }

    fn prune(
        &self,
        now: UnixMillis,
        sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
    ) -> Result<Pruned, StoreError> {
        self.inner.prune(now, sign)
    }

    fn recover(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn grouping(&self) -> Grouping {
        Grouping { records: 64, linger: Duration::from_millis(5) }
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}
