//! A collector under TLS: it is believed by the system's roots and by nothing else.

use std::time::Duration;

use jurat_tests::{Onward, Scratch, SelfSigned, answers};

use crate::{CHAT, collector};

#[tokio::test]
async fn a_collector_under_tls_must_have_a_certificate() {
    let (engine, collector) = (crate::engine().await, collector::start().await);
    let certificate = SelfSigned::drawn();
    let port = certificate.ends_tls_before(collector.address(), Onward::Plain).await.port();
    let folder = Scratch::new();
    let right = folder.write("right.pem", certificate.pem());
    let wrong = folder.write("wrong.pem", SelfSigned::drawn().pem());
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
