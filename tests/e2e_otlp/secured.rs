//! A collector under TLS: it is believed by the system's roots and by nothing else.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_tests::{Scratch, answers};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use crate::{CHAT, collector};

fn born() -> (rcgen::Certificate, PrivateKeyDer<'static>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate, PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

fn pem(certificate: &rcgen::Certificate) -> String {
    let body = STANDARD.encode(certificate.der());
    format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
}

/// Ends TLS in front of whoever listens at `to`.
async fn in_front_of(
    to: SocketAddr,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(near).await else { return };
                let mut far = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_collector_under_tls_must_have_a_certificate() {
    let (engine, collector) = (crate::engine().await, collector::start().await);
    let behind = collector.url().trim_start_matches("http://").parse().unwrap();
    let (certificate, key) = born();
    let port = in_front_of(behind, vec![certificate.der().clone()], key).await;
    let folder = Scratch::new();
    let right = folder.write("right.pem", pem(&certificate));
    let wrong = folder.write("wrong.pem", pem(&born().0));
    for (roots, believed) in [(right, true), (wrong, false)] {
        let roots = roots.to_str().unwrap();
        let mut sidecar = collector::telling(&engine, &format!("https://localhost:{port}"))
            .variables([("SSL_CERT_FILE", roots)])
            .start()
            .await;
        let before = collector.recorded().len();
        let got = sidecar.ask("POST", CHAT, &[], &answers::ask("x")).await;
        assert_eq!(got.status(), 200);
        sidecar.terminate();
        assert_eq!(sidecar.exit_code(Duration::from_secs(10)).await, Some(0));
        assert_eq!(collector.recorded().len() > before, believed, "{}", sidecar.said());
        assert_eq!(sidecar.said().contains("spans were lost"), !believed, "{}", sidecar.said());
    }
}
