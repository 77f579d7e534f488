//! `GET /csr?name=`: a certificate request for the key under which TLS ends, so that a public certificate can be had
//! for the key that reports attest.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{context::Context, error::Refusal, query::Query};

/// Who can ask for a certificate in the TLS key's name.
pub trait CertificateRequests: Send + Sync {
    /// A request (PKCS #10, PEM) for these names, between commas.
    fn request(&self, names: &str) -> Result<String, CsrRefusal>;
}

/// Why there is no certificate request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CsrRefusal {
    /// One of the names is no host's.
    Name,
    /// The key is from a file: whoever holds it asks.
    Elsewhere,
    /// It could not be made; the reason is for the log.
    Failed(String),
}

pub(crate) fn serve(context: &Context, query: &Query<'_>) -> HttpResponse {
    let Some(requests) = &context.parts.csr else { return Refusal::NoTlsKey.response() };
    let Some(names) = query.value("name") else { return Refusal::InvalidName.response() };
    match requests.request(&names) {
        Ok(pem) => HttpResponse::build(StatusCode::OK).content_type("application/x-pem-file").body(pem),
        Err(CsrRefusal::Name) => Refusal::InvalidName.response(),
        Err(CsrRefusal::Elsewhere) => Refusal::CsrElsewhere.response(),
        Err(CsrRefusal::Failed(reason)) => {
            tracing::error!(%reason, "no certificate request");
            Refusal::CsrFailed.response()
        }
    }
}
