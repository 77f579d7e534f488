//! Whether the service is ready: it can prove what it says, and keep what it swears to.

use jurat_ledger::{Appender, Health};

use crate::Latches;

/// The latches as they stand at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    signer: bool,
    report: bool,
    self_check: bool,
    store: bool,
    draining: bool,
}

impl Readiness {
    /// Their names, in the order of [`Readiness::latches`].
    pub(crate) const LATCHES: [&'static str; 4] = ["signer", "report", "self_check", "store"];

    /// Looks at them.
    pub fn of(appender: &Appender, latches: &Latches) -> Self {
        let health = appender.health();
        Self {
            signer: health != Health::Stopped,
            report: latches.has_report(),
            self_check: latches.has_self_check(),
            store: health == Health::Well,
            draining: latches.is_draining(),
        }
    }

    /// All are green, and the process is not going.
    pub fn is_ready(&self) -> bool {
        self.latches().iter().all(|(_, green)| *green) && !self.draining
    }

    /// The process takes nothing new.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Each by its name.
    pub fn latches(&self) -> [(&'static str, bool); 4] {
        let [signer, report, self_check, store] = Self::LATCHES;
        [(signer, self.signer), (report, self.report), (self_check, self.self_check), (store, self.store)]
    }
}
