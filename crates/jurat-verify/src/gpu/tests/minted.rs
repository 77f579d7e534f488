//! Certificates put together by hand, of shapes that no library mints.

use der::{
    Decode, Encode, Tag,
    asn1::{AnyRef, GeneralizedTime, ObjectIdentifier},
    oid::AssociatedOid,
};
use jurat_proto::{Digest, sha256};
use p384::ecdsa::{DerSignature, SigningKey, signature::Signer};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};

use super::certificates::ECDSA_WITH_SHA384;
pub(in crate::gpu) use super::certificates::{EC_PUBLIC_KEY, SECP384R1};

/// An extension, an algorithm or a curve that nobody knows.
pub(in crate::gpu) const STRANGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4");

/// DER of one value.
pub(in crate::gpu) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    AnyRef::new(Tag::from_der(&[tag]).unwrap(), value).unwrap().to_der().unwrap()
}

fn sequence(members: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &members.concat())
}

fn bits(value: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], value].concat())
}

fn oid(id: ObjectIdentifier) -> Vec<u8> {
    id.to_der().unwrap()
}

pub(in crate::gpu) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 48]).unwrap()
}

/// Uncompressed SEC1.
pub(in crate::gpu) fn point(key: &SigningKey) -> Vec<u8> {
    key.verifying_key().to_sec1_point(false).as_bytes().to_vec()
}

/// A SubjectPublicKeyInfo of this algorithm and curve.
pub(in crate::gpu) fn spki(
    key: &SigningKey,
    algorithm: ObjectIdentifier,
    curve: ObjectIdentifier,
) -> Vec<u8> {
    sequence(&[sequence(&[oid(algorithm), oid(curve)]), bits(&point(key))])
}

/// As roots and intermediates are pinned.
pub(in crate::gpu) fn pin(seed: u8) -> Digest {
    sha256(&spki(&key(seed), EC_PUBLIC_KEY, SECP384R1))
}

pub(in crate::gpu) fn extension(id: ObjectIdentifier, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { vec![0x01, 0x01, 0xff] } else { vec![] };
    sequence(&[oid(id), critical, tlv(0x04, value)])
}

pub(in crate::gpu) fn constraints(ca: bool, path_len_constraint: Option<u8>) -> Vec<u8> {
    let value = BasicConstraints { ca, path_len_constraint };
    extension(BasicConstraints::OID, true, &value.to_der().unwrap())
}

pub(in crate::gpu) fn usage(usage: KeyUsages) -> Vec<u8> {
    extension(KeyUsage::OID, true, &KeyUsage(usage.into()).to_der().unwrap())
}

/// What a certificate says.
pub(in crate::gpu) struct Shape {
    pub(in crate::gpu) subject: &'static str,
    pub(in crate::gpu) issuer: &'static str,
    pub(in crate::gpu) validity: (u64, u64),
    pub(in crate::gpu) spki: Vec<u8>,
    pub(in crate::gpu) extensions: Vec<Vec<u8>>,
    /// Of the signature, inside of what is signed and beside it.
    pub(in crate::gpu) algorithms: [ObjectIdentifier; 2],
}

impl Shape {
    pub(in crate::gpu) fn new(subject: &'static str, issuer: &'static str, key: &SigningKey) -> Self {
        Self {
            subject,
            issuer,
            validity: (1_000, 9_000),
            spki: spki(key, EC_PUBLIC_KEY, SECP384R1),
            extensions: Vec::new(),
            algorithms: [ECDSA_WITH_SHA384; 2],
        }
    }

    pub(in crate::gpu) fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let name = |text: &str| {
            let common = ObjectIdentifier::new_unwrap("2.5.4.3");
            sequence(&[tlv(0x31, &sequence(&[oid(common), tlv(0x0c, text.as_bytes())]))])
        };
        let time = |seconds| {
            GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(seconds))
                .unwrap()
                .to_der()
                .unwrap()
        };
        let mut members = vec![
            tlv(0xa0, &[0x02, 0x01, 0x02]),
            vec![0x02, 0x01, 0x07],
            sequence(&[oid(self.algorithms[0])]),
            name(self.issuer),
            sequence(&[time(self.validity.0), time(self.validity.1)]),
            name(self.subject),
            self.spki.clone(),
        ];
        if !self.extensions.is_empty() {
            members.push(tlv(0xa3, &sequence(&self.extensions)));
        }
        let signed = sequence(&members);
        let signature: DerSignature = key.sign(&signed);
        sequence(&[signed, sequence(&[oid(self.algorithms[1])]), bits(signature.as_bytes())])
    }
}
