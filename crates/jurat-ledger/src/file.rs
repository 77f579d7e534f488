//! Receipts in one file: durable before they are visible, bounded by bytes and by age.
//!
//! The file is a redb database; `docs/decisions/0004-durable-store.md` says why, and what was measured. It is not
//! trusted: whoever holds the disk may withhold receipts or put old ones back, but a record is authenticated
//! whenever it is read, and bytes that make no sense are an error and never a panic.
//!
//! After any failure of a commit's write the file is closed and opened anew before the next one, since what the
//! operating system then holds in memory and what is on the disk may differ.

mod disk;
mod fault;
mod index;
mod prune;
mod read;
mod reports;
mod tables;
mod write;

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, TryLockError},
    time::{Duration, Instant},
};

use jurat_proto::{Digest, PrunePoint, SignedHead, SignedPrunePoint, UnixMillis};
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

pub use self::fault::OpenError;
use self::{
    disk::Disk,
    fault::{Fault, explain, guarded},
    index::Waiting,
    prune::Retention,
    tables::{Counters, META, RECORDS, RowKey},
    write::KnownChain,
};
use crate::store::{
    ArchivedReport, Bounds, ChainSummary, Entry, Found, Grouping, Page, Pruned, ReportKey, Store, StoreError,
    Usage,
};

/// Most records that a commit carries.
const GROUP: usize = 256;
/// A commit costs about 0.2 ms of one core however few its records: under load it waits this long for more.
const LINGER: Duration = Duration::from_millis(4);
/// How often a lookup may open the file anew after an error.
const REVIVE_EVERY: Duration = Duration::from_secs(1);

/// The store. One process a file.
pub struct FileStore {
    disk: Disk,
    bounds: Bounds,
    /// Absent while it can't be opened. Held for reading during every transaction.
    database: RwLock<Option<Database>>,
    /// Held by whoever writes; taken before the two others.
    writer: Mutex<Writer>,
    waiting: RwLock<Waiting>,
    usage: Mutex<Usage>,
}

/// What only writers need.
struct Writer {
    counters: Counters,
    retention: Retention,
    /// The chain that was written to last.
    chain: Option<KnownChain>,
    /// The file was never open: it may have to be made.
    new: bool,
    /// Why the file must be opened anew before anything is written.
    broken: Option<String>,
    /// When a lookup last opened it anew.
    revived: Option<Instant>,
    /// Chain of the report that was kept last: that of this process.
    own_chain: Option<(Digest, UnixMillis)>,
}

impl FileStore {
    /// Name of the file in its folder.
    pub const FILE_NAME: &str = disk::FILE;

    /// Opens the file in `folder`, and makes both if they are not there. Every page is verified, which takes as
    /// long as reading the file.
    pub fn open(folder: &Path, bounds: Bounds) -> Result<Self, OpenError> {
        Self::open_with(folder, bounds, disk::on_disk())
    }

    /// A store whose file is not open yet: nothing can be stored or found until [`Store::recover`] has opened it.
    pub fn unopened(folder: &Path, bounds: Bounds) -> Self {
        let counters = Counters::default();
        let writer = Writer {
            counters,
            retention: Retention::new(&counters),
            chain: None,
            new: true,
            broken: Some("the file is not open".into()),
            revived: None,
            own_chain: None,
        };
        Self {
            disk: Disk::of(folder, disk::on_disk()),
            bounds,
            database: RwLock::new(None),
            writer: Mutex::new(writer),
            waiting: RwLock::new(Waiting::empty()),
            usage: Mutex::default(),
        }
    }

    fn open_with(folder: &Path, bounds: Bounds, backend: disk::Backend) -> Result<Self, OpenError> {
        let disk = Disk::of(folder, backend);
        disk.prepare()?;
        let database = disk.open()?;
        let (counters, waiting) = guarded(|| load(&database)).map_err(|fault| disk.open_error(fault))?;
        let writer = Writer {
            counters,
            retention: Retention::new(&counters),
            chain: None,
            new: false,
            broken: None,
            revived: None,
            own_chain: None,
        };
        let usage = Usage { receipts: counters.receipts(), bytes: counters.bytes(), evicted: 0 };
        Ok(Self {
            disk,
            bounds,
            database: RwLock::new(Some(database)),
            writer: Mutex::new(writer),
            waiting: RwLock::new(waiting),
            usage: Mutex::new(usage),
        })
    }

    /// Runs a write transaction and makes it durable. On an error nothing of it is there, unless it is
    /// [`StoreError::Unknown`].
    fn write<T>(
        &self,
        writer: &mut Writer,
        change: impl FnOnce(&WriteTransaction, &mut Writer) -> Result<Change<T>, Fault>,
    ) -> Result<T, StoreError> {
        if let Some(reason) = &writer.broken {
            return Err(StoreError::Unavailable(reason.clone()));
        }
        let database = self.database();
        let Some(database) = &*database else { return Err(closed()) };
        let (counters, retention) = (writer.counters, writer.retention);
        let changed = guarded(|| {
            let mut txn = database.begin_write()?;
            txn.set_durability(redb::Durability::Immediate)?;
            Ok(match change(&txn, writer)? {
                Change::Made(value) => (value, Some(txn)),
                Change::None(value) => (value, None),
            })
        });
        let undone = |writer: &mut Writer| {
            writer.counters = counters;
            writer.retention = retention;
            writer.chain = None;
        };
        match changed {
            Ok((value, None)) => Ok(value),
            Ok((value, Some(txn))) => match guarded(|| Ok(txn.commit()?)) {
                Ok(()) => {
                    self.count(writer);
                    Ok(value)
                }
                Err(fault) => {
                    undone(writer);
                    let reason = match &fault {
                        Fault::Library(error) => explain(error),
                        _ => fault.into_store_error().to_string(),
                    };
                    tracing::error!(file = %self.disk.path().display(), reason, "a commit failed");
                    writer.broken =
                        Some(format!("the file must be opened anew after a failed commit: {reason}"));
                    Err(StoreError::Unknown(reason))
                }
            },
            Err(fault) => {
                undone(writer);
                let lasting = fault.is_lasting();
                let error = fault.into_store_error();
                if lasting {
                    writer.broken = Some(format!("the file must be opened anew: {error}"));
                }
                Err(error)
            }
        }
    }

