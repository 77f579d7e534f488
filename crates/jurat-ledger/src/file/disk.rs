//! The file on the disk: how it is made, opened and closed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    ops::Bound,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use redb::{
    BackendError, Builder, Database, DatabaseError, Durability, ReadableDatabase, StorageBackend,
    backends::FileBackend,
};

use super::{
    fault::{Fault, OpenError, explain, guarded, is_damage},
    tables::{self, FORMAT, FORMAT_KEY, META},
};

/// Name of the file in the state folder.
pub(super) const FILE: &str = "receipts.redb";
/// Name under which it is made, so that an empty file of the right name is a damaged one, never a new one.
const UNFINISHED: &str = "receipts.redb.new";
/// Pages kept in memory, in bytes; about as much of the operating system's memory holds others.
const CACHE: usize = 64 << 20;

/// Opens what stores the bytes. Tests put one between that fails on demand.
pub(super) type Backend = Box<dyn Fn(File) -> io::Result<Box<dyn StorageBackend>> + Send + Sync>;

/// Where the file is and how it is reached.
pub(super) struct Disk {
    folder: PathBuf,
    file: PathBuf,
    backend: Backend,
}

impl Disk {
    /// Nothing is touched yet.
    pub(super) fn of(folder: &Path, backend: Backend) -> Self {
        Self { folder: folder.to_owned(), file: folder.join(FILE), backend }
    }

    /// Makes folder and file where they are missing.
    pub(super) fn prepare(&self) -> Result<(), OpenError> {
        let folder = &self.folder;
        let refused = |error| OpenError::Folder { path: folder.clone(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused)?;
        if fs::exists(&self.file).map_err(refused)? { Ok(()) } else { self.make(folder) }
    }

    /// The file's path.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    fn make(&self, folder: &Path) -> Result<(), OpenError> {
        let refused = |error| OpenError::Folder { path: folder.to_owned(), error };
        // Two processes may come upon an empty folder at once.
        let held = File::open(folder).map_err(refused)?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { path: self.file.clone() }),
            Err(TryLockError::Error(error)) => return Err(refused(error)),
        }
        if fs::exists(&self.file).map_err(refused)? {
            return Ok(());
        }
        let unfinished = folder.join(UNFINISHED);
        let file = options().create(true).truncate(true).open(&unfinished).map_err(refused)?;
        let made = guarded(|| {
            let database = self.database(file)?;
            let mut txn = database.begin_write()?;
            txn.set_durability(Durability::Immediate)?;
            tables::create_all(&txn)?;
            txn.commit()?;
            Ok(database.close()?)
        });
        made.map_err(|fault| self.open_error(fault))?;
        fs::rename(&unfinished, &self.file).map_err(refused)?;
        // Without this the name may be gone after a crash, and every receipt with it.
        held.sync_all().map_err(refused)
    }

    /// Has the operating system forget its copy of the file: after a failed fsync that copy may hold what the disk
    /// never got, and call it clean.
    pub(super) fn forget_copies(&self) {
        if let Ok(file) = File::open(&self.file) {
            // Advice only; a system that ignores it is no worse off than before.
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        }
    }

    /// Opens the file and verifies every page of it against its checksum, after a crash as after a clean end.
    pub(super) fn open(&self) -> Result<Database, OpenError> {
        let opened = guarded(|| {
            let file = options().open(&self.file).map_err(redb::Error::Io)?;
            if file.metadata().map_err(redb::Error::Io)?.len() == 0 {
                return Err(Fault::damaged("it is empty"));
            }
            self.database(file)
        });
        let database = opened.map_err(|fault| self.open_error(fault))?;
        match guarded(|| format_of(&database)).map_err(|fault| self.open_error(fault))? {
            found if found == FORMAT => Ok(database),
            found => Err(OpenError::Format {
                path: self.file.clone(),
                found: String::from_utf8_lossy(&found).chars().take(64).collect(),
            }),
        }
    }

    fn database(&self, file: File) -> Result<Database, Fault> {
        let backend = (self.backend)(file).map_err(redb::Error::Io)?;
        let path = self.file.clone();
        let database = Builder::new()
            .set_cache_size(CACHE)
            .set_check_integrity_on_open(true)
            .set_repair_callback(move |session| {
                tracing::debug!(file = %path.display(), progress = session.progress(), "checking the receipts");
            })
            .create_with_backend(Boxed(backend))?;
        Ok(database)
    }

    /// A fault at opening, as the program prints it.
    pub(super) fn open_error(&self, fault: Fault) -> OpenError {
        let path = self.file.clone();
        match fault {
            Fault::Library(redb::Error::DatabaseAlreadyOpen) => OpenError::InUse { path },
            Fault::Library(error) if is_damage(&error) => {
                OpenError::Damaged { path, reason: error.to_string() }
            }
            Fault::Library(error) => OpenError::Unavailable { path, reason: explain(&error) },
            Fault::Panic(reason) | Fault::Store(crate::store::StoreError::Damaged(reason)) => {
                OpenError::Damaged { path, reason }
            }
            Fault::Store(error) => OpenError::Unavailable { path, reason: error.to_string() },
        }
    }
}

/// The real thing.
pub(super) fn on_disk() -> Backend {
    Box::new(|file| match FileBackend::new(file) {
        Ok(backend) => Ok(Box::new(backend)),
        Err(DatabaseError::Storage(redb::StorageError::Io(error))) => Err(error),
        Err(error) => Err(io::Error::other(error)),
    })
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options
}

fn format_of(database: &Database) -> Result<Vec<u8>, Fault> {
    let txn = database.begin_read()?;
    let meta = txn.open_table(META)?;
    let found = meta.get(FORMAT_KEY)?;
    Ok(found.map(|found| found.value().to_vec()).unwrap_or_default())
}

/// The library wants a backend by its type.
#[derive(Debug)]
struct Boxed(Box<dyn StorageBackend>);

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
