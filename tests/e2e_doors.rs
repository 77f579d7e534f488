//! What is turned away at the door: nothing of it reaches the engine, and nothing of it is sworn.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use jurat_tests::{Answer, FakeEngine, Script, Sidecar, Step, answers, request};

async fn house() -> (FakeEngine, Sidecar) {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    (engine, sidecar)
}

fn turned_away(engine: &FakeEngine, what: &str, answer: &Answer, status: u16) {
    assert_eq!(answer.status(), status, "{what}: {}", String::from_utf8_lossy(&answer.body));
    for header in ["x-receipt-id", "zg-res-key"] {
        assert_eq!(answer.header(header), None, "{what}: an answer at the door is no exchange");
    }
    let asked: Vec<_> = engine.recorded().into_iter().map(|heard| heard.head.start_line).collect();
    assert!(asked.is_empty(), "{what}: the engine must not be asked, but was: {asked:?}");
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_404() {
    let (engine, sidecar) = house().await;
    let unknown = [
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", "/v1/metrics"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/load"),
        ("POST", "/invocations"),
        ("POST", "/generative_scoring"),
        ("POST", "/scale_elastic_ep"),
        ("POST", "/inference/v1/generate"),
        ("POST", "/v1/chat/completions/render"),
        ("POST", "/v1/chat/completions/batch"),
        ("POST", "/v1/v1/chat/completions"),
        ("POST", "/v2/embed"),
        ("POST", "/V1/CHAT/COMPLETIONS"),
        ("POST", "//v1/chat/completions"),
        ("POST", "/v1//chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/chat/completions/../../../invocations"),
        ("POST", "/v1/audio/../../invocations"),
        ("POST", "/v1/audio/..%2f..%2finvocations"),
        ("POST", "/v1/images/%2e%2e/%2e%2e/invocations"),
        ("GET", "/v1/responses/../metrics"),
        ("GET", "/v1/responses/..%2f..%2fmetrics"),
        ("GET", "/v1/responses/%2e%2e"),
        ("GET", "/v1/chat/completions"),
        ("PUT", "/v1/chat/completions"),
        ("DELETE", "/v1/responses/resp_1"),
        ("POST", "/v1/models"),
        ("GET", "/v1/tokenize"),
        ("POST", "/attestation/report"),
        ("POST", "/signature/x"),
    ];
    for (method, target) in unknown {
        let answer = sidecar.ask(method, target, &[], b"").await;
        turned_away(&engine, &format!("{method} {target}"), &answer, 404);
        answer.error_code();
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413_before_it_is_sent() {
    let (engine, sidecar) = house().await;
    let mut client = sidecar.connect().await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 67108865\r\n\r\n";
    client.send(head.as_bytes()).await.unwrap();
    let answer = client.answer().await.unwrap();
    turned_away(&engine, "64 MiB and a byte", &answer, 413);
    answer.error_code();
    // The announced body must not be taken for another request.
    assert!(
        client.closes_within(Duration::from_secs(10)).await,
        "the connection closes behind a refused body"
    );
}

/// A body without a length is refused when it is too long, and what its sender goes on with is not borne for long.
#[tokio::test]
async fn a_refused_body_that_goes_on_is_cut_off() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).args(["--body-limit", "1000"]).start().await;
    let mut client = sidecar.connect().await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    client.send(head.as_bytes()).await.unwrap();
    let began = Instant::now();
    let chunk = answers::chunk(&vec![b' '; 64 << 10]);
    while client.send(&chunk).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(10), "it is still read");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(engine.recorded().iter().all(|heard| !heard.whole), "the engine must never take it for whole");
}

/// An upload that stops in the middle is nobody's exchange.
#[tokio::test]
async fn a_body_that_does_not_come_whole_is_not_sworn() {
    let (engine, sidecar) = house().await;
    let mut client = sidecar.connect().await;
    client
        .send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .await
        .unwrap();
    client.half_close().await.unwrap();
    let rest = client.drain_for(Duration::from_secs(5)).await;
    let text = String::from_utf8_lossy(&rest).to_lowercase();
    assert!(!text.contains("\nx-receipt-id:"), "an upload that stops is not an exchange: {text}");
    assert!(engine.recorded().iter().all(|heard| !heard.whole), "the engine must never take it for whole");
}

#[tokio::test]
async fn giant_heads_are_refused() {
    let (engine, sidecar) = house().await;
    let mut client = sidecar.connect().await;
    let giant = format!("X-Giant: {}", "x".repeat(1 << 20));
    // The sidecar may close before it has read all of it: then the write fails, and its answer may be lost with it.
    let sent = client.send(&request("POST", "/v1/chat/completions", &[&giant], b"{}")).await;
    let rest = client.drain_for(Duration::from_secs(5)).await;
    let said = String::from_utf8_lossy(&rest);
    let lost = sent.is_err() && said.is_empty();
    assert!(said.starts_with("HTTP/1.1 431 ") || lost, "{sent:?}, {said}");
    assert!(engine.recorded().is_empty());
}