    /// Runs a read transaction. If the file can't be read, it is opened anew and read once more.
    fn read<T>(&self, look: impl Fn(&ReadTransaction) -> Result<T, Fault>) -> Result<T, StoreError> {
        let look = || {
            let database = self.database();
            let Some(database) = &*database else { return Err(closed().into()) };
            guarded(|| look(&database.begin_read()?))
        };
        match look() {
            Ok(value) => Ok(value),
            Err(fault) if (fault.is_lasting() || self.is_closed()) && self.revive() => {
                look().map_err(Fault::into_store_error)
            }
            Err(fault) => Err(fault.into_store_error()),
        }
    }

    /// Opens the file anew for lookups; commits still wait for [`Store::recover`]. Not while someone writes, and
    /// not at every lookup.
    fn revive(&self) -> bool {
        let mut writer = match self.writer.try_lock() {
            Ok(writer) => writer,
            Err(TryLockError::Poisoned(writer)) => writer.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if writer.revived.is_some_and(|at| at.elapsed() < REVIVE_EVERY) {
            return false;
        }
        writer.revived = Some(Instant::now());
        if writer.broken.is_none() {
            writer.broken = Some("the file had to be opened anew".into());
        }
        self.reopen(&mut writer).is_ok()
    }

    fn reopen(&self, writer: &mut Writer) -> Result<(), StoreError> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = database.take() {
            // Whatever it says, it is closed; a panic in there must not end the caller either.
            let _ = guarded(|| Ok(old.close()?));
        }
        self.disk.forget_copies();
        // A file that is gone is never made anew in the place of one that held receipts.
        let made = if writer.new { self.disk.prepare() } else { Ok(()) };
        let opened = made.and_then(|()| self.disk.open()).map_err(|error| match error {
            OpenError::Damaged { .. } | OpenError::Format { .. } => StoreError::Damaged(error.to_string()),
            other => StoreError::Unavailable(other.to_string()),
        })?;
        let (counters, waiting) = guarded(|| load(&opened)).map_err(Fault::into_store_error)?;
        writer.counters = counters;
        writer.new = false;
        writer.chain = None;
        writer.retention = Retention::new(&counters);
        *self.waiting.write().unwrap_or_else(PoisonError::into_inner) = waiting;
        *database = Some(opened);
        self.count(writer);
        Ok(())
    }

    fn count(&self, writer: &Writer) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.receipts = writer.counters.receipts();
        usage.bytes = writer.counters.bytes();
    }

    fn database(&self) -> RwLockReadGuard<'_, Option<Database>> {
        // Panics of the library are caught while this is held, and it is replaced as a whole.
        self.database.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.database().is_none()
    }

    fn waiting(&self) -> RwLockReadGuard<'_, Waiting> {
        // Nothing that can panic runs while it is held for writing.
        self.waiting.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // What a panic may have left half-made is undone where it is caught.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a transaction has anything to make durable.
enum Change<T> {
    Made(T),
    None(T),
}

fn closed() -> StoreError {
    StoreError::Unavailable("the file is closed and could not be opened anew".into())
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn load(database: &Database) -> Result<(Counters, Waiting), Fault> {
    let txn = database.begin_read()?;
    let counters = Counters::read(&txn.open_table(META)?)?;
    let records = txn.open_table(RECORDS)?;
    for kind in tables::Kind::BOTH {
        // A counter that was put back would have new rows written over old ones.
        if records.range(RowKey::from(kind, counters.arrival))?.next().is_some() {
            return Err(Fault::damaged("it holds rows that its counters know nothing of"));
        }
    }
    Ok((counters, Waiting::load(&txn)?))
}

impl Store for FileStore {
    fn commit(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        write::commit(self, batch)
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        read::find(self, id, now)
    }

    fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        reports::keep(self, report)
    }

    fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        self.read(|txn| reports::find(txn, key))
    }

    fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        write::keep_head(self, head)
    }

    fn chains(&self) -> Result<Vec<ChainSummary>, StoreError> {
        self.read(read::chains)
    }

    fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        self.read(|txn| read::page(txn, chain, after, limit))
    }

    fn prune(
        &self,
        now: UnixMillis,
        sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
    ) -> Result<Pruned, StoreError> {
        prune::step(self, now, sign)
    }

    fn recover(&self) -> Result<(), StoreError> {
        let mut writer = self.writer();
        if writer.broken.is_some() || self.is_closed() {
            self.reopen(&mut writer)?;
            writer.broken = None;
        }
        // The disk must take a write, not only give up what it has.
        self.write(&mut writer, |txn, writer| {
            writer.counters.write(txn)?;
            Ok(Change::Made(()))
        })
    }

    fn grouping(&self) -> Grouping {
        Grouping { records: GROUP, linger: LINGER }
    }

    fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
