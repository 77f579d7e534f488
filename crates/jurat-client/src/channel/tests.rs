use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use jurat_proto::{Binding, Nonce, UnixSeconds};
use jurat_verify::{Inputs, Policy, verify_report};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::*;
use crate::{BaseUrl, Client};

const NONCE: Nonce = Nonce::new([0xab; 32]);

/// A self-signed certificate under this name, and the hash of its key.
fn certificate(name: &str) -> (Arc<ServerConfig>, Digest) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let spki = sha256(&key.subject_public_key_info());
    let secret = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    (Arc::new(config), spki)
}

/// Answers `{}` to every request over TLS, a connection each; the request's first line decides nothing.
fn serve(config: Arc<ServerConfig>) -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let mut tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let mut request = Vec::new();
            let mut buffer = [0; 1024];
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                match tls.read(&mut buffer) {
                    Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                    // a client that does not like the certificate leaves in the handshake
                    _ => break,
                }
            }
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
    });
    base
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn reason(outcome: Result<String, ClientError>) -> String {
    match outcome {
        Err(ClientError::Unreachable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_key_of_the_connection_that_served_the_report_is_seen() {
    let (config, spki) = certificate("localhost");
    let base = serve(config);
    let met = block_on(Client::meet(&base, &NONCE, Binding::JuratV1)).unwrap();
    assert_eq!(met.report, "{}");
    let peer = met.peer.as_ref().unwrap();
    assert_eq!(peer.spki, spki);
    assert!(peer.vouched.is_err(), "nobody signed it but itself");
}

#[test]
fn a_self_signed_key_is_accepted_only_where_it_is_pinned() {
    let (config, spki) = certificate("some.other.name");
    let base = serve(config);
    let fetch = |channel: Channel| {
        let client = Client::over(channel).unwrap();
        block_on(client.fetch_report(&base, &NONCE, Binding::JuratV1))
    };
    assert_eq!(fetch(Channel::Pinned(spki)).unwrap(), "{}", "the name counts for nothing");
    let refused = reason(fetch(Channel::Roots));
    assert!(refused.contains("certificate"), "{refused}");
    let refused = reason(fetch(Channel::Pinned(Digest::new([7; 32]))));
    assert!(refused.contains("not the one that the verified report attests"), "{refused}");
}

#[test]
fn a_relay_keeps_to_the_pin_too() {
    let ((config, spki), (_, other)) = (certificate("localhost"), certificate("localhost"));
    let base = serve(config);
    let ask = |pin| {
        let relay = Channel::Pinned(pin).relay().unwrap();
        block_on(async { relay.get(base.route(["x"], None)).send().await })
    };
    assert_eq!(ask(spki).unwrap().status(), 200);
    let error = ask(other).unwrap_err();
    assert!(error.is_connect() && cause(&error).contains("attests"), "{error:?}");
}

/// What is not trusted leads nowhere; what is, without an attested key, needs the roots.
#[test]
fn without_an_attested_key_the_roots_decide() {
    let policy = Policy::named("simulated").unwrap();
    let refuted = verify_report("{}", &policy, Inputs::live(UnixSeconds(1_790_000_000)));
    let after =
        |vouched| Channel::after(Some(&Peer { spki: Digest::new([1; 32]), vouched }), &refuted).unwrap();
    assert_eq!(after(Err("x".into())), Channel::Roots);
    assert_eq!(after(Ok(())), Channel::Roots);
    assert_eq!(Channel::after(None, &refuted).unwrap(), Channel::Roots);
}

#[test]
fn plain_http_has_no_peer() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}").unwrap();
    });
    assert_eq!(block_on(Client::meet(&base, &NONCE, Binding::JuratV1)).unwrap().peer, None);
}
