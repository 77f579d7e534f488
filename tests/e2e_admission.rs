//! Who comes in, and how fast: tokens, paces, proxies, caps and time-outs at the door.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{process::Command, time::Duration};

use jurat_proto::sha256;
use jurat_tests::{Answer, FakeEngine, Message, Scratch, Script, Sidecar, Step, answers, binary, request};
use tokio::time::{Instant, sleep};

const CHAT: &str = "/v1/chat/completions";

async fn pong() -> FakeEngine {
    FakeEngine::always(Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))).await
}

fn entry(name: &str, token: &str, more: &str) -> String {
    format!("[[token]]\nname = \"{name}\"\nsha256 = \"{}\"\n{more}\n", sha256(token.as_bytes()))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

/// Turned away with this status and code, and no sign of an exchange.
fn refused(answer: &Answer, status: u16, code: &str) {
    let said = String::from_utf8_lossy(&answer.body);
    assert_eq!((answer.status(), answer.error_code().as_str()), (status, code), "{said}");
    assert_eq!(answer.header("x-receipt-id"), None, "an answer at the door is no exchange");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "browsers must be able to read it");
}

async fn asked(sidecar: &Sidecar, headers: &[&str]) -> Answer {
    sidecar.ask("POST", CHAT, headers, b"{}").await
}

async fn refusals(sidecar: &Sidecar, reason: &str) -> Option<u64> {
    sidecar.metric(&format!("jurat_refusals_total{{reason=\"{reason}\"}}")).await
}

#[tokio::test]
async fn a_token_opens_the_door_and_stays_there() {
    let engine = pong().await;
    let folder = Scratch::new();
    let tokens = [entry("acme", "secret-one", ""), entry("old", "secret-two", "expires = 1000")].concat();
    let path = folder.write("tokens.toml", tokens);
    let sidecar = Sidecar::before(engine.url()).config(&format!("tokens = {path:?}\n")).start().await;

    let none = asked(&sidecar, &[]).await;
    refused(&none, 401, "token_required");
    assert_eq!(none.header("www-authenticate"), Some("Bearer"));
    for wrong in ["secret-on", "secret-one1", "Secret-one", "x", "secret-two", ""] {
        let code = if wrong.is_empty() { "token_required" } else { "token_invalid" };
        refused(&asked(&sidecar, &[&bearer(wrong)]).await, 401, code);
    }
    refused(&asked(&sidecar, &["Authorization: Basic c2VjcmV0LW9uZQ=="]).await, 401, "token_required");
    refused(&sidecar.fetch("/v1/models").await, 401, "token_required");
    // Before a byte of the body is there, and no `100 Continue` to have it sent.
    for more in ["", "Expect: 100-continue\r\n"] {
        let mut client = sidecar.connect().await;
        let head = format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n{more}\r\n");
        client.send(head.as_bytes()).await.unwrap();
        refused(&client.answer().await.unwrap(), 401, "token_required");
    }
    assert!(engine.recorded().is_empty(), "none of them is the engine's business");

    for header in [bearer("secret-one"), "X-API-Key: secret-one".to_owned()] {
        let answer = asked(&sidecar, &[&header, "X-Other: stays"]).await;
        assert_eq!(answer.status(), 200, "{header}");
        let heard = engine.recorded_under(answer.receipt_id()).await.head;
        assert_eq!(heard.header("x-other"), Some("stays"));
        for name in ["authorization", "x-api-key"] {
            assert_eq!(heard.header(name), None, "{header}: jurat's own token is not the engine's to see");
        }
    }
    // What proves the service must be had before it is trusted with a token; a receipt by whoever knows its id.
    for open in ["/health", "/version", "/attestation/report", "/v1/attestation/report"] {
        assert_eq!(sidecar.fetch(open).await.status(), 200, "{open}");
    }
    assert_eq!(sidecar.fetch("/signature/unknown").await.status(), 404);
    assert_eq!(sidecar.ask("OPTIONS", CHAT, &[], b"").await.status(), 204);
    assert_eq!(refusals(&sidecar, "token_invalid").await, Some(5));
    assert!(!sidecar.said().contains("secret-"), "tokens are never logged: {}", sidecar.said());
}

#[tokio::test]
async fn without_a_file_of_tokens_they_are_the_engines() {
    let engine = pong().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let answer = asked(&sidecar, &["Authorization: Bearer of-the-engine", "X-Api-Key: too"]).await;
    let heard = engine.recorded_under(answer.receipt_id()).await.head;
    assert_eq!(heard.header("authorization"), Some("Bearer of-the-engine"));
    assert_eq!(heard.header("x-api-key"), Some("too"));
}

