//! One quote from configfs-tsm.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{TsmError, request::Request, retry::Patience};

/// The kernel has one mailbox to the host for the whole machine; callers of one process wait here instead of
/// meeting `EBUSY` there.
static MAILBOX: Mutex<()> = Mutex::new(());

/// The kernel's report folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tsm {
    root: PathBuf,
    patience: Patience,
}

impl Tsm {
    /// Where the kernel has it.
    pub const DEFAULT_ROOT: &str = "/sys/kernel/config/tsm/report";

    /// Requests through the folder `root`. Nothing is touched yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), patience: Patience::KERNEL }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A TDX quote that carries `report_data`.
    ///
    /// Blocks: for up to 30 s in the kernel, before that for as long as other callers of this process have the
    /// mailbox, and for up to 7.5 s while it is occupied by other processes. The bytes are the kernel's; whether
    /// they are a quote, and one over `report_data`, is for the caller to see.
    ///
    /// # Errors
    ///
    /// As [`TsmError`] says; nothing was changed on the machine in any of its cases.
    pub fn quote(&self, report_data: &[u8; 64]) -> Result<Vec<u8>, TsmError> {
        let _mailbox = MAILBOX.lock().unwrap_or_else(PoisonError::into_inner);
        let request = Request::open(&self.root)?;
        request.expect_tdx()?;
        let before = request.generation()?;
        request.write_report_data(report_data, self.patience)?;
        let quote = request.read_quote(self.patience)?;
        let after = request.generation()?;
        if before.checked_add(1) == Some(after) {
            Ok(quote)
        } else {
            Err(TsmError::Conflict { before, after })
        }
    }

    /// Whether a quote could be asked for: makes a request and lets it go, without troubling the host.
    ///
    /// # Errors
    ///
    /// What is missing, as [`Tsm::quote`] would say it.
    pub fn probe(&self) -> Result<(), TsmError> {
        Request::open(&self.root)?.expect_tdx()
    }
}

impl Default for Tsm {
    fn default() -> Self {
        Self::new(Self::DEFAULT_ROOT)
    }
}
