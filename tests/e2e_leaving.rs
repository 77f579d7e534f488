//! Answers that do not end by themselves: no engine, silence, a client that leaves, a service that stops.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jurat_proto::{Digest, End, sha256};
use jurat_tests::{Ending, Expected, FakeEngine, Message, Oath, Script, Sidecar, Step, answers, request};

const CHAT: &str = "/v1/chat/completions";

/// A stream that begins with these pieces and goes on as `tail` says.
#[tokio::test]
async fn an_engine_that_gives_no_answer_is_refused_for() {
    let half_head = b"HTTP/1.1 200 OK\r\ncontent-type: appl".to_vec();
    let cases = [
        ("closes", Script::new([Step::Close]), 502),
        ("resets", Script::new([Step::Reset]), 502),
        ("garbage", Script::new([Step::Send(b"\x00\x01garbage\r\n\r\n".to_vec()), Step::Close]), 502),
        ("half-a-head", Script::new([Step::Send(half_head), Step::Close]), 502),
        ("silent", Script::new([Step::WaitForClientGone]), 504),
    ];
    let statuses: Vec<_> = cases.iter().map(|(name, _, status)| (*name, *status)).collect();
    let engine = FakeEngine::by_name(cases.map(|(name, script, _)| (name, script))).await;
    let sidecar = Sidecar::before(engine.url()).args(["--first-byte-timeout", "0.5"]).start().await;
    let oath = Oath::of(&sidecar).await;
    for (name, status) in statuses {
        let got = sidecar.ask("POST", CHAT, &[&format!("X-Script: {name}")], b"{\"x\":1}").await;
        assert_eq!((got.status(), got.ending), (status, Ending::Clean), "{name}");
        got.error_code();
        let endpoint = "POST /v1/chat/completions";
        let expected = Expected {
            end: End::Refused,
            status,
            endpoint,
            request: b"{\"x\":1}",
            response: Some(&got.body),
        };
        oath.holds(&sidecar, got.receipt_id(), &expected).await;
        assert!(got.took < Duration::from_secs(5), "{name} took {:?}", got.took);
    }
    assert!(engine.gone(1, Duration::from_secs(5)).await, "a silent engine must be hung up on");
}

#[tokio::test]
async fn an_unreachable_engine_is_refused_for() {
    let nobody = FakeEngine::refusing().await;
    let sidecar = Sidecar::before(&format!("http://{nobody}")).start().await;
    let oath = Oath::of(&sidecar).await;
    let got = sidecar.post(CHAT, b"{}").await;
    assert_eq!(got.status(), 502);
    got.error_code();
    let endpoint = "POST /v1/chat/completions";
    let expected =
        Expected { end: End::Refused, status: 502, endpoint, request: b"{}", response: Some(&got.body) };
    let record = oath.holds(&sidecar, got.receipt_id(), &expected).await;
    assert_eq!(record.receipt.forwarded_hash, Digest::ZERO, "nothing was forwarded");
}

#[tokio::test]
async fn silence_past_the_idle_limit_is_timed_out() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let engine = FakeEngine::always(Script::stream(&[&event], &[Step::WaitForClientGone])).await;
    let sidecar = Sidecar::before(engine.url()).args(["--idle-timeout", "0.5"]).start().await;
    let oath = Oath::of(&sidecar).await;
    let asked = answers::ask_stream("silence");
    let got = sidecar.post(CHAT, &asked).await;
    assert_eq!(got.body, event, "the client gets every byte that came");
    assert_ne!(got.ending, Ending::Clean, "a timed-out answer must not look whole");
    let endpoint = "POST /v1/chat/completions";
    let expected =
        Expected { end: End::TimedOut, status: 200, endpoint, request: &asked, response: Some(&event) };
    oath.holds(&sidecar, got.receipt_id(), &expected).await;
    assert!(engine.gone(1, Duration::from_secs(5)).await, "the engine must be hung up on");
}

/// Bytes keep an answer alive: there is no limit on the whole.
#[tokio::test]
async fn a_slow_answer_outlives_the_idle_limit() {
    let beat = answers::chat_event("chatcmpl-1", "beat");
    let mut steps = vec![Step::Send(answers::stream_head())];
    for _ in 0..8 {
        steps.extend([Step::Send(answers::chunk(&beat)), Step::Sleep(Duration::from_millis(300))]);
    }
    steps.push(Step::Send(answers::chunked(answers::DONE, 64)));
    let engine = FakeEngine::always(Script::new(steps)).await;
    let sidecar = Sidecar::before(engine.url()).args(["--idle-timeout", "1"]).start().await;
    let got = sidecar.post(CHAT, &answers::ask_stream("slow")).await;
    assert_eq!(got.ending, Ending::Clean);
    assert_eq!(Oath::fetch(&sidecar, got.receipt_id()).await.receipt.end, End::Complete);
}

