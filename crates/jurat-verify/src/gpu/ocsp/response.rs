//! An OCSP response (RFC 6960), read with `der` and not yet believed.

use std::ops::RangeInclusive;

use der::{
    Choice, Decode, Enumerated, Sequence,
    asn1::{Any, BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString},
};
use jurat_proto::UnixSeconds;
use sha2::{Digest as _, Sha256, Sha384};
use x509_cert::{
    Certificate,
    ext::{Extensions, pkix::CrlReason},
    serial_number::SerialNumber,
    spki::AlgorithmIdentifierOwned,
};

use crate::gpu::certificates::{first_member, unknown_critical};

const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
/// Some 2 KiB are usual.
const MAX_LENGTH: usize = 64 << 10;
/// Between the responder's clock and the judge's: NVIDIA's answers hold from the very second they are made in.
const LEEWAY_SECONDS: u64 = 300;
/// One is usual: each question is about one certificate. A chain has no more than this.
const MAX_ANSWERS: usize = 8;
/// One is usual: the responder's.
const MAX_CERTIFICATES: usize = 4;

/// What a responder signed, with the signature.
pub(super) struct Response {
    pub(super) answers: Vec<SingleResponse>,
    /// The bytes under the signature, as they came.
    pub(super) signed: Vec<u8>,
    pub(super) algorithm: ObjectIdentifier,
    pub(super) signature: Vec<u8>,
    /// DER of the certificates that came along.
    pub(super) certificates: Vec<Vec<u8>>,
    /// The request's, if the responder repeats it (RFC 8954).
    nonce: Option<Vec<u8>>,
}

/// Why bytes are no OCSP response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResponseError {
    #[error("it speaks of more than {MAX_ANSWERS} certificates")]
    Answers,
    #[error("it brings more than {MAX_CERTIFICATES} certificates")]
    Certificates,
    #[error("it is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("it is not DER: {0}")]
    Der(#[from] der::Error),
    #[error("it is of another kind than basic")]
    Kind,
    #[error("it has a critical extension {0} that jurat does not know")]
    Critical(ObjectIdentifier),
}

impl Response {
    /// `None` if the responder did not answer: then nothing is signed, and nothing said.
    pub(super) fn read(der: &[u8]) -> Result<Option<Self>, ResponseError> {
        if der.len() > MAX_LENGTH {
            return Err(ResponseError::TooLong);
        }
        let outer = OcspResponse::from_der(der)?;
        let (OcspStatus::Successful, Some(body)) = (outer.status, outer.body) else { return Ok(None) };
        if body.kind != BASIC {
            return Err(ResponseError::Kind);
        }
        let basic = BasicResponse::from_der(body.response.as_bytes())?;
        if basic.data.answers.len() > MAX_ANSWERS {
            return Err(ResponseError::Answers);
        }
        let certificates = basic.certificates.unwrap_or_default();
        if certificates.len() > MAX_CERTIFICATES {
            return Err(ResponseError::Certificates);
        }
        let signed = first_member(body.response.as_bytes())?;
        let data = basic.data;
        let singles = data.answers.iter().flat_map(|answer| answer.extensions.iter());
        if let Some(id) = unknown_critical(singles.chain(&data.extensions).flatten(), &[NONCE]) {
            return Err(ResponseError::Critical(id));
        }
        let nonce = data.extensions.iter().flatten().find(|extension| extension.extn_id == NONCE);
        let nonce =
            nonce.map(|extension| OctetString::from_der(extension.extn_value.as_bytes())).transpose()?;
        Ok(Some(Self {
            nonce: nonce.map(|nonce| nonce.as_bytes().to_vec()),
            answers: data.answers,
            signed: signed.to_vec(),
            algorithm: basic.algorithm.oid,
            signature: basic.signature.as_bytes().unwrap_or_default().to_vec(),
            certificates: certificates.iter().map(der::Encode::to_der).collect::<Result<_, _>>()?,
        }))
    }
}

/// Why an answer of a responder's is of no use to anybody. Whether it is genuine is for the judge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OcspAnswerError {
    /// Not an OCSP response.
    #[error("{0}")]
    Illegible(String),
    /// An answer to another request.
    #[error("it does not repeat the nonce of the request")]
    Nonce,
}

