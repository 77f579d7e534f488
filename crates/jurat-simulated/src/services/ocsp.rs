//! An OCSP responder (RFC 6960) for the certificates of GPUs. Its answers are put together by hand.

use der::{
    Decode, Encode, Reader, SliceReader, Tag, TagNumber,
    asn1::{AnyRef, BitString, GeneralizedTime, ObjectIdentifier, OctetStringRef},
};
use jurat_proto::UnixSeconds;
use p384::ecdsa::{DerSignature, SigningKey, signature::Signer};
use rand_core::TryCryptoRng;
use sha2::{Digest as _, Sha384};
use x509_cert::{
    Certificate,
    ext::{Extension, pkix::ExtendedKeyUsage},
    time::Validity,
};

use crate::{
    Blueprint, MintError,
    pki::{
        Certified, Role, Subject,
        encoding::{sequence, tagged},
        name, time,
    },
};

const DAY: u64 = 24 * 60 * 60;
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const SHA384_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");

/// What NVIDIA's look-alike answers about certificates. About a GPU's own, which the GPU's boot ROM issued, it
/// answers that it is not authorised to say, as NVIDIA's does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ocsp {
    /// All others are good.
    Good,
    /// All others are good, and of a GPU's own it says, signed, that it does not know it.
    LeafUnknown,
    /// The provisioner's is revoked.
    Revoked,
    /// The provisioner's is on hold.
    Hold,
    /// The provisioner's is not known.
    Unknown,
    /// All others were good, and the answers are no longer valid.
    Stale,
    /// All others are good, says somebody whom an impostor of the root has certified.
    OtherResponder,
    /// All others are good, says somebody whom the root has certified for something else.
    NotAResponder,
    /// The responder is not authorised to answer, and does not sign that.
    Unauthorized,
    /// All others are good, and of eight more that nobody has the same answer speaks.
    Many,
}

/// Who answers.
pub(crate) struct Responders {
    proper: Certified<SigningKey>,
    impostor: Certified<SigningKey>,
    unfit: Certified<SigningKey>,
    issued: UnixSeconds,
    next_update: UnixSeconds,
}

impl Responders {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: &Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let validity = Validity::new(
            time(UnixSeconds(blueprint.issued.0.saturating_sub(60 * DAY)))?,
            time(UnixSeconds(blueprint.next_update.0.saturating_add(60 * DAY)))?,
        );
        let organisation = crate::roots::NVIDIA_ORGANISATION;
        let subject = |usage: ObjectIdentifier| -> Result<Subject, MintError> {
            let usage = ExtendedKeyUsage(vec![usage]).to_der().and_then(der::asn1::OctetString::new);
            let extn_value = usage.map_err(MintError::encoding("a key usage"))?;
            let extn_id = ObjectIdentifier::new_unwrap("2.5.29.37");
            Ok(Subject {
                name: name(&format!("CN=SIMULATED OCSP Responder,{organisation}"))?,
                role: Role::Signer,
                validity,
                // critical, as it may be: whoever does not heed it must refuse the certificate
                extensions: vec![Extension { extn_id, critical: true, extn_value }],
            })
        };
        let other_root = Certified::<SigningKey>::root(
            rng,
            Subject {
                name: root.certificate.tbs_certificate().subject().clone(),
                role: Role::Issuer(None),
                validity,
                extensions: vec![],
            },
        )?;
        Ok(Self {
            proper: root.issue(rng, subject(OCSP_SIGNING)?)?,
            impostor: other_root.issue(rng, subject(OCSP_SIGNING)?)?,
            unfit: root.issue(rng, subject(SERVER_AUTH)?)?,
            issued: blueprint.issued,
            next_update: blueprint.next_update,
        })
    }

    /// One answer for each certificate of a PEM chain but the root's.
    pub(crate) fn about_chain(&self, pem: &str, ocsp: Ocsp) -> Result<Vec<Vec<u8>>, MintError> {
        let encoding = MintError::encoding("an OCSP response");
        let chain = Certificate::load_pem_chain(pem.as_bytes()).map_err(&encoding)?;
        let pairs = chain.iter().zip(chain.iter().skip(1)).enumerate();
        pairs
            .map(|(at, (certificate, issuer))| {
                let id = cert_id(certificate, issuer).map_err(&encoding)?;
                self.answer(at, &id, None, ocsp)
            })
            .collect()
    }

    /// The answer to an `OCSPRequest` about one certificate of the chains; about any other it is not authorised.
    pub(crate) fn about_request(
        &self,
        request: &[u8],
        chains: &[&str],
        ocsp: Ocsp,
    ) -> Result<Vec<u8>, MintError> {
        let encoding = MintError::encoding("an OCSP response");
        let (asked, nonce) = question(request).map_err(&encoding)?;
        for pem in chains {
            let chain = Certificate::load_pem_chain(pem.as_bytes()).map_err(&encoding)?;
            for (at, (certificate, issuer)) in chain.iter().zip(chain.iter().skip(1)).enumerate() {
                if cert_id(certificate, issuer).map_err(&encoding)? == asked {
                    return self.answer(at, &asked, nonce, ocsp);
                }
            }
        }
        self.answer(0, &asked, nonce, ocsp)
    }

    /// `at` counts from a chain's leaf.
    fn answer(&self, at: usize, id: &[u8], nonce: Option<&[u8]>, ocsp: Ocsp) -> Result<Vec<u8>, MintError> {
        let signer = match ocsp {
            Ocsp::OtherResponder => &self.impostor,
            Ocsp::NotAResponder => &self.unfit,
            _ => &self.proper,
        };
        let (this, next) = match ocsp {
            Ocsp::Stale => {
                let ago = |days: u64| UnixSeconds(self.issued.0.saturating_sub(days * DAY));
                (ago(14), ago(7))
            }
            _ => (self.issued, self.next_update),
        };
        const LEAF: usize = 0;
        const PROVISIONER: usize = 2;
        let state = match (at, ocsp) {
            (LEAF, Ocsp::LeafUnknown) | (PROVISIONER, Ocsp::Unknown) => Some(State::Unknown),
            (_, Ocsp::Unauthorized) | (LEAF, _) => None,
            (PROVISIONER, Ocsp::Revoked) => Some(State::Revoked(1)),
            (PROVISIONER, Ocsp::Hold) => Some(State::Revoked(6)),
            _ => Some(State::Good),
        };
        let encoded = match state {
            None => sequence_of_status(6),
            Some(state) => {
                let ids = if ocsp == Ocsp::Many { numbered(id, 9) } else { vec![id.to_vec()] };
                write(signer, &ids, state, this, next, nonce)
            }
        };
        encoded.map_err(MintError::encoding("an OCSP response"))
    }
}

