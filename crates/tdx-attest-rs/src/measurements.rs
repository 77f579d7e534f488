//! The run-time measurement registers, where the kernel offers them as files (Linux 6.16 and later).

use std::{
    error::Error,
    fmt, fs,
    io::{self, Write},
    path::PathBuf,
};

/// A register that software may extend. 0 and 1 belong to the firmware and the boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rtmr {
    /// RTMR2: the operating system.
    Two,
    /// RTMR3: applications.
    Three,
}

/// Why a register was not extended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExtendError {
    /// The kernel has no such file: it is older than 6.16, or this is no TDX guest.
    Unsupported {
        /// The file looked for.
        path: PathBuf,
    },
    /// The kernel refused.
    Io {
        /// The register's file.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl fmt::Display for ExtendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { path } => {
                write!(f, "{} does not exist: the kernel offers no measurement registers", path.display())
            }
            Self::Io { path, source } => write!(f, "could not extend {}: {source}", path.display()),
        }
    }
}

impl Error for ExtendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unsupported { .. } => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}

/// The kernel's folder of measurement registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measurements {
    root: PathBuf,
}

impl Measurements {
    /// Where the kernel has it.
    pub const DEFAULT_ROOT: &str = "/sys/class/misc/tdx_guest/measurements";

    /// Registers in the folder `root`. Nothing is touched yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Sets the register to SHA-384(register ‖ `digest`). This cannot be undone while the machine runs.
    ///
    /// # Errors
    ///
    /// [`ExtendError::Unsupported`] on a kernel without these files, else the kernel's own.
    pub fn extend(&self, register: Rtmr, digest: &[u8; 48]) -> Result<(), ExtendError> {
        let path = self.root.join(match register {
            Rtmr::Two => "rtmr2:sha384",
            Rtmr::Three => "rtmr3:sha384",
        });
        // One write at offset 0: the kernel refuses parts. Never created here: sysfs has it or has not.
        let written = fs::OpenOptions::new().write(true).open(&path).and_then(|mut file| file.write(digest));
        match written {
            Ok(48) => Ok(()),
            Ok(short) => {
                let source =
                    io::Error::new(io::ErrorKind::WriteZero, format!("only {short} of 48 bytes were taken"));
                Err(ExtendError::Io { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ExtendError::Unsupported { path }),
            Err(source) => Err(ExtendError::Io { path, source }),
        }
    }
}

impl Default for Measurements {
    fn default() -> Self {
        Self::new(Self::DEFAULT_ROOT)
    }
}
