//! Quotes from Intel's C library `libtdx_attest`, for machines whose way to the host is set up for it
//! (`/etc/tdx-attest.conf`, vsock) rather than through configfs.

use std::{ffi::OsStr, time::Duration};

use jurat_proto::ReportData;
use libtdx_attest::{CallError, Code, Library};

use crate::{Quote, QuoteFailure, QuoteProvider};

/// The library as a quote provider. It keeps no event log.
#[derive(Debug, Clone, Copy)]
pub struct IntelLibrary {
    library: Library,
}

impl IntelLibrary {
    /// Name by which the dynamic linker finds it where Intel's package is installed.
    pub const DEFAULT_NAME: &str = libtdx_attest::SONAME;

    /// Longer than the library takes of itself: half a minute in the kernel, and three tries of ten seconds while
    /// that is busy. It has no time-out of its own to set.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

    /// Loads the library: [`IntelLibrary::DEFAULT_NAME`], or a path. Its code runs in this process from then on.
    ///
    /// # Errors
    ///
    /// [`QuoteFailure::Unavailable`] with the dynamic linker's reason.
    pub fn load(name: impl AsRef<OsStr>) -> Result<Self, QuoteFailure> {
        let library = Library::load(name).map_err(|error| {
            QuoteFailure::Unavailable(format!("{error}; Intel's package libtdx-attest installs it"))
        })?;
        Ok(Self { library })
    }

    /// Whether a quote could be asked for, without troubling the host: a TDREPORT takes the kernel's driver alone.
    ///
    /// # Errors
    ///
    /// [`QuoteFailure::Unavailable`] where there is no TDX.
    pub fn probe(&self) -> Result<(), QuoteFailure> {
        self.library.td_report(&[0; 64]).map(drop).map_err(failure)
    }
}

impl QuoteProvider for IntelLibrary {
    fn name(&self) -> &'static str {
        "libtdx_attest"
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        let bytes = self.library.quote(report_data.as_bytes()).map_err(failure)?;
        Ok(Quote { bytes, event_log: None, vm_config: None, info: None })
    }
}

fn failure(error: CallError) -> QuoteFailure {
    let text = error.to_string();
    match error {
        CallError::Code(Code::DEVICE_FAILURE) => QuoteFailure::Unavailable(format!(
            "{text}: there is no /dev/tdx_guest that this process may open, so this is no TDX guest, its module is \
             not loaded, or the container lacks the device"
        )),
        CallError::Code(Code::NOT_SUPPORTED | Code::UNSUPPORTED_ATT_KEY_ID) => {
            QuoteFailure::Unavailable(text)
        }
        CallError::Code(Code::BUSY) => QuoteFailure::Busy(text),
        CallError::Code(Code::QUOTE_FAILURE | Code::VSOCK_FAILURE) => {
            QuoteFailure::Failed(format!("{text}: the host's quoting service failed or is not reached"))
        }
        _ => QuoteFailure::Failed(text),
    }
}

#[cfg(test)]
mod tests;
