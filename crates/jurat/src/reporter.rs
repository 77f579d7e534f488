//! The evidence engine, as the service meets it.

use std::sync::Arc;

use jurat_attest::{Attester, Caller, ReportFailure, ReportRequest};
use jurat_proto::{Binding, Nonce, ReportBody};
use jurat_proxy::{ReportRefusal, ReportReply, Reporter};

/// The adapter.
pub(crate) struct Evidence(pub(crate) Attester);

impl Reporter for Evidence {
    fn request(&self, binding: Binding, nonce: Option<Nonce>, reply: ReportReply) {
        self.0.request_for(ReportRequest { binding, nonce }, Client(reply));
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
