//! A bundle: everything that a verdict on a report, and on an answer sworn to under it, rests on, in one file that can
//! be judged offline for ever (`docs/spec/bundle.md`).

mod judged;
mod wire;

use std::fmt;

use jurat_proto::{Digest, Nonce, SignatureRecord, UnixSeconds};
use serde::{Deserialize, Serialize};

pub use self::judged::{BundleVerdict, Held, verify_bundle};
use crate::{
    BodyDigests, MAX_REPORT,
    gpu::{MAX_MANIFESTS, MAX_RESPONSES},
    json,
};

/// Longest bundle that is read: a report, what vendors said of it, and two bodies.
pub const MAX_BUNDLE: usize = 256 << 20;
/// What `bundle` says in every file of this layout.
const LAYOUT: &str = "jurat-bundle-v1";
/// The receipts beside the bundle's own.
const MAX_NEIGHBOURS: usize = 8;

/// A bundle, read and believed in nothing.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Bundle {
    bundle: String,
    /// When its maker judged it, by that machine's clock. Nobody vouches for it.
    pub verified_at: UnixSeconds,
    /// The nonce that its maker drew and asked the report for.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "jurat_proto::text::optional")]
    pub nonce: Option<Nonce>,
    /// The report's JSON as it was served: quote, event log, GPU evidence, claims.
    pub report: String,
    /// Intel's collateral, revocation lists included: `QuoteCollateralV3` as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral: Option<String>,
    /// NVIDIA's manifests, XML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rims: Vec<String>,
    /// OCSP responses, DER in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "wire::base64_list")]
    pub ocsp: Vec<Vec<u8>>,
    /// The answer of NVIDIA's attestation service, and its keys of that hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nras: Option<BundledNras>,
    /// The answer that was sworn to; `None` in a bundle about a report alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<BundledAnswer>,
}

/// See [`NrasAnswer`](crate::NrasAnswer).
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledNras {
    /// The body: a detached EAT.
    pub answer: String,
    /// The JWK Set.
    pub jwks: String,
}

/// An exchange with its receipt.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BundledAnswer {
    /// What the signer swore.
    pub record: SignatureRecord,
    /// SHA-256 of the request's body, 64 hex.
    #[serde(with = "jurat_proto::text")]
    pub request_sha256: Digest,
    /// SHA-256 of the answer's body, 64 hex.
    #[serde(with = "jurat_proto::text")]
    pub response_sha256: Digest,
    /// Length of the answer's body in bytes.
    pub response_length: u64,
    /// Both bodies, if its maker wished them in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bodies: Option<BundledBodies>,
    /// Receipts from the places beside it in its chain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<SignatureRecord>,
}

/// The bytes of an exchange, base64.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledBodies {
    /// Of the request, as sent.
    #[serde(with = "wire::base64_text")]
    pub request: Vec<u8>,
    /// Of the answer, as received.
    #[serde(with = "wire::base64_text")]
    pub response: Vec<u8>,
}

/// Why a text is no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Longer than any.
    #[error("the bundle is longer than {MAX_BUNDLE} bytes")]
    TooLong,
    /// Not its JSON.
    #[error("the bundle is not legible: {0}")]
    Json(String),
    /// Of a layout that this version does not know.
    #[error("the file is not a {LAYOUT}")]
    Layout,
    /// A list is longer than any.
    #[error("the bundle has {1} {0}, more than {2}")]
    TooMany(&'static str, usize, usize),
    /// The report is longer than any.
    #[error("the bundle's report is longer than {MAX_REPORT} bytes")]
    Report,
}

impl Bundle {
    /// Of a report alone, yet.
    pub fn new(report: String, verified_at: UnixSeconds) -> Self {
        Self {
            bundle: LAYOUT.to_owned(),
            verified_at,
            nonce: None,
            report,
            collateral: None,
            rims: Vec::new(),
            ocsp: Vec::new(),
            nras: None,
            answer: None,
        }
    }

    /// Reads one. Unknown members are refused: what nobody judges has no place in it.
    ///
    /// # Errors
    /// If it is not of this layout, or longer than any.
    pub fn read(text: &str) -> Result<Self, BundleError> {
        if text.len() > MAX_BUNDLE {
            return Err(BundleError::TooLong);
        }
        let bundle: Self = json::object(text).map_err(BundleError::Json)?;
        bundle.within_bounds().map(|()| bundle)
    }

    /// The file.
    ///
    /// # Errors
    /// If it would be one that [`read`](Self::read) refuses.
    pub fn to_json(&self) -> Result<String, BundleError> {
        self.within_bounds()?;
        let text = serde_json::to_string(self).map_err(|error| BundleError::Json(error.to_string()))?;
        if text.len() > MAX_BUNDLE { Err(BundleError::TooLong) } else { Ok(text) }
    }

    fn within_bounds(&self) -> Result<(), BundleError> {
        if self.bundle != LAYOUT {
            return Err(BundleError::Layout);
        }
        if self.report.len() > MAX_REPORT {
            return Err(BundleError::Report);
        }
        let neighbours = self.answer.as_ref().map_or(0, |answer| answer.neighbours.len());
        for (what, count, most) in [
            ("manifests", self.rims.len(), MAX_MANIFESTS),
            ("OCSP responses", self.ocsp.len(), MAX_RESPONSES),
            ("neighbouring receipts", neighbours, MAX_NEIGHBOURS),
        ] {
            if count > most {
                return Err(BundleError::TooMany(what, count, most));
            }
        }
        Ok(())
    }
}

impl BundledAnswer {
    /// An exchange whose bodies are at hand, and not put into the bundle.
    pub fn new(record: SignatureRecord, request: &[u8], response: &[u8]) -> Self {
        let digests = BodyDigests::of(request, response);
        Self {
            record,
            request_sha256: digests.request,
            response_sha256: digests.response,
            response_length: digests.response_length,
            bodies: None,
            neighbours: Vec::new(),
        }
    }
}

/// How much there is, and nothing of what it says.
impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle")
            .field("verified_at", &self.verified_at)
            .field("report", &self.report.len())
            .field("rims", &self.rims.len())
            .field("ocsp", &self.ocsp.len())
            .field("answer", &self.answer.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
