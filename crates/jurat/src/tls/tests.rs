use std::{fs, process, thread, time::Duration};

use der::pem::{LineEnding, encode_string};
use jurat_proxy::{CertificateRequests as _, CsrRefusal};
use rustls::pki_types::CertificateDer;

use super::{
    own_key::OwnKey,
    served::{self, CertificateError, Served},
    *,
};
use crate::config::TlsName;

fn drawn() -> (OwnKey, Arc<dyn SigningKey>) {
    let own = OwnKey::draw().unwrap();
    let key = signing_key(&own.to_private_key().unwrap()).unwrap();
    (own, key)
}

fn names(names: &[&str]) -> Vec<TlsName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn a_drawn_key_certifies_itself_and_no_other() {
    let (own, key) = drawn();
    let shown = own.certify(&names(&["api.example.com", "10.0.0.7", "::1"])).unwrap();
    let served = Served::new(Arc::clone(&key), vec![shown.clone()]).unwrap();
    assert_eq!(served.ends(), 253_402_300_799, "the last second of the year 9999");
    let (other, _) = drawn();
    let others = other.certify(&names(&["api.example.com"])).unwrap();
    assert!(matches!(served.replace(vec![others]), Err(CertificateError::OtherKey)));
    assert!(matches!(served.replace(vec![]), Err(CertificateError::Malformed(_))));
    let garbage = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
    assert!(matches!(served.replace(vec![garbage]), Err(CertificateError::Malformed(_))));
    served.replace(vec![own.certify(&names(&["b.example.com"])).unwrap(), shown]).unwrap();
}

#[test]
fn two_keys_are_two() {
    let (_, one) = drawn();
    let (_, two) = drawn();
    assert_ne!(spki(&*one).unwrap(), spki(&*two).unwrap());
}

#[test]
fn a_request_is_pem_and_bad_names_are_refused() {
    let (own, _) = drawn();
    let pem = own.request("api.example.com,*.example.com,10.0.0.7").unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE REQUEST-----\n"), "{pem}");
    let request = rustls::pki_types::CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).unwrap();
    for name in ["api.example.com", "*.example.com"] {
        assert!(request.windows(name.len()).any(|at| at == name.as_bytes()), "{name}");
    }
    for bad in ["", "a b", "a,,b", "*.*.example.com", "ex*mple.com", "http://x", "x\n", &"a".repeat(300)] {
        assert_eq!(own.request(bad), Err(CsrRefusal::Name), "{bad:?}");
    }
}

#[test]
fn what_is_no_pem_is_named() {
    for text in ["", "nothing", "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n"] {
        assert!(matches!(served::chain(text.as_bytes()), Err(CertificateError::Pem(_))), "{text:?}");
    }
}

#[test]
fn a_certificate_that_is_renewed_while_the_service_starts_is_taken() {
    let (own, _) = drawn();
    let key = own.to_private_key().unwrap();
    let pem = |label, der: &[u8]| encode_string(label, LineEnding::LF, der).unwrap();
    let certified = |name| pem("CERTIFICATE", &own.certify(&names(&[name])).unwrap());
    let path = |kind| std::env::temp_dir().join(format!("jurat-tls-{}-{kind}.pem", process::id()));
    let choice = TlsChoice::Files { certificate: path("certificate"), key: path("key") };
    fs::write(path("key"), pem("PRIVATE KEY", key.secret_der())).unwrap();
    fs::write(path("certificate"), certified("a.example.com")).unwrap();

    let mut tls = Tls::open(&choice).unwrap().unwrap();
    let renewed = certified("b.example.com");
    fs::write(path("certificate"), &renewed).unwrap();
    tls.watch(Metrics::new("0", "")).unwrap();

    let renewed = served::chain(renewed.as_bytes()).unwrap();
    let taken = (0..100).any(|_| {
        thread::sleep(Duration::from_millis(50));
        tls.served.shown() == renewed
    });
    for kind in ["key", "certificate"] {
        fs::remove_file(path(kind)).unwrap();
    }
    assert!(taken, "what changed between the reading and the watching was lost");
}
