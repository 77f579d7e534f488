//! What the handlers of one worker share, and the knobs of the service.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jurat_ledger::{Appended, Appender, Clock, Slot};
use jurat_proto::{Binding, End, Nonce, ReceiptId, ReportBody, UnixMillis};
use jurat_witness::Statement;

use crate::{
    engine::{EngineAddress, Pool},
    metrics::Metrics,
    report::WrittenReports,
};

/// Limits of the data port. Defaults are those of `docs/operate.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Silence of the engine before its answer's head.
    pub first_byte: Duration,
    /// Silence within an answer or within an upload.
    pub idle: Duration,
    /// Largest request body, bytes.
    pub body: u64,
    /// Largest multipart request body, bytes.
    pub multipart_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(120),
            body: 64 << 20,
            multipart_body: 256 << 20,
        }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReportRefusal {
    /// The binding commits to a TLS key that this process does not have.
    TlsOff,
    /// Too many are waiting.
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The hardware failed; the reason is for the log.
    Unavailable(String),
}

/// Where a report goes, called exactly once.
pub type ReportReply = Box<dyn FnOnce(Result<Arc<ReportBody>, ReportRefusal>) + Send>;

/// The hardware, as the service meets it.
pub trait Reporter: Send + Sync {
    /// Asks for a report; without a nonce, a prepared one will do.
    fn request(&self, binding: Binding, nonce: Option<Nonce>, reply: ReportReply);
}

/// What stands between the process and being ready. A latch that has been set stays set.
#[derive(Debug, Default)]
pub struct Latches {
    report: AtomicBool,
    self_check: AtomicBool,
    grace_over: AtomicBool,
    draining: AtomicBool,
}

impl Latches {
    /// The first report was made.
    pub fn report_made(&self) {
        self.report.store(true, Ordering::Release);
    }

    /// The process's own judge accepted it.
    pub fn self_check_passed(&self) {
        self.self_check.store(true, Ordering::Release);
    }

    /// The process is going: not ready any more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whoever is cut off from now on was not left by its client.
    pub fn grace_over(&self) {
        self.grace_over.store(true, Ordering::Release);
    }

    pub(crate) fn has_report(&self) -> bool {
        self.report.load(Ordering::Acquire)
    }

    pub(crate) fn has_self_check(&self) -> bool {
        self.self_check.load(Ordering::Acquire)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The end of an exchange whose connection is dropped.
    pub(crate) fn end_of_dropped(&self) -> End {
        if self.grace_over.load(Ordering::Acquire) { End::TimedOut } else { End::ClientLeft }
    }
}

/// Everything that the service is made of; the program puts it together.
#[derive(Clone)]
pub struct Parts {
    /// Signs and keeps receipts.
    pub appender: Appender,
    /// Makes reports.
    pub reporter: Arc<dyn Reporter>,
    /// The engine.
    pub engine: EngineAddress,
    /// Limits of the data port.
    pub limits: Limits,
    /// The clock.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub latches: Arc<Latches>,
    /// The program's release, for `/version`.
    pub version: &'static str,
    /// The program's source revision, for `/version`.
    pub commit: &'static str,
}

/// One worker's share.
pub(crate) struct Context {
    pub(crate) parts: Parts,
    pub(crate) pool: Rc<Pool>,
    pub(crate) written_reports: WrittenReports,
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Rc<Self> {
        let pool = Pool::new(parts.engine.clone());
        Rc::new(Self { parts, pool, written_reports: WrittenReports::default() })
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.parts.clock)()
    }

    /// Counts an exchange that is over and hands its statement to the appender.
    pub(crate) fn append(&self, statement: Statement, id: ReceiptId, slot: Slot) -> Appended {
        self.parts.metrics.exchange(statement.end());
        slot.append(statement, id)
    }
}
