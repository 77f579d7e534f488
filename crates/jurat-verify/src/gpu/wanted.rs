//! What NVIDIA is to be asked about a report's GPUs: manifests by their names, certificates by their numbers.
//!
//! Nothing here is believed, and nothing is verified: whoever wrote the evidence can at most have the wrong things
//! asked for, which then prove nothing.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{Decode, Encode};
use jurat_proto::{Digest, UnixSeconds, sha256};
use serde::{Deserialize, de::IgnoredAny};
use sha2::{Digest as _, Sha384};
use x509_cert::Certificate;

use super::{
    certificates,
    identity::Identity,
    payload::Payload,
    rim::{self, MAX_TEXT},
    spdm::{SpdmReport, tag},
};
use crate::{Roots, json, roots};

/// The name under which NVIDIA's service keeps a reference integrity manifest: letters, digits, `_`, `.` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RimId(String);

impl RimId {
    const LONGEST: usize = 128;

    fn new(text: String) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        ((1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(fits)).then_some(Self(text))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RimId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an answer of NVIDIA's manifest service has no manifest in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RimAnswerError {
    /// Not that service's JSON.
    #[error("{0}")]
    Json(String),
    /// The manifest is not base64 of text.
    #[error("its manifest is not base64 of text")]
    Text,
    /// The manifest is longer than any.
    #[error("its manifest is longer than {MAX_TEXT} bytes")]
    TooLong,
}

/// The manifest in an answer of NVIDIA's manifest service, as XML. Whether it is genuine, and of what, is for the judge.
///
/// # Errors
/// If the answer has not that service's shape.
pub fn read_rim_answer(body: &[u8]) -> Result<String, RimAnswerError> {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow)]
        rim: Cow<'a, str>,
    }

    let wire: Wire<'_> = json::object_in(body).map_err(RimAnswerError::Json)?;
    let rim = STANDARD.decode(wire.rim.as_bytes()).map_err(|_| RimAnswerError::Text)?;
    if rim.len() > MAX_TEXT {
        return Err(RimAnswerError::TooLong);
    }
    String::from_utf8(rim).map_err(|_| RimAnswerError::Text)
}

/// A certificate that an OCSP responder is to be asked about (RFC 6960): its `CertID`, with SHA-384.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateQuestion {
    cert_id: Vec<u8>,
}

/// `2.16.840.1.101.3.4.2.2` with NULL parameters.
const SHA384: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00];
/// `id-pkix-ocsp-nonce`.
const OCSP_NONCE: [u8; 11] = [0x06, 0x09, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x01, 0x02];

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `[2] EXPLICIT`
const EXTENSIONS: u8 = 0xa2;

impl CertificateQuestion {
    fn new(certificate: &Certificate, issuer: &Certificate) -> Option<Self> {
        let issuer = issuer.tbs_certificate();
        let name = Sha384::digest(issuer.subject().to_der().ok()?);
        let key = Sha384::digest(issuer.subject_public_key_info().subject_public_key.raw_bytes());
        let serial = certificate.tbs_certificate().serial_number().as_bytes();
        let members =
            [SHA384.to_vec(), tlv(OCTET_STRING, &name), tlv(OCTET_STRING, &key), tlv(INTEGER, serial)];
        Some(Self { cert_id: tlv(SEQUENCE, &members.concat()) })
    }

    /// Tells one certificate from another.
    pub fn id(&self) -> Digest {
        sha256(&self.cert_id)
    }

    /// The DER of an `OCSPRequest` about this certificate alone, under a nonce (RFC 8954).
    pub fn request(&self, nonce: &[u8; 32]) -> Vec<u8> {
        let nonce = tlv(OCTET_STRING, &tlv(OCTET_STRING, nonce));
        let extension = tlv(SEQUENCE, &[&OCSP_NONCE[..], &nonce].concat());
        let requests = tlv(SEQUENCE, &tlv(SEQUENCE, &self.cert_id));
        let extensions = tlv(EXTENSIONS, &tlv(SEQUENCE, &extension));
        tlv(SEQUENCE, &tlv(SEQUENCE, &[requests, extensions].concat()))
    }
}

/// DER of one value, up to 65,535 bytes long.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let [.., high, low] = value.len().to_be_bytes();
    let length: &[u8] = match value.len() {
        0..0x80 => &[low],
        0x80..0x100 => &[0x81, low],
        _ => &[0x82, high, low],
    };
    [&[tag], length, value].concat()
}

