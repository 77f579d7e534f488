//! TLS as this process ends it: one key for its whole life, which its reports attest, and the certificate of the
//! moment. A certificate may be replaced by another for the same key; another key is another process's.

mod own_key;
mod served;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jurat_proto::{Digest, Tls as Claimed, sha256};
use jurat_proxy::{CertificateRequests, Metrics, tls_settings};
use own_key::OwnKey;
use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use served::Served;
use zeroize::Zeroizing;

use crate::{
    config::TlsChoice,
    exit::{Failure, say},
    watched,
};

/// The key under which TLS ends, and what is shown for it.
pub(crate) struct Tls {
    /// How the claims call it.
    pub(crate) claimed: Claimed,
    /// SHA-256 of the key's SubjectPublicKeyInfo, DER.
    pub(crate) spki: Digest,
    served: Arc<Served>,
    own_key: Option<Arc<OwnKey>>,
    certificate: Option<Followed>,
}

/// The certificate's file, followed for as long as the service runs.
struct Followed {
    path: PathBuf,
    /// What was read of it when the key was opened: what is there later and is not this is a change. `None` if nothing
    /// was, as the key is younger than whatever lies there, and was certified by nobody yet.
    taken: Option<Vec<u8>>,
}

impl Tls {
    /// Makes the key or reads it. `None` if TLS does not end here.
    pub(crate) fn open(choice: &TlsChoice) -> Result<Option<Self>, Failure> {
        match choice {
            TlsChoice::Off => Ok(None),
            TlsChoice::SelfSigned { names, certificate } => {
                let own_key = OwnKey::draw().map_err(Failure::unavailable)?;
                let key = signing_key(&own_key.to_private_key().map_err(Failure::unavailable)?)?;
                let shown = own_key.certify(names).map_err(Failure::unavailable)?;
                let spki = spki(&*key)?;
                let served = Served::new(key, vec![shown]).map_err(Failure::unavailable)?;
                let certificate = certificate.clone().map(|path| Followed { path, taken: None });
                let own_key = Some(Arc::new(own_key));
                Ok(Some(Self { claimed: Claimed::SelfSigned, spki, served, own_key, certificate }))
            }
            TlsChoice::Files { certificate, key } => {
                let key = key_from(key)?;
                let text = read(certificate)?;
                let named = |error| Failure::config(format_args!("{}: {error}", certificate.display()));
                let chain = served::chain(&text).map_err(named)?;
                let spki = spki(&*key)?;
                let served = Served::new(key, chain).map_err(named)?;
                let certificate = Some(Followed { path: certificate.clone(), taken: Some(text) });
                Ok(Some(Self { claimed: Claimed::Files, spki, served, own_key: None, certificate }))
            }
        }
    }

    /// What the data port speaks.
    pub(crate) fn settings(&self) -> Result<Arc<ServerConfig>, Failure> {
        tls_settings(Arc::clone(&self.served) as _).map_err(Failure::unavailable)
    }

    /// What answers the admin listener's `/csr`.
    pub(crate) fn requests(&self) -> Arc<dyn CertificateRequests> {
        match &self.own_key {
            Some(own_key) => Arc::clone(own_key) as _,
            None => Arc::new(own_key::Elsewhere),
        }
    }

    /// Follows the certificate's file for as long as the service runs, if one is named.
    pub(crate) fn watch(&mut self, metrics: Arc<Metrics>) -> Result<(), Failure> {
        metrics.certificate_taken(self.served.ends());
        let Some(Followed { path, taken }) = self.certificate.take() else { return Ok(()) };
        let served = Arc::downgrade(&self.served);
        let shown = path.display().to_string();
        watched::follow(path, taken, move |text| {
            let served = served.upgrade()?;
            match served::chain(text).and_then(|chain| served.replace(chain)) {
                Ok(()) => {
                    tracing::info!(file = shown, "a certificate was taken");
                    metrics.certificate_taken(served.ends());
                }
                Err(error) => {
                    tracing::warn!(file = shown, %error, "a certificate was refused, and the one before stays");
                    metrics.certificate_refused();
                }
            }
            Some(())
        })
    }

    /// For people: what their clients can compare.
    pub(crate) fn announce(&self) {
        say(format_args!("TLS key (SPKI SHA-256) {}", self.spki));
    }
}

fn key_from(path: &Path) -> Result<Arc<dyn SigningKey>, Failure> {
    let text = Zeroizing::new(read(path)?);
    let key = PrivateKeyDer::from_pem_slice(&text)
        .map_err(|error| Failure::config(format_args!("{}: no private key: {error}", path.display())))?;
    signing_key(&key)
        .map_err(|error| Failure::config(format_args!("{}: {}", path.display(), error.message())))
}

fn signing_key(key: &PrivateKeyDer<'_>) -> Result<Arc<dyn SigningKey>, Failure> {
    any_supported_type(key).map_err(Failure::unavailable)
}

fn spki(key: &dyn SigningKey) -> Result<Digest, Failure> {
    let spki = key.public_key().ok_or_else(|| Failure::unavailable("the TLS key has no public half"))?;
    Ok(sha256(&spki))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::config(format_args!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
