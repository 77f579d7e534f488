//! TLS towards the server. The files are read at every connect: they may have been renewed.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};

use super::{
    link::Failure,
    settings::{ClientCertificate, SharedSettings},
};

/// A session that trusts the roots that the settings name, and no other.
pub(super) fn client(settings: &SharedSettings, host: &str) -> Result<ClientConnection, Failure> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &settings.ca_file {
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| ours(file, &error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Ours(error.to_string()))?
        .with_root_certificates(roots);
    let config = match &settings.client_certificate {
        None => config.with_no_client_auth(),
        Some(ClientCertificate { cert_file, key_file }) => {
            let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| ours(key_file, &error))?;
            config
                .with_client_auth_cert(certificates(cert_file)?, key)
                .map_err(|error| ours(cert_file, &error))?
        }
    };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| Failure::Ours(error.to_string()))?;
    ClientConnection::new(Arc::new(config), name).map_err(|error| Failure::Ours(error.to_string()))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect::<Result<_, _>>)
        .map_err(|error| ours(file, &error))?;
    if certificates.is_empty() { Err(ours(file, &"no certificate in it")) } else { Ok(certificates) }
}

fn ours(file: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Ours(format!("the store's TLS file {}: {reason}", file.display()))
}
