//! What the handlers of one worker share, and the knobs of the service.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use jurat_ledger::{Appended, Appender, Clock, Slot};
use jurat_proto::{Binding, Digest, End, Nonce, ReceiptId, ReportBody, UnixMillis};
use jurat_witness::Statement;
use tokio::sync::oneshot;

use crate::{
    admission::Admission,
    csr::CertificateRequests,
    demands::Demands,
    engine::{EngineAddress, Pool},
    metrics::Metrics,
    report::Prepared,
    self_check::SelfCheck,
    turns::Turns,
    watch::{Notes, Watcher},
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

/// Where a report goes.
#[derive(Debug)]
pub struct ReportReply(oneshot::Sender<Result<Arc<ReportBody>, ReportRefusal>>);

impl ReportReply {
    /// The two ends.
    pub(crate) fn channel() -> (Self, oneshot::Receiver<Result<Arc<ReportBody>, ReportRefusal>>) {
        let (send, receive) = oneshot::channel();
        (Self(send), receive)
    }

    /// Whether whoever asked is still there. Does not block.
    pub fn is_wanted(&self) -> bool {
        !self.0.is_closed()
    }

    /// Answers. It may be that nobody is there any more.
    pub fn send(self, result: Result<Arc<ReportBody>, ReportRefusal>) {
        let _ = self.0.send(result);
    }
}

/// The making of evidence at one moment. Counters run from the start.
#[derive(Debug, Clone, Default)]
pub struct EvidenceFigures {
    /// Reports that wait to be made.
    pub waiting: u64,
    /// Age of the report that is given without a nonce.
    pub shared_age: Option<Duration>,
    /// Each kind of evidence, by a name from a closed list.
    pub parts: Vec<(&'static str, PartFigures)>,
}

/// One kind of evidence.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartFigures {
    /// How often it was made.
    pub made: u64,
    /// How often it failed.
    pub failed: u64,
    /// How long the newest took.
    pub last: Duration,
    /// How long the slowest took.
    pub longest: Duration,
}

/// The hardware, as the service meets it.
pub trait Reporter: Send + Sync {
    /// Asks for a report; without a nonce, a prepared one will do. Evidence that nobody wants any more need not be
    /// made, but what was begun must not be broken off.
    fn request(&self, binding: Binding, nonce: Option<Nonce>, reply: ReportReply);

    /// SHA-256 of the claims that reports carry at the moment.
    fn claims_hash(&self) -> Digest;

    /// How it has fared so far, for metrics.
    fn figures(&self) -> EvidenceFigures;
}

/// Who may fetch a receipt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReceiptScope {
    /// Whoever knows its id.
    #[default]
    Anyone,
    /// Whoever brings the bearer token under which the exchange was made. One made without a token is anyone's.
    Owner,
}

/// What stands between the process and being ready. A latch that has been set stays set, but for the self-check's.
#[derive(Debug, Default)]
pub struct Latches {
    report: AtomicBool,
    self_check: Mutex<SelfCheck>,
    grace_over: AtomicBool,
    draining: AtomicBool,
    answers: AtomicUsize,
}

impl Latches {
    /// The first report was made.
    pub fn report_made(&self) {
        self.report.store(true, Ordering::Release);
    }

    /// The process's own judge has spoken, for the first time or again.
    pub fn self_checked(&self, outcome: SelfCheck) {
        *self.self_check.lock().unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    /// How many sworn answers have begun and not gone out wholly.
    pub fn answers_under_way(&self) -> usize {
        self.answers.load(Ordering::Acquire)
    }

    pub(crate) fn answer_begins(&self) {
        self.answers.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn answer_is_over(&self) {
        self.answers.fetch_sub(1, Ordering::AcqRel);
    }

    /// The process is going: not ready any more, and nothing new is taken.
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
        self.self_check.lock().unwrap_or_else(PoisonError::into_inner).holds()
    }

    pub(crate) fn self_check(&self) -> SelfCheck {
        self.self_check.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The end of an exchange whose connection is dropped. None if it is a panic that drops it: nobody left, and as after
    /// a crash there is no receipt.
    pub(crate) fn end_of_dropped(&self) -> Option<End> {
        if std::thread::panicking() {
            None
        } else if self.grace_over.load(Ordering::Acquire) {
            Some(End::TimedOut)
        } else {
            Some(End::ClientLeft)
        }
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
    /// What is demanded of request bodies.
    pub demands: Demands,
    /// Who may fetch a receipt.
    pub scope: ReceiptScope,
    /// Who comes in, and how fast.
    pub admission: Arc<Admission>,
    /// The clock.
    pub clock: Clock,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Readiness.
    pub latches: Arc<Latches>,
    /// Who asks for certificates in the TLS key's name; `None` if TLS does not end here.
    pub csr: Option<Arc<dyn CertificateRequests>>,
    /// Who is told of every sworn exchange that is over; `None` costs nothing.
    pub watcher: Option<Arc<dyn Watcher>>,
    /// The program's release, for `/version`.
    pub version: &'static str,
    /// The program's source revision, for `/version`.
    pub commit: &'static str,
}

/// One worker's share.
pub(crate) struct Context {
    pub(crate) parts: Parts,
    pub(crate) pool: Rc<Pool>,
    pub(crate) prepared: Prepared,
    pub(crate) turns: Rc<Turns>,
}

impl Context {
    pub(crate) fn new(parts: Parts) -> Rc<Self> {
        let pool = Pool::new(parts.engine.clone());
        Rc::new(Self { parts, pool, prepared: Prepared::default(), turns: Turns::new() })
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.parts.clock)()
    }

    /// Counts an exchange that is over and hands its statement to the appender.
    pub(crate) fn append(&self, statement: Statement, id: ReceiptId, slot: Slot, notes: Notes) -> Appended {
        self.parts.metrics.exchange(statement.end());
        // One line an exchange, for whoever asks for it: it is written while the answer's end waits.
        tracing::debug!(
            target: "jurat_proxy::exchange",
            %id,
            endpoint = statement.endpoint(),
            status = statement.status(),
            end = statement.end().as_str(),
            bytes = statement.response_length(),
            milliseconds = statement.milliseconds(),
        );
        let done = notes.over(&statement, id);
        let appended = slot.append(statement, id);
        // Behind the appender's back: it signs meanwhile.
        if let (Some(watcher), Some(done)) = (&self.parts.watcher, done) {
            watcher.over(done);
        }
        appended
    }
}