/// What is to be asked about GPU evidence.
#[derive(Debug, Default)]
pub(crate) struct WantedOfNvidia {
    pub(crate) rims: Vec<RimId>,
    pub(crate) certificates: Vec<CertificateQuestion>,
    /// Whether there is any evidence at all.
    pub(crate) evidence: bool,
}

impl WantedOfNvidia {
    /// What is not legible is left out: the judge refuses it by name.
    pub(crate) fn of(payload: &str) -> Self {
        let Ok(Some(payload)) = Payload::parse(payload) else { return Self::default() };
        let (mut rims, mut certificates) = (BTreeSet::new(), BTreeSet::new());
        for gpu in &payload.gpus {
            let chain = certificates::split(&gpu.certificates).unwrap_or_default();
            let chain: Vec<_> = chain.iter().filter_map(|der| Certificate::from_der(der).ok()).collect();
            if let (Ok(report), Some(leaf)) = (SpdmReport::parse(&gpu.report), chain.first()) {
                rims.extend(rim_ids(&report, leaf));
            }
            certificates.extend(questions(&chain));
        }
        Self {
            rims: rims.into_iter().collect(),
            certificates: certificates.into_iter().collect(),
            evidence: true,
        }
    }
}

/// The names of a GPU's two manifests, driver and VBIOS.
fn rim_ids(report: &SpdmReport<'_>, leaf: &Certificate) -> Vec<RimId> {
    let Ok(Identity { chip, driver, vbios }) = Identity::read(report, leaf) else { return Vec::new() };
    let text = |tag| {
        let value = std::str::from_utf8(report.opaque(tag)?).ok()?;
        Some(value.trim_end_matches('\0').to_uppercase())
    };
    // Hopper's came before drivers had a manifest for each mode.
    let family = if chip.starts_with("GH") { "DRIVER" } else { "CC_DRIVER" };
    let of_vbios = || {
        let (project, project_sku) = (text(tag::PROJECT)?, text(tag::PROJECT_SKU)?);
        let (chip_sku, version) = (text(tag::CHIP_SKU)?, vbios.replace('.', ""));
        RimId::new(format!("NV_GPU_VBIOS_{project}_{project_sku}_{chip_sku}_{version}"))
    };
    [RimId::new(format!("NV_GPU_{family}_{chip}_{driver}")), of_vbios()].into_iter().flatten().collect()
}

/// One question for each certificate of a chain but the last, which is the root's.
fn questions(chain: &[Certificate]) -> impl Iterator<Item = CertificateQuestion> {
    let pairs = chain.iter().zip(chain.iter().skip(1));
    pairs.filter_map(|(certificate, issuer)| CertificateQuestion::new(certificate, issuer))
}

/// The certificates of those who signed manifests: a manifest by a signer whose certificate is revoked proves nothing.
/// Of a manifest that is not genuine nobody need be asked.
pub fn manifest_signers(rims: &[String], roots: Roots, now: UnixSeconds) -> Vec<CertificateQuestion> {
    let manifests = rim::authenticated(rims, &roots::nvidia_rim(roots), now);
    let found: BTreeSet<_> = manifests
        .into_iter()
        .flatten()
        .flat_map(|(_, chain)| {
            let pairs = chain.issuers.iter().enumerate();
            let asked = pairs.filter_map(|(at, issuer)| {
                CertificateQuestion::new(chain.certificate(at)?, &issuer.certificate)
            });
            asked.collect::<Vec<_>>()
        })
        .collect();
    found.into_iter().collect()
}

/// Why an answer of NVIDIA's attestation service is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NrasShapeError(String);

/// Whether two bodies have the shapes of a detached EAT and of a key set. What they say is for the judge.
///
/// # Errors
/// If one has not.
pub fn nras_shape(answer: &[u8], jwks: &[u8]) -> Result<(), NrasShapeError> {
    type Eat = ((String, String), BTreeMap<String, String>);
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<IgnoredAny>,
    }

    serde_json::from_slice::<Eat>(answer).map_err(|error| NrasShapeError(error.to_string()))?;
    json::object_in(jwks).map(|Jwks { keys }| drop(keys)).map_err(NrasShapeError)
}

#[cfg(test)]
mod tests;