enum State {
    Good,
    /// With RFC 5280's number of the reason: 1 of a key that leaked, 6 of a hold.
    Revoked(u8),
    Unknown,
}

fn context(number: u32, constructed: bool, value: &[u8]) -> der::Result<Vec<u8>> {
    tagged(Tag::ContextSpecific { constructed, number: TagNumber(number) }, value)
}

fn general(at: UnixSeconds) -> der::Result<Vec<u8>> {
    GeneralizedTime::from_unix_duration(std::time::Duration::from_secs(at.0))?.to_der()
}

fn sequence_of_status(status: u8) -> der::Result<Vec<u8>> {
    sequence(&[tagged(Tag::Enumerated, &[status])?])
}

/// `CertID`: which certificate, by its issuer's name and key and its own number.
fn cert_id(certificate: &Certificate, issuer: &Certificate) -> der::Result<Vec<u8>> {
    let issuer = issuer.tbs_certificate();
    let name = Sha384::digest(issuer.subject().to_der()?);
    let key = Sha384::digest(issuer.subject_public_key_info().subject_public_key.raw_bytes());
    sequence(&[
        sequence(&[SHA384_ID.to_der()?, vec![5, 0]])?,
        tagged(Tag::OctetString, &name)?,
        tagged(Tag::OctetString, &key)?,
        certificate.tbs_certificate().serial_number().to_der()?,
    ])
}

/// So many `CertID`s of one issuer's certificates: the given one, then others by the last byte of its number.
fn numbered(id: &[u8], count: u8) -> Vec<Vec<u8>> {
    let other = |at: u8| {
        let mut id = id.to_vec();
        if let Some(last) = id.last_mut() {
            *last ^= at;
        }
        id
    };
    (0..count).map(other).collect()
}

/// The first `CertID` of a request, and its nonce.
fn question(request: &[u8]) -> der::Result<(Vec<u8>, Option<&[u8]>)> {
    let inside = |bytes| AnyRef::from_der(bytes).map(|any| any.value());
    let mut tbs = SliceReader::new(inside(inside(request)?)?)?;
    let list = AnyRef::decode(&mut tbs)?;
    let id = SliceReader::new(inside(list.value())?)?.tlv_bytes()?.to_vec();
    let mut nonce = None;
    if !tbs.is_finished() {
        let extensions = AnyRef::decode(&mut tbs)?;
        let mut extension = SliceReader::new(inside(inside(extensions.value())?)?)?;
        if ObjectIdentifier::decode(&mut extension)? == NONCE {
            nonce = Some(<&OctetStringRef>::decode(&mut extension)?.as_bytes());
        }
    }
    Ok((id, nonce))
}

fn write(
    signer: &Certified<SigningKey>,
    ids: &[Vec<u8>],
    state: State,
    this: UnixSeconds,
    next: UnixSeconds,
    nonce: Option<&[u8]>,
) -> der::Result<Vec<u8>> {
    let status = match state {
        State::Good => context(0, false, &[])?,
        State::Revoked(reason) => {
            let reason = context(0, true, &tagged(Tag::Enumerated, &[reason])?)?;
            context(1, true, &[general(this)?, reason].concat())?
        }
        State::Unknown => context(2, false, &[])?,
    };
    let (from, until) = (general(this)?, context(0, true, &general(next)?)?);
    let single = |id: &Vec<u8>| sequence(&[id.clone(), status.clone(), from.clone(), until.clone()]);
    let singles = ids.iter().map(single).collect::<der::Result<Vec<_>>>()?;
    let mut data = vec![
        context(1, true, &signer.certificate.tbs_certificate().subject().to_der()?)?,
        general(this)?,
        sequence(&singles)?,
    ];
    if let Some(nonce) = nonce {
        let extension = sequence(&[NONCE.to_der()?, tagged(Tag::OctetString, nonce)?])?;
        data.push(context(1, true, &sequence(&[extension])?)?);
    }
    let data = sequence(&data)?;
    let signature: DerSignature = signer.key.sign(&data);
    let basic = sequence(&[
        data,
        sequence(&[ECDSA_SHA384.to_der()?])?,
        BitString::from_bytes(signature.as_bytes())?.to_der()?,
        context(0, true, &sequence(&[signer.certificate.to_der()?])?)?,
    ])?;
    let body = sequence(&[BASIC.to_der()?, tagged(Tag::OctetString, &basic)?])?;
    sequence(&[tagged(Tag::Enumerated, &[0])?, context(0, true, &body)?])
}
