//! By whom the other end of a TLS connection is believed: by the system's roots, or by a verified report that
//! names its key.
//!
//! A report is fetched over whatever connection there is, and the key that was seen on it is given to the judge.
//! Only if the attested claims name that very key is a certificate of nobody's making accepted from then on, and
//! no other; in every other case the system's roots decide, as for any service.

mod verifiers;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use jurat_proto::{Digest, sha256};
use jurat_verify::{CheckId, Status, Verdict};
use reqwest::{ClientBuilder, Response, redirect, tls::TlsInfo};
use rustls::{ClientConfig, crypto::CryptoProvider};

use self::verifiers::{Manner, Recording, Verifier, spki};
use crate::{ClientError, client::cause};

/// By what the key of a service's TLS connections is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Channel {
    /// The system's roots vouch for a certificate; for plain HTTP nobody does.
    Roots,
    /// It is the key with this SHA-256 of its SubjectPublicKeyInfo, which a report vouches for. Names, dates and
    /// issuers of certificates then count for nothing.
    Pinned(Digest),
}

/// The other end of a connection, as it showed itself. It proved that it holds the key, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// SHA-256 of its certificate's SubjectPublicKeyInfo.
    pub spki: Digest,
    /// Whether the system's roots vouch for the certificate and the name, or why not.
    pub vouched: Result<(), String>,
}

/// A report, and who was at the other end of the connection that it came by.
#[derive(Debug)]
pub struct Met {
    /// The report's JSON as it was served, judged by nobody.
    pub report: String,
    /// `None` without TLS.
    pub peer: Option<Peer>,
}

/// A stream may be silent for as long as the engine thinks; longer than this, nobody is there.
const SILENCE: Duration = Duration::from_secs(660);
const CONNECT: Duration = Duration::from_secs(10);
/// A connection is given up before the service does so, which may be while a request is on its way.
const IDLE: Duration = Duration::from_secs(60);

impl Channel {
    /// How to reach a service from here on, by the verdict on its report and whom that report came from.
    ///
    /// A service that is trusted must be reached over a key that the report attests or the roots vouch for.
    pub fn after(peer: Option<&Peer>, verdict: &Verdict) -> Result<Self, ClientError> {
        let Some(peer) = peer else { return Ok(Self::Roots) };
        let bound = verdict.check(CheckId::BindTls).is_some_and(|check| check.status == Status::Pass);
        match &peer.vouched {
            _ if bound && verdict.outcome().is_trusted() => Ok(Self::Pinned(peer.spki)),
            Err(reason) if verdict.outcome().is_trusted() => Err(ClientError::Unvouched(reason.clone())),
            _ => Ok(Self::Roots),
        }
    }

    /// A client for requests and answers as they are: no redirect, no limit on how long an answer takes.
    pub fn relay(self) -> Result<reqwest::Client, ClientError> {
        provide();
        self.builder()?
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .pool_idle_timeout(IDLE)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ClientError::Setup(cause(&error)))
    }

    pub(crate) fn builder(self) -> Result<ClientBuilder, ClientError> {
        match self {
            Self::Roots => Ok(ClientBuilder::new()),
            Self::Pinned(spki) => believing(Manner::Pinned(spki)),
        }
    }
}

/// One first meeting: accepts any certificate and remembers what the roots say of it.
#[derive(Default)]
pub(crate) struct Acquaintance {
    recording: OnceLock<Arc<Recording>>,
}

impl Acquaintance {
    pub(crate) fn builder(&self) -> Result<ClientBuilder, ClientError> {
        let recording = self.recording.get_or_init(|| Arc::new(Recording::new(provider())));
        Ok(believing(Manner::Recorded(Arc::clone(recording)))?.tls_info(true))
    }

    /// Who was at the other end of the connection that this answer came by.
    pub(crate) fn peer(&self, response: &Response) -> Result<Option<Peer>, ClientError> {
        let Some(info) = response.extensions().get::<TlsInfo>() else { return Ok(None) };
        let seen = info.peer_certificate().zip(self.recording.get());
        let Some((certificate, recording)) = seen else { return Ok(None) };
        let spki = spki(&certificate.into())
            .map_err(|error| ClientError::Illegible(format!("its TLS certificate: {error}")))?;
        let vouched = recording.said_of(&sha256(certificate));
        Ok(Some(Peer { spki, vouched }))
    }
}

fn believing(manner: Manner) -> Result<ClientBuilder, ClientError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Setup(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { manner, provider: provider() }))
        .with_no_client_auth();
    Ok(ClientBuilder::new().tls_backend_preconfigured(config))
}

/// Gives the process a provider of cryptography, if it has none.
pub(crate) fn provide() {
    // an error means that the process has one already, which serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests;