async fn until(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + limit;
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_file_of_tokens_is_read_anew_and_a_bad_one_changes_nothing() {
    let engine = pong().await;
    let folder = Scratch::new();
    let path = folder.write("tokens.toml", entry("a", "token-a", ""));
    let sidecar = Sidecar::before(engine.url()).config(&format!("tokens = {path:?}\n")).start().await;
    let status = async |token: &str| asked(&sidecar, &[&bearer(token)]).await.status();
    assert_eq!((status("token-a").await, status("token-b").await), (200, 401));
    folder.write("tokens.toml", entry("b", "token-b", ""));
    until("the new token", Duration::from_secs(10), async || status("token-b").await == 200).await;
    assert_eq!(status("token-a").await, 401, "what is no more in the file opens nothing");
    folder.write("tokens.toml", "[[token]]\nname = \"b\"\nsha256 = \"token-b\"\n");
    until("the log line", Duration::from_secs(10), async || sidecar.said().contains("can't be read")).await;
    assert_eq!(status("token-b").await, 200, "a slip locks nobody out");
    assert!(!sidecar.said().contains("token-b"), "a token in its digest's place is not logged");
    std::fs::remove_file(&path).unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(status("token-b").await, 200);
}

#[tokio::test]
async fn files_that_hold_no_tokens_start_nothing() {
    let folder = Scratch::new();
    let nobody = format!("http://{}", FakeEngine::refusing().await);
    let secret = entry("a", "x", "token = \"in-the-clear\"");
    for (text, word) in [
        (Some("token = 1"), "tokens.toml"),
        (Some("[[token]]\nname = \"a\"\nsha256 = \"ab\""), "token \"a\": sha256"),
        (Some(secret.as_str()), "unknown field"),
        (None, "No such file"),
    ] {
        let path = folder.path().join("tokens.toml");
        match text {
            Some(text) => drop(folder.write("tokens.toml", text)),
            None => std::fs::remove_file(&path).unwrap(),
        }
        for knob in ["tokens", "receipt_tokens", "admin_tokens"] {
            let config = format!("{knob} = {path:?}\n");
            let (code, said) = Sidecar::before(&nobody).config(&config).refused().await;
            assert_eq!(code, Some(78), "{said}");
            assert!(said.contains(word) && !said.contains("in-the-clear"), "{word}: {said}");
        }
    }
}

#[tokio::test]
async fn receipts_have_a_door_of_their_own() {
    let engine = pong().await;
    let folder = Scratch::new();
    let data = [entry("acme", "data-a", ""), entry("other", "data-b", "")].concat();
    let data = folder.write("data.toml", data);
    let receipts = folder.write("receipts.toml", entry("broker", "receipts", ""));
    let config = format!("tokens = {data:?}\nreceipt_tokens = {receipts:?}\nreceipt_scope = \"owner\"\n");
    let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
    let target = format!("/signature/{}", asked(&sidecar, &[&bearer("data-a")]).await.receipt_id());
    let fetched = async |headers: &[&str]| sidecar.ask("GET", &target, headers, b"").await;
    refused(&fetched(&[]).await, 401, "token_required");
    refused(&fetched(&[&bearer("nobody")]).await, 401, "token_invalid");
    assert_eq!(fetched(&[&bearer("receipts")]).await.status(), 200, "whosesoever it is");
    assert_eq!(fetched(&[&bearer("data-a")]).await.status(), 200, "the owner's own");
    let others = fetched(&[&bearer("data-b")]).await;
    assert_eq!((others.status(), others.error_code().as_str()), (404, "receipt_unknown"));
    refused(&asked(&sidecar, &[&bearer("receipts")]).await, 401, "token_invalid");
}

#[tokio::test]
async fn the_admin_listener_has_a_door_of_its_own() {
    let engine = pong().await;
    let folder = Scratch::new();
    let path = folder.write("admin.toml", entry("prometheus", "scrape", ""));
    let sidecar = Sidecar::before(engine.url()).config(&format!("admin_tokens = {path:?}\n")).start().await;
    for open in ["/livez", "/readyz"] {
        assert_eq!(sidecar.fetch_admin(open).await.status(), 200, "{open}");
    }
    let mut client = jurat_tests::Client::connect(sidecar.admin()).await.unwrap();
    for target in ["/metrics", "/report", "/receipts/head", "/receipts/chains", "/csr?name=x", "/nothing"] {
        let refusal = sidecar.fetch_admin(target).await;
        assert_eq!((refusal.status(), refusal.error_code().as_str()), (401, "token_required"), "{target}");
        client.send(&request("GET", target, &[&bearer("scrape")], b"")).await.unwrap();
        assert_ne!(client.answer().await.unwrap().status(), 401, "{target}");
    }
    assert_eq!(asked(&sidecar, &[]).await.status(), 200, "the data port asks for nothing");
}

#[tokio::test]
async fn an_address_has_a_pace() {
    let engine = pong().await;
    let config = "address_rate = 0.5\naddress_burst = 3\n";
    let sidecar = Sidecar::before(engine.url()).config(config).start().await;
    for n in 0..3 {
        let forged = format!("X-Forwarded-For: 198.51.100.{n}");
        assert_eq!(asked(&sidecar, &[&forged, "Forwarded: for=198.51.100.9"]).await.status(), 200);
    }
    let shed = asked(&sidecar, &["X-Forwarded-For: 198.51.100.77"]).await;
    refused(&shed, 429, "rate_limited");
    assert_eq!(shed.header("retry-after"), Some("2"), "one every two seconds");
    refused(&sidecar.fetch("/attestation/report").await, 429, "rate_limited");
    assert_eq!(sidecar.fetch("/health").await.status(), 200, "probes are let through");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(asked(&sidecar, &[]).await.status(), 200, "who waits as told is let in");
    assert_eq!(engine.recorded().len(), 4);
    assert_eq!(refusals(&sidecar, "rate_limited").await, Some(2));
}

#[tokio::test]
async fn behind_a_named_proxy_each_client_has_its_own() {
    let engine = pong().await;
    let rate = "address_rate = 0.01\naddress_burst = 1\ntrusted_proxies = [\"127.0.0.0/8\", \"10.0.0.1\"]\n";
    let sidecar = Sidecar::before(engine.url()).config(rate).start().await;
    let status = async |value: &str| asked(&sidecar, &[&format!("X-Forwarded-For: {value}")]).await.status();
    assert_eq!((status("198.51.100.1").await, status("198.51.100.2").await), (200, 200));
    assert_eq!(status("198.51.100.1").await, 429);
    assert_eq!(
        status("203.0.113.5, 198.51.100.1, 10.0.0.1").await,
        429,
        "what a client adds changes nothing"
    );
    let other = Sidecar::before(engine.url())
        .config(&format!("{rate}forwarded_header = \"forwarded\"\n"))
        .start()
        .await;
    for (value, status) in [("for=198.51.100.1", 200), ("for=198.51.100.2", 200), ("for=198.51.100.1", 429)] {
        let headers = [format!("Forwarded: {value}"), "X-Forwarded-For: 203.0.113.9".to_owned()];
        assert_eq!(asked(&other, &[&headers[0], &headers[1]]).await.status(), status, "{value}");
    }
}

#[tokio::test]
async fn a_token_has_a_pace() {
    let engine = pong().await;
    let folder = Scratch::new();
    let tokens =
        [entry("slow", "slow", "rate = 0.01\nburst = 2"), entry("a", "a", ""), entry("b", "b", "")].concat();
    let path = folder.write("tokens.toml", tokens);
    let config = format!("tokens = {path:?}\ntoken_rate = 0.01\ntoken_burst = 1\n");
    let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
    for (token, status) in [("slow", 200), ("slow", 200), ("slow", 429), ("a", 200), ("a", 429), ("b", 200)] {
        let answer = asked(&sidecar, &[&bearer(token)]).await;
        assert_eq!(answer.status(), status, "{token}");
        if status == 429 {
            refused(&answer, 429, "rate_limited");
            assert!(answer.header("retry-after").is_some());
        }
    }
}

#[tokio::test]
async fn heads_and_bodies_have_caps_by_route() {
    let engine = pong().await;
    let sidecar = Sidecar::before(engine.url()).args(["--body-limit", "1000"]).start().await;
    let long = format!("{CHAT}?{}", "q".repeat(9_000));
    refused(&sidecar.post(&long, b"{}").await, 414, "uri_too_long");
    let wide: Vec<String> = (0..9).map(|n| format!("X-{n}: {}", "x".repeat(8_000))).collect();
    let wide: Vec<&str> = wide.iter().map(String::as_str).collect();
    refused(&asked(&sidecar, &wide).await, 431, "headers_too_large");
    refused(&sidecar.post(CHAT, &[b'x'; 1_001]).await, 413, "body_too_large");
    let form = "Content-Type: multipart/form-data; boundary=x";
    let body = [b'x'; 2_000];
    refused(&sidecar.ask("POST", CHAT, &[form], &body).await, 413, "body_too_large");
    refused(&sidecar.ask("GET", "/v1/models", &[], b"{}").await, 413, "body_too_large");
    assert!(engine.recorded().is_empty(), "none of them is the engine's business");
    assert_eq!(sidecar.ask("POST", "/v1/audio/transcriptions", &[form], &body).await.status(), 200);
    assert_eq!(sidecar.fetch("/v1/models").await.status(), 200);
    for reason in ["uri_too_long", "headers_too_large"] {
        assert_eq!(refusals(&sidecar, reason).await, Some(1), "{reason}");
    }
}

/// Slow-loris: the first head of a connection, a later one, and under TLS.
#[tokio::test]
async fn a_head_that_dawdles_is_given_up() {
    let engine = pong().await;
    for tls in ["", "tls = \"self-signed\"\n"] {
        let config = format!("head_timeout = 1.5\n{tls}");
        let sidecar = Sidecar::before(engine.url()).config(&config).start().await;
        for before in [0, 1] {
            let mut client = sidecar.connect().await;
            for _ in 0..before {
                client.send(&request("POST", CHAT, &[], b"{}")).await.unwrap();
                assert_eq!(client.answer().await.unwrap().status(), 200);
            }
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            let began = Instant::now();
            let said = client.drain_for(Duration::from_secs(10)).await;
            assert!(
                began.elapsed() < Duration::from_secs(8),
                "{tls:?}, after {before} requests: a slow head must not hold a connection; it said {:?}",
                String::from_utf8_lossy(&said)
            );
        }
    }
}

/// No total time-out while bytes flow: an answer may take longer than every limit.
#[tokio::test]
async fn what_flows_is_not_cut_off() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let mut steps = vec![Step::Send(answers::stream_head())];
    for _ in 0..12 {
        steps.extend([Step::Send(answers::chunk(&event)), Step::Sleep(Duration::from_millis(300))]);
    }
    steps.push(Step::Send(answers::chunked(answers::DONE, 64)));
    let engine = FakeEngine::always(Script::new(steps)).await;
    let sidecar = Sidecar::before(engine.url())
        .config("head_timeout = 0.5\n")
        .args(["--idle-timeout", "1", "--first-byte-timeout", "1"])
        .start()
        .await;
    let answer = sidecar.post(CHAT, &answers::ask_stream("long")).await;
    assert_eq!(answer.body, [event.repeat(12).as_slice(), answers::DONE].concat());
}

