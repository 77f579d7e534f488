//! The keys of NVIDIA's attestation service: a JWK Set (RFC 7517), each key with its certificates in `x5c`.
//!
//! Whoever brings an answer brings the set along, so a key is believed only for its certificates: they must
//! end at a pinned key. NVIDIA sends two, of which the upper one is an RSA intermediate's; the root above it is
//! never sent, so that intermediate is what is pinned.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use der::{Decode, Encode, asn1::ObjectIdentifier};
use jurat_proto::{Digest, UnixSeconds, sha256};
use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use x509_cert::{
    Certificate,
    ext::pkix::{BasicConstraints, KeyUsage},
};

use crate::{
    gpu::certificates::{ECDSA_WITH_SHA384, HEEDED, first_member, unknown_critical, valid_at},
    json,
};

/// NVIDIA's has some 90 KiB, of 36 keys.
const MAX_TEXT: usize = 1 << 20;
const MAX_KEYS: usize = 256;
const MAX_CERTIFICATES: usize = 4;
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Why a key is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error("the key set is not legible: {0}")]
    Json(String),
    #[error("the key set is longer than {MAX_TEXT} bytes or has more than {MAX_KEYS} keys")]
    TooLong,
    #[error("the key set has not exactly one key of the token's name")]
    Unknown,
    #[error("the token's key is not one of P-384")]
    Curve,
    #[error("the token's key comes with {0} certificates; 2 to {MAX_CERTIFICATES} are wanted")]
    Length(usize),
    #[error("certificate {0} of the token's key is not legible")]
    Der(usize),
    #[error("certificate 0 of the token's key is another key's")]
    OtherKey,
    #[error("certificate {0} of the token's key is not issued by the one after it")]
    Issuer(usize),
    #[error("certificate {0} of the token's key is not valid at {1}")]
    Validity(usize, UnixSeconds),
    #[error("certificate {0} of the token's key has a critical extension that jurat does not know")]
    Critical(usize),
    /// Not the fault of whoever answered: NVIDIA may have a new intermediate.
    #[error("the token's key is certified by {0}, which is not the pinned one")]
    NotPinned(Digest),
}

/// A JWK Set. Members that are not needed are ignored, members given twice are not.
#[derive(Debug, Deserialize)]
pub(super) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug, Deserialize)]
struct Key {
    kid: String,
    kty: String,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    #[serde(default)]
    x5c: Vec<String>,
}

impl KeySet {
    pub(super) fn read(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::TooLong);
        }
        let set: Self = json::object(text).map_err(KeyError::Json)?;
        if set.keys.len() > MAX_KEYS { Err(KeyError::TooLong) } else { Ok(set) }
    }

    /// The key of this name, if the pinned key vouches for it at `now`.
    pub(super) fn key(&self, kid: &str, pin: &Digest, now: UnixSeconds) -> Result<VerifyingKey, KeyError> {
        let mut named = self.keys.iter().filter(|key| key.kid == kid);
        let (Some(key), None) = (named.next(), named.next()) else { return Err(KeyError::Unknown) };
        let point = key.point().ok_or(KeyError::Curve)?;
        let verifying = VerifyingKey::from_sec1_bytes(&point).map_err(|_| KeyError::Curve)?;
        if !(2..=MAX_CERTIFICATES).contains(&key.x5c.len()) {
            return Err(KeyError::Length(key.x5c.len()));
        }
        let read = |(at, text): (usize, &String)| STANDARD.decode(text).map_err(|_| KeyError::Der(at));
        let chain = key.x5c.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
        verify(&chain, &point, pin, now)?;
        Ok(verifying)
    }
}

impl Key {
    /// Uncompressed SEC1.
    fn point(&self) -> Option<Vec<u8>> {
        if self.kty != "EC" || self.crv.as_deref() != Some("P-384") {
            return None;
        }
        let coordinate = |text: &Option<String>| {
            let bytes = URL_SAFE_NO_PAD.decode(text.as_ref()?).ok()?;
            (bytes.len() == 48).then_some(bytes)
        };
        Some([vec![4], coordinate(&self.x)?, coordinate(&self.y)?].concat())
    }
}

fn verify(chain: &[Vec<u8>], point: &[u8], pin: &Digest, now: UnixSeconds) -> Result<(), KeyError> {
    let read = |(at, der): (usize, &Vec<u8>)| Certificate::from_der(der).map_err(|_| KeyError::Der(at));
    let certificates = chain.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>()?;
    for (at, certificate) in certificates.iter().enumerate() {
        let tbs = certificate.tbs_certificate();
        if !valid_at(certificate, now) {
            return Err(KeyError::Validity(at, now));
        }
        if unknown_critical(tbs.extensions().into_iter().flatten(), &HEEDED).is_some() {
            return Err(KeyError::Critical(at));
        }
        let own = tbs.subject_public_key_info();
        if at == 0 && own.subject_public_key.raw_bytes() != point {
            return Err(KeyError::OtherKey);
        }
        match certificates.get(at + 1).zip(chain.get(at)) {
            Some((issuer, der)) if issues(issuer, certificate, der) => (),
            Some(_) => return Err(KeyError::Issuer(at)),
            None => {
                let spki = sha256(&own.to_der().map_err(|_| KeyError::Der(at))?);
                return if spki == *pin { Ok(()) } else { Err(KeyError::NotPinned(spki)) };
            }
        }
    }
    Err(KeyError::Length(0))
}

/// Whether a certificate, read from `der`, is issued by another.
fn issues(issuer: &Certificate, certificate: &Certificate, der: &[u8]) -> bool {
    let above = issuer.tbs_certificate();
    let may = matches!(above.get_extension::<BasicConstraints>(), Ok(Some((_, constraints))) if constraints.ca)
        && matches!(above.get_extension::<KeyUsage>(), Ok(Some((_, usage))) if usage.key_cert_sign());
    let algorithm = certificate.signature_algorithm().oid;
    if !may
        || certificate.tbs_certificate().issuer() != above.subject()
        || certificate.tbs_certificate().signature().oid != algorithm
    {
        return false;
    }
    let (Ok(signed), Some(signature)) = (first_member(der), certificate.signature().as_bytes()) else {
        return false;
    };
    let spki = above.subject_public_key_info();
    let key = spki.subject_public_key.raw_bytes();
    match algorithm {
        ECDSA_WITH_SHA384 => VerifyingKey::from_sec1_bytes(key)
            .ok()
            .zip(Signature::from_der(signature).ok())
            .is_some_and(|(key, signature)| key.verify(signed, &signature).is_ok()),
        RSA_WITH_SHA256 if spki.algorithm.oid == RSA => {
            UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(signed, signature).is_ok()
        }
        _ => false,
    }
}
