//! Whoever ends TLS under a key that nobody vouches for, and passes on all that he reads.

use std::{net::SocketAddr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{io::copy_bidirectional, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::stream::Stream;

/// A key that was just drawn, and a certificate of it for the loopback.
#[derive(Debug)]
pub struct SelfSigned {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl SelfSigned {
    /// Draws a key.
    pub fn drawn() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let drawn = rcgen::generate_simple_self_signed(names).expect("names of hosts");
        let key = PrivatePkcs8KeyDer::from(drawn.signing_key.serialize_der());
        Self { certificate: drawn.cert.der().clone(), key }
    }

    /// The certificate as text.
    pub fn pem(&self) -> String {
        let body = STANDARD.encode(&self.certificate);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }

    /// Ends TLS in front of whoever listens at `far`, for as long as the test runs; where it does so.
    pub async fn ends_tls_before(&self, far: SocketAddr, onward: Onward) -> SocketAddr {
        let key = PrivateKeyDer::Pkcs8(self.key.clone_key());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider knows")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .expect("the certificate is the key's");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Who does not like the certificate leaves here.
                    let Ok(mut near) = acceptor.accept(near).await else { return };
                    let mut far = match onward {
                        Onward::Secured => Stream::secured(far, &["http/1.1"]).await,
                        Onward::Plain => Stream::plain(far).await,
                    }
                    .expect("somebody listens");
                    let _ = copy_bidirectional(&mut near, &mut far).await;
                });
            }
        });
        address
    }
}

/// How it goes on behind an end of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// Under TLS again.
    Secured,
    /// As TCP has it.
    Plain,
}
