//! A certificate chain of NVIDIA's, leaf first, up to a root whose key is pinned: of a GPU, of a switch, of
//! whoever signs manifests.
//!
//! NVIDIA's chains have one shape (P-384 throughout, no names or policies to constrain), so this reads that
//! shape and refuses every other, rather than being a general path builder.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{Decode, Encode, Reader, SliceReader, asn1::ObjectIdentifier, oid::AssociatedOid};
use jurat_proto::{Digest, UnixSeconds, sha256};
use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use x509_cert::{
    Certificate,
    ext::{
        Extension,
        pkix::{BasicConstraints, KeyUsage},
    },
};

const MAX_CERTIFICATES: usize = 8;
/// What NVIDIA's certificates, OCSP responses and keys are signed with.
pub(super) const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
pub(super) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// Extensions of certificates that every reader of them heeds.
pub(super) const HEEDED: [ObjectIdentifier; 2] = [BasicConstraints::OID, KeyUsage::OID];
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// A chain that holds.
#[derive(Debug)]
pub(crate) struct Chain {
    /// The key at its end: a GPU's attestation key, or whoever signs manifests.
    pub(crate) key: VerifyingKey,
    /// The certificate of that key.
    pub(crate) leaf: Certificate,
    /// SHA-256 of the leaf's key: tells one GPU from another.
    pub(crate) leaf_spki: Digest,
    /// The certificates above the leaf, the root last, with their keys.
    pub(crate) issuers: Vec<Issuer>,
}

impl Chain {
    /// A certificate by its number, from the leaf's, which is 0.
    pub(crate) fn certificate(&self, at: usize) -> Option<&Certificate> {
        match at.checked_sub(1) {
            None => Some(&self.leaf),
            Some(above) => self.issuers.get(above).map(|issuer| &issuer.certificate),
        }
    }
}

/// A certificate that may issue others.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) certificate: Certificate,
    pub(crate) key: VerifyingKey,
    pub(crate) spki: Digest,
}

/// Why a chain does not hold. Certificates are counted from the leaf, which is 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChainError {
    #[error("certificates are not PEM")]
    Pem,
    #[error("{0} certificates; a chain has 2 to {MAX_CERTIFICATES}")]
    Length(usize),
    #[error("certificate {0} is not DER: {1}")]
    Der(usize, der::Error),
    #[error("certificate {0} does not use ECDSA on P-384 with SHA-384")]
    Algorithm(usize),
    #[error("certificate {0} is not issued by the one after it")]
    Issuer(usize),
    #[error("certificate {0}'s signature is wrong")]
    Signature(usize),
    #[error("certificate {0} may not issue certificates")]
    NotAnIssuer(usize),
    #[error("certificate {0} may not have so long a chain below it")]
    PathLength(usize),
    #[error("certificate 0 may not sign anything")]
    NotASigner,
    #[error("certificate {0} has a critical extension {1} that jurat does not know")]
    Critical(usize, ObjectIdentifier),
    #[error("certificate {0} is not valid at {1}")]
    Validity(usize, UnixSeconds),
    #[error("the root is not the pinned one but has the key {0}")]
    Root(Digest),
}

/// Verifies a chain in PEM against the SHA-256 of the root's SubjectPublicKeyInfo.
pub(crate) fn verify(pem: &[u8], root_spki: &Digest, now: UnixSeconds) -> Result<Chain, ChainError> {
    verify_der(&split(pem)?, root_spki, now)
}

/// Verifies a chain against the SHA-256 of the root's SubjectPublicKeyInfo.
pub(crate) fn verify_der(
    chain: &[Vec<u8>],
    root_spki: &Digest,
    now: UnixSeconds,
) -> Result<Chain, ChainError> {
    if !(2..=MAX_CERTIFICATES).contains(&chain.len()) {
        return Err(ChainError::Length(chain.len()));
    }
    let links = chain
        .iter()
        .enumerate()
        .map(|(at, der)| Link::read(at, der, now, &[]))
        .collect::<Result<Vec<_>, _>>()?;

    for (at, link) in links.iter().enumerate() {
        // the root stands in for its own issuer
        let issuer = links.get(at + 1).unwrap_or(link);
        if link.certificate.tbs_certificate().issuer() != issuer.certificate.tbs_certificate().subject() {
            return Err(ChainError::Issuer(at));
        }
        issuer.key.verify(link.signed, &link.signature).map_err(|_| ChainError::Signature(at))?;
        if at == 0 { link.may_sign()? } else { link.may_issue(at)? }
    }

    if let Some(root) = links.last()
        && root.spki != *root_spki
    {
        return Err(ChainError::Root(root.spki));
    }
    let mut links = links.into_iter();
    let leaf = links.next().ok_or(ChainError::Length(0))?;
    let issuers =
        links.map(|Link { certificate, key, spki, .. }| Issuer { certificate, key, spki }).collect();
    Ok(Chain { key: leaf.key, leaf: leaf.certificate, leaf_spki: leaf.spki, issuers })
}