#[tokio::test]
async fn what_is_not_sworn_to_has_a_bound_too() {
    let head = answers::head(200, &["content-type: application/json", "content-length: 10"]);
    let engine = FakeEngine::always(Script::new([
        Step::Send([head, b"{".to_vec()].concat()),
        Step::Sleep(Duration::from_secs(2)),
        Step::Send(b"       }\n".to_vec()),
    ]))
    .await;
    let sidecar = Sidecar::before(engine.url()).args(["--concurrency", "1"]).start().await;
    let mut first = sidecar.connect().await;
    first.send(&request("GET", "/v1/models", &[], b"")).await.unwrap();
    let head = first.head().await.unwrap();
    let shed = sidecar.fetch("/v1/models").await;
    refused(&shed, 429, "overloaded");
    assert!(shed.header("retry-after").is_some());
    assert_eq!(first.body(head, Message::Answer { to_head: false }).await.unwrap().body.len(), 10);
    assert_eq!(sidecar.fetch("/v1/models").await.status(), 200, "a place that is left is free");
}

#[tokio::test]
async fn a_token_is_made_shown_once_and_taken() {
    let engine = pong().await;
    let folder = Scratch::new();
    let made = Command::new(binary::simulated()).args(["token", "new", "acme \"&\" sons"]).output().unwrap();
    assert!(made.status.success());
    let said = String::from_utf8(made.stderr).unwrap();
    let token = said.trim().strip_prefix("jurat: the token, shown this once: ").expect("the token");
    assert!(!String::from_utf8_lossy(&made.stdout).contains(token), "the file gets the digest alone");
    let path = folder.write("tokens.toml", &made.stdout);
    let sidecar = Sidecar::before(engine.url()).config(&format!("tokens = {path:?}\n")).start().await;
    assert_eq!(asked(&sidecar, &[&bearer(token)]).await.status(), 200);
    let passing =
        Command::new(binary::simulated()).args(["token", "new", "x", "--days", "0"]).output().unwrap();
    assert!(String::from_utf8_lossy(&passing.stdout).contains("\nexpires = "));
}