/// From when to when everything in the DER of an OCSP response holds by its own dates; `None` if the responder did not
/// answer. With a nonce it must be the answer to the request of that nonce.
///
/// # Errors
/// If it is none, or answers another request.
pub fn ocsp_window(
    der: &[u8],
    nonce: Option<&[u8; 32]>,
) -> Result<Option<RangeInclusive<UnixSeconds>>, OcspAnswerError> {
    let read = Response::read(der).map_err(|error| OcspAnswerError::Illegible(error.to_string()))?;
    let Some(response) = read else { return Ok(None) };
    if nonce.is_some_and(|nonce| response.nonce.as_deref() != Some(nonce)) {
        return Err(OcspAnswerError::Nonce);
    }
    let seconds = |time: &GeneralizedTime| time.to_unix_duration().as_secs();
    let from = response.answers.iter().map(|single| seconds(&single.this_update)).max();
    let until = response.answers.iter().filter_map(|single| single.next_update.as_ref()).map(seconds).min();
    let from = from.unwrap_or(0).saturating_sub(LEEWAY_SECONDS);
    Ok(Some(UnixSeconds(from)..=UnixSeconds(until.unwrap_or(0))))
}

const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");

impl SingleResponse {
    /// Whether this is about a certificate: `issuer` is above it.
    ///
    /// With SHA-384, as NVIDIA's verifier asks, or SHA-256. SHA-1, which many clients ask with unasked, names
    /// nothing here.
    pub(super) fn is_about(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let id = &self.id;
        // before anything is hashed: there are many answers about other certificates
        if id.serial_number != *certificate.tbs_certificate().serial_number() {
            return false;
        }
        let issuer = issuer.tbs_certificate();
        let Ok(name) = der::Encode::to_der(issuer.subject()) else { return false };
        let key = issuer.subject_public_key_info().subject_public_key.raw_bytes();
        let (name, key) = match id.algorithm.oid {
            SHA384 => (Sha384::digest(name).to_vec(), Sha384::digest(key).to_vec()),
            SHA256 => (Sha256::digest(name).to_vec(), Sha256::digest(key).to_vec()),
            _ => return false,
        };
        id.issuer_name.as_bytes() == name && id.issuer_key.as_bytes() == key
    }

    /// Whether it may be relied upon at `now`. One that does not say until when may not.
    pub(super) fn is_current(&self, now: UnixSeconds) -> bool {
        let seconds = |time: &GeneralizedTime| time.to_unix_duration().as_secs();
        self.next_update.as_ref().is_some_and(|next| now.0 <= seconds(next))
            && now.0.saturating_add(LEEWAY_SECONDS) >= seconds(&self.this_update)
    }
}

/// RFC 6960, 4.2.1.
#[derive(Sequence)]
struct OcspResponse {
    status: OcspStatus,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    body: Option<ResponseBytes>,
}

#[derive(Clone, Copy, PartialEq, Eq, Enumerated)]
#[asn1(type = "ENUMERATED")]
#[repr(u32)]
enum OcspStatus {
    Successful = 0,
    MalformedRequest = 1,
    InternalError = 2,
    TryLater = 3,
    SigRequired = 5,
    Unauthorized = 6,
}

#[derive(Sequence)]
struct ResponseBytes {
    kind: ObjectIdentifier,
    response: OctetString,
}

#[derive(Sequence)]
struct BasicResponse {
    data: ResponseData,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    certificates: Option<Vec<Any>>,
}

#[derive(Sequence)]
struct ResponseData {
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    version: Option<u8>,
    responder: Any,
    produced_at: GeneralizedTime,
    answers: Vec<SingleResponse>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "EXPLICIT")]
    extensions: Option<Extensions>,
}

/// What is said about one certificate.
#[derive(Sequence)]
pub(super) struct SingleResponse {
    id: CertId,
    pub(super) status: CertStatus,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    next_update: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "EXPLICIT")]
    extensions: Option<Extensions>,
}

#[derive(Sequence)]
struct CertId {
    algorithm: AlgorithmIdentifierOwned,
    issuer_name: OctetString,
    issuer_key: OctetString,
    serial_number: SerialNumber,
}

#[derive(Choice)]
pub(super) enum CertStatus {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Sequence)]
pub(super) struct RevokedInfo {
    at: GeneralizedTime,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    pub(super) reason: Option<CrlReason>,
}

#[cfg(test)]
pub(super) mod tests;