#[tokio::test]
async fn preflights_are_jurats_to_answer() {
    let (engine, sidecar) = house().await;
    let headers = [
        "Origin: https://app.test",
        "Access-Control-Request-Method: POST",
        "Access-Control-Request-Headers: authorization, content-type",
    ];
    for target in
        ["/v1/chat/completions", "/chat/completions", "/signature/x", "/v1/attestation/report", "/v1/models"]
    {
        let answer = sidecar.ask("OPTIONS", target, &headers, b"").await;
        assert!((200..300).contains(&answer.status()), "OPTIONS {target}: {}", answer.status());
        assert_eq!(answer.head.all("access-control-allow-origin"), ["*"]);
        // A star covers every header but this one.
        let allowed = answer.header("access-control-allow-headers").unwrap_or_default().to_lowercase();
        assert!(allowed.contains("authorization"), "allowed: {allowed:?}");
        turned_away(&engine, &format!("OPTIONS {target}"), &answer, answer.status());
    }
}

#[tokio::test]
async fn liveness_and_version_are_on_the_data_port_and_the_rest_is_not() {
    let (engine, sidecar) = house().await;
    turned_away(&engine, "GET /health", &sidecar.fetch("/health").await, 200);
    let version = sidecar.fetch("/version").await;
    turned_away(&engine, "GET /version", &version, 200);
    assert!(String::from_utf8_lossy(&version.body).contains(env!("CARGO_PKG_VERSION")));
    for target in ["/livez", "/readyz", "/report", "/receipts", "/receipts/head"] {
        turned_away(&engine, target, &sidecar.fetch(target).await, 404);
    }
    assert_eq!(sidecar.fetch_admin("/livez").await.status(), 200);
    let ready = sidecar.fetch_admin("/readyz").await.json();
    assert_eq!(ready["ready"], true);
    assert!(ready["latches"].as_object().is_some_and(|latches| !latches.is_empty()), "{ready}");
    let metrics = sidecar.metrics().await;
    assert!(metrics.ends_with("# EOF\n"), "OpenMetrics ends so");
    let foreign = metrics.lines().find(|line| !line.starts_with('#') && !line.starts_with("jurat_"));
    assert_eq!(foreign, None, "every metric has the prefix jurat_");
    assert_eq!(sidecar.fetch_admin("/v1/models").await.status(), 404, "the admin listener relays nothing");
}

#[tokio::test]
async fn one_connection_serves_many_requests_and_the_engines_is_used_again() {
    let (engine, sidecar) = house().await;
    // Readiness probes connect too.
    let probes = engine.connections();
    let mut client = sidecar.connect().await;
    for _ in 0..5 {
        client.send(&request("POST", "/v1/chat/completions", &[], b"{}")).await.unwrap();
        assert_eq!(client.answer().await.unwrap().status(), 200);
        client.send(&request("GET", "/v1/nothing", &[], b"")).await.unwrap();
        assert_eq!(client.answer().await.unwrap().status(), 404);
    }
    assert_eq!(engine.recorded().len(), 5);
    assert!(
        engine.connections() - probes <= 2,
        "{} connections to the engine for five requests in turn",
        engine.connections() - probes
    );
}

/// Load beyond the limit is shed at the door, with the time to come back, and costs no receipt.
#[tokio::test]
async fn more_than_the_limit_is_shed() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let engine = FakeEngine::always(Script::stream(&[&event], &[Step::WaitForClientGone])).await;
    let sidecar = Sidecar::before(engine.url()).args(["--concurrency", "1"]).start().await;
    let mut first = sidecar.connect().await;
    first.send(&request("POST", "/v1/chat/completions", &[], b"{}")).await.unwrap();
    first.until(b"one").await.unwrap();
    let second = sidecar.post("/v1/chat/completions", b"{}").await;
    assert!([429, 503].contains(&second.status()), "the second of one is shed: {}", second.status());
    assert!(second.header("retry-after").is_some(), "it must say when to come back");
    assert_eq!(second.header("x-receipt-id"), None, "an answer at the door is no exchange");
    second.error_code();
    assert_eq!(sidecar.fetch("/health").await.status(), 200, "liveness needs no slot");
    drop(first);
    assert!(engine.gone(1, Duration::from_secs(5)).await);
    for attempt in 0.. {
        let mut third = sidecar.connect().await;
        third.send(&request("POST", "/v1/chat/completions", &[], b"{}")).await.unwrap();
        if third.head().await.unwrap().status() == 200 {
            break;
        }
        assert!(attempt < 100, "the slot must be free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An upload that dawdles is given up.
#[tokio::test]
async fn an_upload_that_stands_still_is_given_up() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).args(["--idle-timeout", "0.5"]).start().await;
    let mut client = sidecar.connect().await;
    client
        .send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
        .await
        .unwrap();
    let answer = client.answer().await.unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(answer.header("x-receipt-id"), None, "a request that never came whole is no exchange");
    assert!(answer.took < Duration::from_secs(5), "it took {:?}", answer.took);
    assert!(engine.recorded().iter().all(|heard| !heard.whole));
}

/// A head that dawdles is given up after half a minute.
#[tokio::test]
async fn a_head_that_stands_still_is_given_up() {
    let (engine, sidecar) = house().await;
    let mut client = sidecar.connect().await;
    client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let answer = client.answer().await.unwrap();
    turned_away(&engine, "half a head", &answer, 408);
    assert!(
        client.closes_within(Duration::from_secs(5)).await,
        "a slow head must not hold a connection for ever"
    );
}
