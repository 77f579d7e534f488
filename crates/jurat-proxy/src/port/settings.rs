//! What is spoken: TLS 1.2 and 1.3 by ring's suites, all of which have forward secrecy and authenticate what they encrypt.

use std::sync::Arc;

use rustls::{ServerConfig, crypto::ring, server::ResolvesServerCert, version};

/// TLS for the data port, under whatever certificate `certificates` has at the moment of each handshake.
///
/// # Errors
///
/// rustls's, if its provider lacks what the two versions need.
pub fn tls_settings(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Early data could be replayed by the network; this is rustls's default, and is meant.
    settings.max_early_data_size = 0;
    Ok(Arc::new(settings))
}
