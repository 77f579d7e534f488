//! Certificates as both look-alike hierarchies need them: ECDSA, one curve from root to leaf.

pub(crate) mod crl;
pub(crate) mod encoding;
pub(crate) mod intel;
pub(crate) mod nvidia;
mod sgx_extension;

use std::{str::FromStr, time::Duration};

use der::{DateTime, Encode, EncodePem, flagset::FlagSet, pem::LineEnding};
use jurat_proto::UnixSeconds;
use p256::{ecdsa::signature::Keypair, elliptic_curve::Generate, pkcs8::EncodePrivateKey};
use rand_core::TryCryptoRng;
use x509_cert::{
    Certificate, TbsCertificate,
    builder::{Builder, CertificateBuilder, profile::BuilderProfile},
    ext::{
        Extension, ToExtension,
        pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef},
    time::{Time, Validity},
};

use crate::MintError;

/// A key of one curve.
pub(crate) trait Key: Sized {
    fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error>;
    fn read(pem: &str) -> Result<Self, String>;
    fn to_pem(&self) -> Result<String, MintError>;
    fn spki(&self) -> Result<SubjectPublicKeyInfoOwned, MintError>;
    fn certify(&self, draft: CertificateBuilder<Shape>) -> Result<Certificate, MintError>;
}

/// The curves' types have the same names and no trait in common that says so briefly.
macro_rules! key {
    ($curve:ident) => {
        impl Key for $curve::ecdsa::SigningKey {
            fn draw<R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<Self, R::Error> {
                Self::try_generate_from_rng(rng)
            }

            fn read(pem: &str) -> Result<Self, String> {
                pem.parse().map_err(|error: $curve::ecdsa::Error| error.to_string())
            }

            fn to_pem(&self) -> Result<String, MintError> {
                let pem = self.to_pkcs8_pem(LineEnding::LF).map_err(MintError::encoding("a key"))?;
                Ok(pem.to_string())
            }

            fn spki(&self) -> Result<SubjectPublicKeyInfoOwned, MintError> {
                let key = Keypair::verifying_key(self);
                SubjectPublicKeyInfo::from_key(&key).map_err(MintError::encoding("a public key"))
            }

            fn certify(&self, draft: CertificateBuilder<Shape>) -> Result<Certificate, MintError> {
                draft
                    .build::<_, $curve::ecdsa::DerSignature>(self)
                    .map_err(MintError::encoding("a certificate"))
            }
        }
    };
}
key!(p256);
key!(p384);

/// A key with its certificate.
pub(crate) struct Certified<K> {
    pub(crate) key: K,
    pub(crate) certificate: Certificate,
}

/// What is to be certified beside a key.
pub(crate) struct Subject {
    pub(crate) name: Name,
    pub(crate) role: Role,
    pub(crate) validity: Validity,
    pub(crate) extensions: Vec<Extension>,
}

/// What a certificate's key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Issue certificates and revocation lists, with so many issuers below at most.
    Issuer(Option<u8>),
    /// Sign what is no certificate.
    Signer,
}

impl<K: Key> Certified<K> {
    /// Draws a key and has it certify itself.
    pub(crate) fn root<R: TryCryptoRng + ?Sized>(rng: &mut R, subject: Subject) -> Result<Self, MintError> {
        let key = draw::<K, R>(rng)?;
        let issuer = subject.name.clone();
        let draft = draft(rng, key.spki()?, subject, issuer)?;
        Ok(Self { certificate: key.certify(draft)?, key })
    }

    /// Draws a key and certifies it.
    pub(crate) fn issue<R: TryCryptoRng + ?Sized>(
        &self,
        rng: &mut R,
        subject: Subject,
    ) -> Result<Self, MintError> {
        let key = draw::<K, R>(rng)?;
        let issuer = self.certificate.tbs_certificate().subject().clone();
        let draft = draft(rng, key.spki()?, subject, issuer)?;
        Ok(Self { certificate: self.key.certify(draft)?, key })
    }

    /// DER of the certificate.
    pub(crate) fn der(&self) -> Result<Vec<u8>, MintError> {
        self.certificate.to_der().map_err(MintError::encoding("a certificate"))
    }

    /// PEM of the certificate.
    pub(crate) fn pem(&self) -> Result<String, MintError> {
        self.certificate.to_pem(LineEnding::LF).map_err(MintError::encoding("a certificate"))
    }
}

/// The PEM of a chain, in the order given.
pub(crate) fn chain<K: Key>(links: &[&Certified<K>]) -> Result<String, MintError> {
    links.iter().map(|link| link.pem()).collect()
}

/// Parses a name in RFC 4514's form.
pub(crate) fn name(text: &str) -> Result<Name, MintError> {
    Name::from_str(text).map_err(MintError::encoding("a name"))
}

/// An instant as certificates carry it.
pub(crate) fn time(at: UnixSeconds) -> Result<Time, MintError> {
    date(at).map(Time::from)
}

/// An instant as a date; its text form is RFC 3339.
pub(crate) fn date(at: UnixSeconds) -> Result<DateTime, MintError> {
    DateTime::from_unix_duration(Duration::from_secs(at.0)).map_err(|_| MintError::Clock(at))
}

/// Draws bytes.
pub(crate) fn bytes<const N: usize, R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<[u8; N], MintError> {
    let mut out = [0; N];
    rng.try_fill_bytes(&mut out).map_err(|error| MintError::Random(error.to_string()))?;
    Ok(out)
}

fn draw<K: Key, R: TryCryptoRng + ?Sized>(rng: &mut R) -> Result<K, MintError> {
    K::draw(rng).map_err(|error| MintError::Random(error.to_string()))
}

fn draft<R: TryCryptoRng + ?Sized>(
    rng: &mut R,
    key: SubjectPublicKeyInfoOwned,
    subject: Subject,
    issuer: Name,
) -> Result<CertificateBuilder<Shape>, MintError> {
    let encoding = MintError::encoding("a certificate");
    let mut serial = bytes::<16, R>(rng)?;
    // neither zero nor negative, and told at a glance
    serial[0] = 0x5e;
    let serial = SerialNumber::new(&serial).map_err(MintError::encoding("a serial number"))?;
    let Subject { name, role, validity, extensions } = subject;
    let shape = Shape { issuer, subject: name, role, extensions };
    CertificateBuilder::new(shape, serial, validity, key).map_err(encoding)
}

/// The extensions that every certificate has by its role, then its own.
pub(crate) struct Shape {
    issuer: Name,
    subject: Name,
    role: Role,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Shape {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let (constraints, usages): (_, FlagSet<KeyUsages>) = match self.role {
            Role::Issuer(path_len_constraint) => {
                let constraints = BasicConstraints { ca: true, path_len_constraint };
                (constraints, KeyUsages::KeyCertSign | KeyUsages::CRLSign)
            }
            Role::Signer => {
                let constraints = BasicConstraints { ca: false, path_len_constraint: None };
                (constraints, KeyUsages::DigitalSignature.into())
            }
        };
        let issuer = SubjectKeyIdentifier::try_from(issuer_key)?;
        let authority = AuthorityKeyIdentifier { key_identifier: Some(issuer.0), ..Default::default() };

        let mut extensions = vec![authority.to_extension(tbs.subject(), &[])?];
        extensions.push(SubjectKeyIdentifier::try_from(key)?.to_extension(tbs.subject(), &[])?);
        extensions.push(KeyUsage(usages).to_extension(tbs.subject(), &[])?);
        extensions.push(constraints.to_extension(tbs.subject(), &[])?);
        extensions.extend(self.extensions.iter().cloned());
        Ok(extensions)
    }
}
