//! `jurat connect` before a service that ends TLS itself: the attested key is accepted and pinned, and no other is.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use jurat_tests::{Connect, FakeEngine, Onward, Script, SelfSigned, Sidecar, Step, answers, binary};
use tokio::{io::copy_bidirectional, net::TcpListener};

const CHAT: &str = "/v1/chat/completions";

async fn stage() -> (FakeEngine, Sidecar) {
    let stream = Step::Send(answers::chunked(&answers::chat_stream("chatcmpl-1", &["one", "two"]), 40));
    let engine = FakeEngine::by_name([
        ("plain", Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))),
        ("stream", Script::stream(&[], &[stream])),
    ])
    .await;
    let sidecar = Sidecar::before(engine.url()).config("tls = \"self-signed\"").start().await;
    (engine, sidecar)
}

/// A wire to some place, which may be laid anew.
async fn wire(to: Arc<Mutex<SocketAddr>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let to = *to.lock().unwrap();
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

/// Somebody who ends TLS under a key of his own, and passes on all that he reads.
async fn eavesdropper(service: SocketAddr, onward: Onward) -> SocketAddr {
    SelfSigned::drawn().ends_tls_before(service, onward).await
}

fn jurat(args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(binary::simulated());
    let output = command.args(args).env("JURAT_POLICY", "simulated").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_attested_key_is_accepted_though_nobody_signed_it() {
    let (_engine, sidecar) = stage().await;
    let service = format!("https://{}", sidecar.address());
    let connect = Connect::to(&service, &[]).await;
    let plain = connect.post(CHAT, "plain", &answers::ask("x")).await;
    assert_eq!((plain.status(), plain.header("x-jurat-verdict")), (200, Some("trusted")));
    let stream = connect.post(CHAT, "stream", &answers::ask_stream("x")).await;
    assert!(stream.body.ends_with(answers::DONE));
    connect.says(&format!("{} trusted", stream.receipt_id())).await;

    let (code, out, said) = jurat(&["verify", &service]);
    assert_eq!(code, Some(0), "{out}{said}");
    assert!(out.contains("pass bind.tls          the connection's key is the attested one"), "{out}");
    let (code, out, said) = jurat(&["chat", &service, "--model", "m", "ping"]);
    assert_eq!((code, out.as_str()), (Some(69), ""), "without a script there is no model: {said}");
    assert!(said.contains("the service swears that it answered 500"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_ends_tls_in_between_is_found_out() {
    let (_engine, sidecar) = stage().await;
    let between = eavesdropper(sidecar.address(), Onward::Secured).await;
    let service = format!("https://{between}");
    let (code, out, said) = Connect::refused(&service, &[]).await;
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(out.contains("fail bind.tls"), "{out}");
    assert_eq!(jurat(&["verify", &service]).0, Some(1));
}

/// A proxy that somebody put before a service without TLS of its own: its certificate must stand by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_attested_key_a_self_signed_certificate_is_refused() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let service = format!("https://{}", eavesdropper(sidecar.address(), Onward::Plain).await);
    let (code, out, said) = Connect::refused(&service, &[]).await;
    assert_eq!(code, Some(69), "{out}{said}");
    assert!(said.contains("the report attests no TLS key"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pinned_key_is_not_given_up() {
    let (engine, sidecar) = stage().await;
    let to = Arc::new(Mutex::new(sidecar.address()));
    let connect = Connect::to(&format!("https://{}", wire(Arc::clone(&to)).await), &[]).await;
    // Nothing was asked yet, so that no connection is kept: the next one is his.
    *to.lock().unwrap() = eavesdropper(sidecar.address(), Onward::Secured).await;
    let answer = connect.post(CHAT, "plain", &answers::ask("a secret")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "service_unreachable"));
    let why = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(why.contains("not the one that the verified report attests"), "{why}");
    let answer = connect.post(CHAT, "plain", &answers::ask("a secret")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (503, "service_untrusted"));
    assert!(engine.recorded().is_empty(), "he has read nothing");
}

/// A restart draws another key: nothing can be sent before the service is verified over it, and then everything can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_is_pinned_anew() {
    let (engine, first) = stage().await;
    let to = Arc::new(Mutex::new(first.address()));
    let connect = Connect::to(&format!("https://{}", wire(Arc::clone(&to)).await), &[]).await;
    assert_eq!(connect.post(CHAT, "plain", &answers::ask("x")).await.status(), 200);
    let second = Sidecar::before(engine.url()).config("tls = \"self-signed\"").start().await;
    *to.lock().unwrap() = second.address();
    drop(first);
    let mut answer = connect.post(CHAT, "plain", &answers::ask("x")).await;
    // A request may have been on its way over the connection that died with the service: SDKs ask again.
    if answer.status() == 502 && answer.error_code() == "service_unreachable" {
        answer = connect.post(CHAT, "plain", &answers::ask("x")).await;
    }
    assert_eq!(
        (answer.status(), answer.header("x-jurat-verdict")),
        (200, Some("trusted")),
        "{:?}",
        answer.json()
    );
    assert_eq!(connect.said().matches("verified: 0x").count(), 2, "{}", connect.said());
}