#[tokio::test]
async fn a_client_that_leaves_is_sworn_to_and_the_engine_stops() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let plain = Script::new([
        Step::Send(answers::head(200, &["content-type: application/json", "content-length: 1000"])),
        Step::Send(b"{\"id\":\"chatcmpl-2\",\"one\":1".to_vec()),
        Step::WaitForClientGone,
    ]);
    let scripts = [
        ("stream", Script::stream(&[&event], &[Step::WaitForClientGone])),
        ("plain", plain),
        ("silent", Script::new([Step::WaitForClientGone])),
    ];
    let engine = FakeEngine::by_name(scripts).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut left = 0;
    for name in ["stream", "plain"] {
        for how in ["close", "half-close", "reset"] {
            let asked = answers::ask_stream(how);
            let mut client = sidecar.connect().await;
            client.send(&request("POST", CHAT, &[&format!("X-Script: {name}")], &asked)).await.unwrap();
            let (head, seen) = client.until(b"one").await.unwrap();
            let id = head.header("x-receipt-id").expect("announced before the first byte").to_owned();
            match how {
                "close" => drop(client),
                "half-close" => {
                    client.half_close().await.unwrap();
                    let rest = client.drain_for(Duration::from_secs(1)).await;
                    let closed = client.closes_within(Duration::from_secs(5)).await;
                    assert!(closed, "{name}: a client that half-closes has left; it got {rest:?}");
                }
                _ => client.reset().unwrap(),
            }
            left += 1;
            assert!(
                engine.gone(left, Duration::from_secs(5)).await,
                "{name}, {how}: the engine must be hung up on"
            );
            let record = Oath::fetch_within(&sidecar, &id, Duration::from_secs(5)).await;
            let endpoint = "POST /v1/chat/completions";
            let response = record.receipt.response_length as usize >= seen.len();
            assert!(response, "{name}, {how}: the receipt covers all that the client holds");
            let expected =
                Expected { end: End::ClientLeft, status: 200, endpoint, request: &asked, response: None };
            oath.require(&record, &expected);
        }
    }
    // Before the engine said a word there is no id to ask for; the engine must be hung up on all the same.
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: silent"], b"{}")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(client);
    assert!(
        engine.gone(left + 1, Duration::from_secs(5)).await,
        "an engine that still thinks must be hung up on"
    );
}

/// An engine may answer before it has heard everything: then the hash covers what was received.
#[tokio::test]
async fn an_early_answer_is_never_complete() {
    let body = b"{\"error\":{\"message\":\"too long\"}}";
    let script = Script::early([
        Step::Send(answers::json(413, body)),
        Step::Sleep(Duration::from_secs(2)),
        Step::Close,
    ]);
    let engine = FakeEngine::always(script).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let mut client = sidecar.connect().await;
    let sent = vec![b'x'; 100_000];
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    );
    client.send(&[head.as_bytes(), &sent].concat()).await.unwrap();
    let got = client.answer().await.unwrap();
    assert_eq!(got.status(), 413);
    assert!(
        body.starts_with(&got.body),
        "the client gets the engine's bytes: {:?}",
        String::from_utf8_lossy(&got.body)
    );
    let record = Oath::fetch(&sidecar, got.receipt_id()).await;
    assert_ne!(record.receipt.end, End::Complete, "an upload that was stopped is never complete");
    assert!(record.text.is_none() && record.signature.is_none());
    assert_eq!(record.receipt.request_hash, sha256(&sent), "requestHash covers the bytes received");
}

#[tokio::test]
async fn a_running_answer_is_drained_and_new_ones_are_not_taken() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let tail = [Step::Sleep(Duration::from_secs(1)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::always(Script::stream(&[&event], &tail)).await;
    let mut sidecar = Sidecar::before(engine.url()).args(["--drain-grace", "10"]).start().await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("drain"))).await.unwrap();
    let head = client.head().await.unwrap();
    sidecar.terminate();
    let got = client.body(head, Message::Answer { to_head: false }).await.unwrap();
    assert_eq!(
        (got.ending, got.body),
        (Ending::Clean, [event.as_slice(), answers::DONE].concat()),
        "it was drained"
    );
    assert_eq!(sidecar.exit_code(Duration::from_secs(9)).await, Some(0), "a drained service leaves in peace");
}

#[tokio::test]
async fn the_grace_period_ends() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let engine = FakeEngine::always(Script::stream(&[&event], &[Step::WaitForClientGone])).await;
    let mut sidecar = Sidecar::before(engine.url()).args(["--drain-grace", "0.5"]).start().await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("drain"))).await.unwrap();
    let head = client.head().await.unwrap();
    sidecar.terminate();
    let got = client.body(head, Message::Answer { to_head: false }).await.unwrap();
    assert_eq!(got.body, event);
    assert_ne!(got.ending, Ending::Clean, "an answer cut by the drain must not look whole");
    assert!(sidecar.exit_code(Duration::from_secs(10)).await.is_some(), "the process must leave");
}

/// A connection that waits in a dead listener's queue takes its request along; one that is refused has sent nothing.
#[tokio::test]
async fn who_connects_during_a_drain_is_refused_and_not_left_waiting() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let tail = [Step::Sleep(Duration::from_secs(4)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::always(Script::stream(&[&event], &tail)).await;
    let mut sidecar = Sidecar::before(engine.url()).args(["--drain-grace", "10"]).start().await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("drain"))).await.unwrap();
    let head = client.head().await.unwrap();
    sidecar.terminate();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let late = tokio::net::TcpStream::connect(sidecar.address()).await;
    assert_eq!(late.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    let got = client.body(head, Message::Answer { to_head: false }).await.unwrap();
    assert_eq!(got.ending, Ending::Clean, "the answer under way is not touched");
    assert_eq!(sidecar.exit_code(Duration::from_secs(9)).await, Some(0));
    assert!(
        !sidecar.said().contains("Error accepting"),
        "a door that shuts is no failure: {}",
        sidecar.said()
    );
}
