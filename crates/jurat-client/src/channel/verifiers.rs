//! Two ways to look at a certificate. Either way the peer must hold its key: the handshake's signature is checked.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use jurat_proto::{Digest, sha256};
use rustls::{
    DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use rustls_platform_verifier::Verifier as Platform;

/// SHA-256 of a certificate's SubjectPublicKeyInfo in DER.
pub(super) fn spki(certificate: &CertificateDer<'_>) -> Result<Digest, Error> {
    Ok(sha256(&ParsedCertificate::try_from(certificate)?.subject_public_key_info()))
}

/// What the system's roots say of certificates, by SHA-256 of the leaf.
pub(super) struct Recording {
    platform: Result<Platform, String>,
    /// One meeting sees one or two.
    said: Mutex<Vec<(Digest, Result<(), String>)>>,
}

impl Recording {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Self {
        Self { platform: Platform::new(provider).map_err(|error| error.to_string()), said: Mutex::default() }
    }

    /// What they said of the certificate with this hash.
    pub(super) fn said_of(&self, leaf: &Digest) -> Result<(), String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let found = said.iter().rev().find(|(of, _)| of == leaf);
        found.map_or_else(|| Err("nobody was asked about it".into()), |(_, said)| said.clone())
    }
}

/// The manner in which a certificate is looked at.
pub(super) enum Manner {
    /// This key, whatever the certificate around it says.
    Pinned(Digest),
    /// Any key for the moment, and what the roots say of it is remembered.
    Recorded(Arc<Recording>),
}

/// A verifier of certificates in one of these manners.
pub(super) struct Verifier {
    pub(super) manner: Manner,
    pub(super) provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.manner {
            Manner::Pinned(_) => "Verifier(Pinned)",
            Manner::Recorded(_) => "Verifier(Recorded)",
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.manner {
            Manner::Pinned(pin) if spki(end_entity)? == *pin => {}
            Manner::Pinned(_) => {
                let reason = "the TLS key is not the one that the verified report attests";
                return Err(Error::General(reason.into()));
            }
            Manner::Recorded(recording) => {
                let said = match &recording.platform {
                    Ok(platform) => platform
                        .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                        .map(|_| ())
                        .map_err(|error| error.to_string()),
                    Err(reason) => Err(reason.clone()),
                };
                let mut list = recording.said.lock().unwrap_or_else(PoisonError::into_inner);
                list.push((sha256(end_entity), said));
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
