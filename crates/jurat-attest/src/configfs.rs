//! Quotes from the kernel's configfs-tsm.

use std::path::{Path, PathBuf};

use jurat_proto::ReportData;
use tdx_attest_rs::{Tsm, TsmError};

use crate::{Quote, QuoteFailure, QuoteProvider};

/// configfs-tsm as a quote provider. The kernel keeps no event log in the form of the report, so it gives none.
#[derive(Debug)]
pub struct ConfigfsTsm {
    tsm: Tsm,
}

impl ConfigfsTsm {
    /// Quotes through the report folder `root`, [`DEFAULT_TSM_ROOT`](crate::DEFAULT_TSM_ROOT) on a real machine.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { tsm: Tsm::new(root) }
    }

    /// The report folder.
    pub fn root(&self) -> &Path {
        self.tsm.root()
    }

    /// Whether a quote could be asked for, without troubling the host.
    ///
    /// # Errors
    ///
    /// What is missing.
    pub fn probe(&self) -> Result<(), QuoteFailure> {
        self.tsm.probe().map_err(failure)
    }
}

impl QuoteProvider for ConfigfsTsm {
    fn name(&self) -> &'static str {
        "configfs-tsm"
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        let bytes = self.tsm.quote(report_data.as_bytes()).map_err(failure)?;
        Ok(Quote { bytes, event_log: None, vm_config: None, info: None })
    }
}

fn failure(error: TsmError) -> QuoteFailure {
    let text = error.to_string();
    match error {
        TsmError::NoFolder { .. }
        | TsmError::NoDriver { .. }
        | TsmError::Denied { .. }
        | TsmError::NotConfigfs { .. }
        | TsmError::WrongProvider { .. } => QuoteFailure::Unavailable(text),
        TsmError::Busy { .. } => QuoteFailure::Busy(text),
        TsmError::TimedOut => QuoteFailure::TimedOut(text),
        // The enum may grow; whatever is new is at least a failure.
        _ => QuoteFailure::Failed(text),
    }
}

#[cfg(test)]
mod tests;
