//! What can go wrong with the file, in its own words and in the store's.

use std::{io, path::PathBuf};

use crate::store::StoreError;

/// Why the file could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder can't be made or used.
    #[error("the state folder {path} can't be used: {error}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process has it.
    #[error("{path} is open in another process: each sidecar needs a state folder of its own")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a later program, or by another.
    #[error("{path} is not in the format of this program: it says {found:?}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What stands where the format's name should be.
        found: String,
    },
    /// Its content is not what was written.
    #[error("{path} is damaged ({reason}): move it aside to begin anew; what can be read of it stays in it")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The system refused to read or write.
    #[error("{path} can't be opened: {reason}")]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What the system said, and what may help.
        reason: String,
    },
}

/// What stopped an operation within.
#[derive(Debug)]
pub(super) enum Fault {
    /// Ours or the caller's: the file is well.
    Store(StoreError),
    /// The library's: the file must be opened anew.
    Library(redb::Error),
    /// A panic within the library: only bytes that nobody wrote do that.
    Panic(String),
}

impl Fault {
    pub(super) fn damaged(reason: impl Into<String>) -> Self {
        Self::Store(StoreError::Damaged(reason.into()))
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Store(StoreError::Unavailable(reason.into()))
    }

    /// Whether nothing can be done before the file is opened anew.
    pub(super) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Store(_))
    }

    /// For operations that have not written anything.
    pub(super) fn into_store_error(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            Self::Library(error) if is_damage(&error) => StoreError::Damaged(error.to_string()),
            Self::Library(error) => StoreError::Unavailable(explain(&error)),
            Self::Panic(message) => StoreError::Damaged(message),
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Library(error.into())
    }
}

/// Whether what was read makes no sense.
pub(super) fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableDoesNotExist(_) => true,
        _ => false,
    }
}

/// The error, and what the reader can do about it.
pub(super) fn explain(error: &redb::Error) -> String {
    let redb::Error::Io(error) = error else { return error.to_string() };
    let hint = match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: free some room, or lower the bound on bytes",
        io::ErrorKind::QuotaExceeded => "the quota is used up: raise it, or lower the bound on bytes",
        io::ErrorKind::ReadOnlyFilesystem => "the disk is mounted read-only, as a failing one often is",
        io::ErrorKind::PermissionDenied => "the process may not write there",
        io::ErrorKind::FileTooLarge => "the file may not grow so large: see ulimit -f",
        _ => return error.to_string(),
    };
    format!("{error} ({hint})")
}

/// Runs something of the library's on bytes that the disk's owner may have made up.
pub(super) fn guarded<T>(run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
        Err(Fault::Panic(format!("it made the library panic: {message}")))
    })
}
