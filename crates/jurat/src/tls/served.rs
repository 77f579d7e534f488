//! The certificate that is shown, one for all connections; replaced between two handshakes, never within one.

use std::sync::{Arc, PoisonError, RwLock};

use der::Decode;
use rustls::{
    Error, InconsistentKeys,
    pki_types::{CertificateDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::{CertifiedKey, SigningKey},
};
use x509_cert::Certificate;

/// The present certificate with its key.
#[derive(Debug)]
pub(super) struct Served(RwLock<Arc<CertifiedKey>>);

/// Why a certificate is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("no certificate in PEM form: {0}")]
    Pem(String),
    #[error("not a certificate: {0}")]
    Malformed(String),
    #[error("the certificate is for another key than the one that reports attest")]
    OtherKey,
}

impl Served {
    /// Shows this chain, leaf first.
    pub(super) fn new(
        key: Arc<dyn SigningKey>,
        chain: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<Self>, CertificateError> {
        Ok(Arc::new(Self(RwLock::new(certified(key, chain)?))))
    }

    /// Shows another chain for the same key. What was agreed on before stays: no connection is touched.
    pub(super) fn replace(&self, chain: Vec<CertificateDer<'static>>) -> Result<(), CertificateError> {
        let key = Arc::clone(&self.present().key);
        let next = certified(key, chain)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// When the present certificate ends, seconds since 1970; 0 if it does not say so legibly.
    pub(super) fn ends(&self) -> u64 {
        let present = self.present();
        let leaf = present.cert.first().and_then(|leaf| Certificate::from_der(leaf).ok());
        leaf.map_or(0, |leaf| leaf.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
    }

    /// The present chain, leaf first.
    #[cfg(test)]
    pub(super) fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.present().cert.clone()
    }

    fn present(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.present())
    }
}

/// The certificates of a PEM text, in its order.
pub(super) fn chain(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(CertificateError::Pem("the file has none".into())),
        Ok(chain) => Ok(chain),
        Err(error) => Err(CertificateError::Pem(error.to_string())),
    }
}

fn certified(
    key: Arc<dyn SigningKey>,
    chain: Vec<CertificateDer<'static>>,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(Arc::new(certified)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Err(CertificateError::OtherKey),
        Err(error) => Err(CertificateError::Malformed(error.to_string())),
    }
}
