//! Why there is no quote, in words an operator can act on.

use std::{error::Error, fmt, io, path::PathBuf};

/// Why configfs-tsm gave no quote.
#[derive(Debug)]
#[non_exhaustive]
pub enum TsmError {
    /// The folder is not there: configfs is not mounted (or not into this container), or the kernel is older than 6.7.
    NoFolder {
        /// The folder looked for.
        root: PathBuf,
    },
    /// The folder is there and no kernel driver answers behind it (`ENXIO`): no `tdx_guest`.
    NoDriver {
        /// The folder.
        root: PathBuf,
    },
    /// The kernel does not let this process make requests.
    Denied {
        /// What was refused.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A new folder stayed empty, so its parent is an ordinary folder and not configfs.
    NotConfigfs {
        /// The folder.
        root: PathBuf,
    },
    /// Another TEE's driver answers.
    WrongProvider {
        /// What it calls itself.
        found: String,
    },
    /// The request's write counter did not move by exactly one: the write was lost or someone else wrote too.
    Conflict {
        /// Before our write.
        before: u64,
        /// After our read.
        after: u64,
    },
    /// The kernel handed out no bytes. Kernels before 2026 do so when the host's quoting service reports an error.
    Empty,
    /// More bytes than any quote has.
    TooLong {
        /// The most that is taken.
        limit: usize,
    },
    /// The kernel's one mailbox to the host stayed occupied.
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// The host did not answer in the kernel's own time of 30 s.
    TimedOut,
    /// Any other refusal of the kernel.
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl fmt::Display for TsmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFolder { root } => write!(
                f,
                "{} does not exist: mount configfs (mount -t configfs none /sys/kernel/config), load the module \
                 tdx_guest, and in a container bind-mount that folder; the kernel must be 6.7 or later",
                root.display()
            ),
            Self::NoDriver { root } => write!(
                f,
                "no kernel driver answers behind {}: load the module tdx_guest; if it does not load, this machine \
                 is no TDX guest",
                root.display()
            ),
            Self::Denied { path, source } => write!(
                f,
                "the kernel lets this process make no request at {} ({source}): run as root or change the owner \
                 of the folder, and mount it writable",
                path.display()
            ),
            Self::NotConfigfs { root } => write!(
                f,
                "{} is an ordinary folder, not configfs: mount configfs there, or bind-mount the host's",
                root.display()
            ),
            Self::WrongProvider { found } => {
                write!(f, "the kernel's provider is {found:?}, not \"tdx_guest\": this is no TDX guest")
            }
            Self::Conflict { before, after } => write!(
                f,
                "the request's generation went from {before} to {after} instead of by one: another process wrote \
                 to it"
            ),
            Self::Empty => f.write_str("the kernel gave an empty quote: the host's quoting service failed"),
            Self::TooLong { limit } => write!(f, "the kernel gave a quote of more than {limit} bytes"),
            Self::Busy { attempts } => {
                write!(f, "the kernel's mailbox to the host was occupied {attempts} times in a row")
            }
            Self::TimedOut => f.write_str("the host's quoting service did not answer in 30 s"),
            Self::Io { action, path, source } => write!(f, "could not {action} {}: {source}", path.display()),
        }
    }
}

impl Error for TsmError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Denied { source, .. } | Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
