//! A key that this process drew: it certifies itself, and asks others to certify it. It is never written anywhere.

use std::{fmt::Display, time::Duration};

use der::{EncodePem, asn1::Ia5String, asn1::ObjectIdentifier, pem::LineEnding};
use getrandom::{SysRng, rand_core::TryRng};
use jurat_proxy::{CertificateRequests, CsrRefusal};
use p256::{
    ecdsa::{DerSignature, SigningKey, signature::Keypair},
    elliptic_curve::Generate,
    pkcs8::EncodePrivateKey,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_cert::{
    TbsCertificate,
    builder::{Builder, CertificateBuilder, RequestBuilder, profile::BuilderProfile},
    ext::{
        Extension, ToExtension,
        pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName, name::GeneralName},
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef},
    time::{Time, Validity},
};

use crate::{config::TlsName, service::now};

/// RFC 5280 section 4.2.1.12.
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
/// Clients' clocks may be behind by so much.
const CLOCKS: Duration = Duration::from_secs(24 * 60 * 60);
/// RFC 5280 section 4.1.2.5: the end of what has none. The key ends with the process; who pins it asks for no date.
const NEVER: (u16, u8, u8, u8, u8, u8) = (9999, 12, 31, 23, 59, 59);

/// The key.
pub(super) struct OwnKey(SigningKey);

/// Why there is no key, certificate or request.
#[derive(Debug, thiserror::Error)]
#[error("the TLS key: {what}: {why}")]
pub(super) struct OwnKeyError {
    what: &'static str,
    why: String,
}

impl OwnKey {
    /// Draws one on P-256.
    pub(super) fn draw() -> Result<Self, OwnKeyError> {
        SigningKey::try_generate_from_rng(&mut SysRng)
            .map(Self)
            .map_err(failed("the operating system gave no randomness"))
    }

    /// As rustls takes it; its memory is rustls's from then on.
    pub(super) fn to_private_key(&self) -> Result<PrivateKeyDer<'static>, OwnKeyError> {
        let der = self.0.to_pkcs8_der().map_err(failed("it could not be encoded"))?;
        Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.as_bytes().to_vec())))
    }

    /// A certificate by the key itself.
    pub(super) fn certify(&self, names: &[TlsName]) -> Result<CertificateDer<'static>, OwnKeyError> {
        let made = || -> Result<_, Box<dyn std::error::Error>> {
            let mut serial = [0; 16];
            SysRng.try_fill_bytes(&mut serial)?;
            // Neither zero nor negative.
            serial[0] = serial[0] & 0x7f | 0x40;
            let (year, month, day, hour, minute, second) = NEVER;
            let from = Duration::from_millis(now().0).saturating_sub(CLOCKS);
            let from = Time::from(der::DateTime::from_unix_duration(from)?);
            let until = Time::from(der::DateTime::new(year, month, day, hour, minute, second)?);
            let key = SubjectPublicKeyInfo::from_key(&Keypair::verifying_key(&self.0))?;
            let profile = Server { subject: subject(names)?, names: alternative(names)? };
            let validity = Validity::new(from, until);
            let draft = CertificateBuilder::new(profile, SerialNumber::new(&serial)?, validity, key)?;
            Ok(der::Encode::to_der(&draft.build::<_, DerSignature>(&self.0)?)?)
        };
        made().map(CertificateDer::from).map_err(failed("it could not certify itself"))
    }
}

impl CertificateRequests for OwnKey {
    fn request(&self, names: &str) -> Result<String, CsrRefusal> {
        let names: Vec<TlsName> =
            names.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| CsrRefusal::Name)?;
        let made = || -> Result<_, Box<dyn std::error::Error>> {
            let mut draft = RequestBuilder::new(subject(&names)?)?;
            draft.add_extension(&alternative(&names)?)?;
            Ok(draft.build::<_, DerSignature>(&self.0)?.to_pem(LineEnding::LF)?)
        };
        made().map_err(|error| CsrRefusal::Failed(error.to_string()))
    }
}

/// A key from a file: whoever holds the file asks for its certificate.
pub(super) struct Elsewhere;

impl CertificateRequests for Elsewhere {
    fn request(&self, _: &str) -> Result<String, CsrRefusal> {
        Err(CsrRefusal::Elsewhere)
    }
}

/// A server's certificate, by itself.
struct Server {
    subject: Name,
    names: SubjectAltName,
}

impl BuilderProfile for Server {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        Ok(vec![
            BasicConstraints { ca: false, path_len_constraint: None }.to_extension(subject, &[])?,
            KeyUsage(KeyUsages::DigitalSignature.into()).to_extension(subject, &[])?,
            ExtendedKeyUsage(vec![SERVER_AUTH]).to_extension(subject, &[])?,
            (&self.names).to_extension(subject, &[])?,
        ])
    }
}

/// Names stand in the extension, as clients read them there alone; the subject is for people.
fn subject(names: &[TlsName]) -> der::Result<Name> {
    // A common name has 64 characters at most, and no name of a host that fits needs escaping.
    let first = names.first().map(ToString::to_string).filter(|name| name.len() <= 64);
    format!("CN={}", first.as_deref().unwrap_or("jurat")).parse()
}

fn alternative(names: &[TlsName]) -> der::Result<SubjectAltName> {
    let general = |name: &TlsName| match name {
        TlsName::Dns(name) => Ia5String::new(name).map(GeneralName::DnsName),
        TlsName::Ip(address) => Ok(GeneralName::from(*address)),
    };
    names.iter().map(general).collect::<der::Result<_>>().map(SubjectAltName)
}

fn failed<E: Display>(what: &'static str) -> impl FnOnce(E) -> OwnKeyError {
    move |error| OwnKeyError { what, why: error.to_string() }
}
