//! The evidence engine, as the service meets it.

use jurat_attest::{Attester, ReportFailure, ReportRequest};
use jurat_proto::{Binding, Nonce};
use jurat_proxy::{ReportRefusal, ReportReply, Reporter};

/// The adapter.
pub(crate) struct Evidence(pub(crate) Attester);

impl Reporter for Evidence {
    fn request(&self, binding: Binding, nonce: Option<Nonce>, reply: ReportReply) {
        self.0.request(ReportRequest { binding, nonce }, move |result| {
            reply(result.map_err(|failure| match failure {
                ReportFailure::TlsOff => ReportRefusal::TlsOff,
                ReportFailure::Busy { retry_after } => ReportRefusal::Busy { retry_after },
                other => ReportRefusal::Unavailable(other.to_string()),
            }));
        });
    }
}