/// Divides PEM into DER. Between the certificates there may be white space alone; after the last one, NULs
/// too, as the driver pads with them.
pub(super) fn split(pem: &[u8]) -> Result<Vec<Vec<u8>>, ChainError> {
    let text = std::str::from_utf8(pem).map_err(|_| ChainError::Pem)?;
    let mut rest = text.trim_end_matches(|c: char| c == '\0' || c.is_ascii_whitespace()).trim_start();
    let mut chain = Vec::new();
    while !rest.is_empty() {
        let (body, tail) =
            rest.strip_prefix(BEGIN).and_then(|rest| rest.split_once(END)).ok_or(ChainError::Pem)?;
        let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        chain.push(STANDARD.decode(body).map_err(|_| ChainError::Pem)?);
        if chain.len() > MAX_CERTIFICATES {
            return Err(ChainError::Length(chain.len()));
        }
        rest = tail.trim_start();
    }
    Ok(chain)
}

/// One certificate of the chain, with what is needed to verify it and what it signed.
pub(super) struct Link<'a> {
    pub(super) certificate: Certificate,
    pub(super) key: VerifyingKey,
    spki: Digest,
    /// The bytes under the signature, as they came: nothing is encoded anew.
    pub(super) signed: &'a [u8],
    pub(super) signature: Signature,
}

impl<'a> Link<'a> {
    /// Reads a certificate. `known` are critical extensions that the caller heeds beside those heeded here.
    pub(super) fn read(
        at: usize,
        der: &'a [u8],
        now: UnixSeconds,
        known: &[ObjectIdentifier],
    ) -> Result<Self, ChainError> {
        let wrong = |error| ChainError::Der(at, error);
        let certificate = Certificate::from_der(der).map_err(wrong)?;
        let signed = first_member(der).map_err(wrong)?;
        let tbs = certificate.tbs_certificate();

        for algorithm in [certificate.signature_algorithm(), tbs.signature()] {
            if algorithm.oid != ECDSA_WITH_SHA384 {
                return Err(ChainError::Algorithm(at));
            }
        }
        let signature = certificate.signature().as_bytes().ok_or(ChainError::Algorithm(at))?;
        let signature = Signature::from_der(signature).map_err(|_| ChainError::Algorithm(at))?;

        let spki = tbs.subject_public_key_info();
        let curve = spki.algorithm.parameters.as_ref().and_then(|any| any.decode_as().ok());
        if spki.algorithm.oid != EC_PUBLIC_KEY || curve != Some(SECP384R1) {
            return Err(ChainError::Algorithm(at));
        }
        let key = VerifyingKey::from_sec1_bytes(spki.subject_public_key.raw_bytes())
            .map_err(|_| ChainError::Algorithm(at))?;
        let spki = sha256(&spki.to_der().map_err(wrong)?);

        if !valid_at(&certificate, now) {
            return Err(ChainError::Validity(at, now));
        }
        let known = [&HEEDED, known].concat();
        if let Some(id) = unknown_critical(tbs.extensions().into_iter().flatten(), &known) {
            return Err(ChainError::Critical(at, id));
        }
        Ok(Self { key, spki, signed, signature, certificate })
    }

    fn key_usage(&self) -> Option<KeyUsage> {
        let usage = self.certificate.tbs_certificate().get_extension::<KeyUsage>();
        // an illegible extension permits nothing
        usage.map_or(Some(KeyUsage(Default::default())), |found| found.map(|(_, usage)| usage))
    }

    pub(super) fn may_sign(&self) -> Result<(), ChainError> {
        let permitted = self.key_usage().is_none_or(|usage| usage.digital_signature());
        if permitted { Ok(()) } else { Err(ChainError::NotASigner) }
    }

    fn may_issue(&self, at: usize) -> Result<(), ChainError> {
        let constraints = self.certificate.tbs_certificate().get_extension::<BasicConstraints>();
        let Ok(Some((_, BasicConstraints { ca: true, path_len_constraint }))) = constraints else {
            return Err(ChainError::NotAnIssuer(at));
        };
        if !self.key_usage().is_none_or(|usage| usage.key_cert_sign()) {
            return Err(ChainError::NotAnIssuer(at));
        }
        // of `at` certificates below, all but the leaf count
        if path_len_constraint.is_some_and(|limit| at - 1 > usize::from(limit)) {
            return Err(ChainError::PathLength(at));
        }
        Ok(())
    }
}

/// Whether a certificate is valid at a time.
pub(super) fn valid_at(certificate: &Certificate, now: UnixSeconds) -> bool {
    let seconds = |time: &x509_cert::time::Time| time.to_unix_duration().as_secs();
    let validity = certificate.tbs_certificate().validity();
    (seconds(&validity.not_before)..=seconds(&validity.not_after)).contains(&now.0)
}

/// The first extension that must be heeded and is none of `known`.
pub(super) fn unknown_critical<'a>(
    extensions: impl IntoIterator<Item = &'a Extension>,
    known: &[ObjectIdentifier],
) -> Option<ObjectIdentifier> {
    let unknown = |extension: &&Extension| extension.critical && !known.contains(&extension.extn_id);
    extensions.into_iter().find(unknown).map(|extension| extension.extn_id)
}

/// The first member of a sequence, with tag and length: what is signed of a certificate.
pub(super) fn first_member(der: &[u8]) -> Result<&[u8], der::Error> {
    SliceReader::new(der)?.sequence(|members| {
        let first = members.tlv_bytes()?;
        while !members.is_finished() {
            members.tlv_bytes()?;
        }
        Ok(first)
    })
}
