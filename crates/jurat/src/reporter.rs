//! The evidence engine, as the service meets it, and the keeping of its reports beside the receipts.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use jurat_attest::{Attester, Caller, Part, ReportFailure, ReportRequest};
use jurat_ledger::{Appender, Archive, ArchivedReport, Health};
use jurat_proto::{Binding, Claims, Digest, Nonce, ReportBody, UnixMillis, sha256};
use jurat_proxy::{EvidenceFigures, PartFigures, ReportRefusal, ReportReply, Reporter};

use crate::{exit::Failure, service::now};

/// How long a report is waited for: answers may wait with it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the kept report is replaced by a newer one.
const KEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// The adapter.
pub(crate) struct Evidence {
    pub(crate) attester: Attester,
    claims_hash: Mutex<Digest>,
}

impl Evidence {
    pub(crate) fn new(attester: Attester, claims: &str) -> Arc<Self> {
        Arc::new(Self { attester, claims_hash: Mutex::new(sha256(claims.as_bytes())) })
    }

    /// The signer has begun another chain, and its reports claim it from now on.
    pub(crate) fn renew_claims(&self, claims: String) {
        *self.claims_hash.lock().unwrap_or_else(PoisonError::into_inner) = sha256(claims.as_bytes());
        self.attester.renew_claims(claims);
    }

    /// The report that everybody gets who brings no nonce, as the archive keeps it. Blocks as long as the
    /// hardware does.
    pub(crate) fn to_keep(&self) -> Result<ArchivedReport, Failure> {
        let (send, receive) = mpsc::channel();
        self.attester.request(ReportRequest { binding: Binding::JuratV1, nonce: None }, move |result| {
            // The receiver may have lost its patience.
            let _ = send.send(result);
        });
        let body =
            receive.recv_timeout(PATIENCE).map_err(Failure::unavailable)?.map_err(Failure::unavailable)?;
        let text = body.claims.as_deref().unwrap_or_default();
        let claims: Claims = serde_json::from_str(text).map_err(Failure::unavailable)?;
        let age = body.report_age_seconds.unwrap_or(0).saturating_mul(1_000);
        Ok(ArchivedReport {
            claims_hash: sha256(text.as_bytes()),
            signing_address: claims.signing_address,
            chain: claims.chain,
            made_at: UnixMillis(now().0.saturating_sub(age)),
            report: serde_json::to_string(&*body).map_err(Failure::unavailable)?,
        })
    }

    /// Keeps the present report in the archive: receipts outlive their signer, and are worth no more than what is
    /// known of it.
    pub(crate) fn keep(&self, archive: &Archive) -> Result<(), Failure> {
        let report = self.to_keep()?;
        if report.claims_hash != self.claims_hash() {
            return Err(Failure::unavailable("the claims were renewed meanwhile"));
        }
        archive.keep_report(&report).map_err(Failure::unavailable)
    }

    /// Keeps a report again every hour, for as long as the appender runs.
    pub(crate) fn keep_on(self: Arc<Self>, appender: Appender) -> Result<(), Failure> {
        let keeping = move || {
            let mut pause = KEEP_EVERY;
            loop {
                std::thread::sleep(pause);
                if appender.health() == Health::Stopped {
                    return;
                }
                pause = match self.keep(appender.archive()) {
                    Ok(()) => KEEP_EVERY,
                    Err(failure) => {
                        tracing::error!(?failure, "the report could not be kept beside the receipts");
                        TRY_AGAIN
                    }
                };
            }
        };
        std::thread::Builder::new()
            .name("jurat-reports".into())
            .spawn(keeping)
            .map_err(Failure::unavailable)?;
        Ok(())
    }
}

impl Reporter for Evidence {
    fn request(&self, binding: Binding, nonce: Option<Nonce>, reply: ReportReply) {
        self.attester.request_for(ReportRequest { binding, nonce }, Client(reply));
    }

    fn claims_hash(&self) -> Digest {
        *self.claims_hash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self) -> EvidenceFigures {
        let seen = self.attester.observe();
        let figures = |part: Part| PartFigures {
            made: part.made,
            failed: part.failed,
            last: part.last,
            longest: part.longest,
        };
        EvidenceFigures {
            waiting: seen.waiting as u64,
            shared_age: seen.shared_age,
            parts: vec![
                ("quote", figures(seen.quotes)),
                ("gpus", figures(seen.gpus)),
                ("switches", figures(seen.switches)),
            ],
        }
    }
}

/// A client, as the engine meets it.
struct Client(ReportReply);

impl Caller for Client {
    fn waits(&self) -> bool {
        self.0.is_wanted()
    }

    fn take(self: Box<Self>, outcome: Result<Arc<ReportBody>, ReportFailure>) {
        self.0.send(outcome.map_err(|failure| match failure {
            ReportFailure::TlsOff => ReportRefusal::TlsOff,
            ReportFailure::Busy { retry_after } | ReportFailure::TimedOut { retry_after } => {
                ReportRefusal::Busy { retry_after }
            }
            other => ReportRefusal::Unavailable(other.to_string()),
        }));
    }
}
