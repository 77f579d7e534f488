//! The harness against itself: what the client sees must be what the engine was told to say.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Claims, End, sha256};
use jurat_tests::{
    Answer, Body, Client, Ending, Expected, FakeEngine, Framing, Head, Message, Oath, Script, Step, answers,
    canary::{self, CANARY, TOKEN},
    captures, request, skip, workspace,
};
use serde_json::Value;

fn address(engine: &FakeEngine) -> SocketAddr {
    engine.url().strip_prefix("http://").unwrap().parse().unwrap()
}

async fn ask(engine: &FakeEngine, body: &[u8]) -> Answer {
    let mut client = Client::connect(address(engine)).await.unwrap();
    client.send(&request("POST", "/v1/chat/completions", &[], body)).await.unwrap();
    client.answer().await.unwrap()
}

#[test]
fn the_mark_is_found_however_it_is_spelled() {
    let base64 = STANDARD.encode(CANARY);
    let bytes = format!("{:?}", CANARY.as_bytes());
    for text in [TOKEN, &CANARY.to_lowercase(), &hex::encode(CANARY), &base64, &bytes] {
        assert!(canary::find(format!("so {text}.").as_bytes()).is_some(), "{text}");
    }
    assert_eq!(canary::find(b"a canary and no more"), None);
}

#[test]
fn any_split_of_a_chunked_body_decodes_to_the_same_bytes() {
    let body = answers::chat_stream("chatcmpl-1", &["Grüße", "", "日本"]);
    for size in [1, 2, 3, 7, body.len()] {
        let wire = answers::chunked(&body, size);
        for step in [1, 5, wire.len()] {
            let mut decoder = Body::new(Framing::Chunked);
            let mut out = Vec::new();
            for piece in wire.chunks(step) {
                assert!(!decoder.is_done(), "it is done before its last byte");
                let taken = decoder.feed(piece, |part| out.extend_from_slice(part)).unwrap();
                assert_eq!(taken, piece.len());
            }
            assert!(decoder.is_done(), "chunks of {size}, reads of {step}");
            assert_eq!(out, body);
        }
    }
}

#[test]
fn bytes_behind_a_body_are_left_alone() {
    let mut decoder = Body::new(Framing::Chunked);
    assert_eq!(decoder.feed(b"1\r\na\r\n0\r\n\r\nHTTP/1.1", |_| {}).unwrap(), 11);
    let mut decoder = Body::new(Framing::Length(2));
    assert_eq!(decoder.feed(b"abc", |_| {}).unwrap(), 2);
    for bad in [&b"x\r\n"[..], b"1\r\nab", b"-1\r\n", b"\r\n"] {
        assert!(Body::new(Framing::Chunked).feed(bad, |_| {}).is_err(), "{bad:?} is no chunk");
    }
}

#[test]
fn heads_say_how_their_bodies_end() {
    let framing = |text: &str, of| Head::parse(text.as_bytes()).unwrap().framing(of).unwrap();
    let answer = Message::Answer { to_head: false };
    assert_eq!(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", answer), Framing::Chunked);
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", answer), Framing::Length(7));
    assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n", answer), Framing::UntilClose);
    assert_eq!(framing("HTTP/1.1 204 No Content\r\n\r\n", answer), Framing::Length(0));
    let to_head = Message::Answer { to_head: true };
    assert_eq!(framing("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", to_head), Framing::Length(0));
    assert_eq!(framing("GET / HTTP/1.1\r\n\r\n", Message::Request), Framing::Length(0));
}

#[tokio::test]
async fn the_engine_says_what_it_is_told_and_keeps_what_it_heard() {
    let body = answers::chat_body("chatcmpl-1", "pong");
    let engine = FakeEngine::always(Script::say(answers::json(200, &body))).await;
    let mut client = Client::connect(address(&engine)).await.unwrap();
    for turn in ["one", "two"] {
        let asked = answers::ask(turn);
        client.send(&request("POST", "/v1/chat/completions", &["X-Request-Id: 7"], &asked)).await.unwrap();
        let answer = client.answer().await.unwrap();
        assert_eq!((answer.status(), answer.ending, &answer.body), (200, Ending::Clean, &body));
        let heard = engine.recorded();
        let heard = heard.last().unwrap();
        assert_eq!((&heard.body, heard.whole, heard.sha256), (&asked, true, sha256(&asked)));
        assert_eq!(heard.head.header("x-request-id"), Some("7"));
    }
    assert_eq!(engine.connections(), 1, "a kept connection is used again");
}

#[tokio::test]
async fn cuts_and_resets_are_told_apart() {
    let cut = |last| Script::stream(&[b"data: x\n\n"], &[last]);
    let engine = FakeEngine::always(cut(Step::Close)).await;
    let answer = ask(&engine, b"{}").await;
    assert_eq!((answer.ending, answer.body.as_slice()), (Ending::Cut, &b"data: x\n\n"[..]));
    let script = Script::stream(&[b"data: x\n\n"], &[Step::Sleep(Duration::from_millis(100)), Step::Reset]);
    let engine = FakeEngine::always(script).await;
    assert_eq!(ask(&engine, b"{}").await.ending, Ending::Reset);
    let refused = FakeEngine::refusing().await;
    assert!(Client::connect(refused).await.is_err(), "nobody listens there");
}

#[tokio::test]
async fn the_engine_notices_that_its_client_left() {
    let script = Script::stream(&[b"data: first\n\n"], &[Step::WaitForClientGone]);
    let engine = FakeEngine::always(script).await;
    let mut client = Client::connect(address(&engine)).await.unwrap();
    client.send(&request("POST", "/", &[], b"{}")).await.unwrap();
    let (_, seen) = client.until(b"first").await.unwrap();
    assert_eq!(seen, b"data: first\n\n");
    assert!(!engine.gone(1, Duration::from_millis(100)).await, "it has not left yet");
    drop(client);
    assert!(engine.gone(1, Duration::from_secs(5)).await, "it has left");
}

#[tokio::test]
async fn an_early_answer_does_not_wait_for_the_upload() {
    let engine =
        FakeEngine::always(Script::early([Step::Send(answers::json(413, b"{}")), Step::Close])).await;
    let mut client = Client::connect(address(&engine)).await.unwrap();
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc").await.unwrap();
    assert_eq!(client.answer().await.unwrap().status(), 413);
}

/// A judge that refuses nothing would make every end-to-end test pass.
#[test]
fn the_oath_is_judged_member_by_member() {
    let path = workspace::root().join("attestation/vectors/accept/receipt-json.json");
    let vector: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = |name: &str| vector[name].as_str().unwrap();
    let claims: Claims = serde_json::from_str(text("claims")).unwrap();
    let oath = Oath {
        address: text("signing_address").parse().unwrap(),
        claims_hash: sha256(text("claims").as_bytes()),
        chain: claims.chain,
    };
    let (request, response) = (text("request").as_bytes(), text("response").as_bytes());
    let endpoint = vector["record"]["receipt"]["endpoint"].as_str().unwrap();
    let expected = Expected { end: End::Complete, status: 200, endpoint, request, response: Some(response) };
    let judge = |record: &Value, expected: &Expected<'_>| {
        serde_json::from_value(record.clone())
            .map_err(|error| error.to_string())
            .and_then(|record| oath.judge(&record, expected))
    };
    assert_eq!(judge(&vector["record"], &expected), Ok(()));
    for other in [
        Expected { end: End::ClientLeft, ..expected.clone() },
        Expected { status: 201, ..expected.clone() },
        Expected { endpoint: "POST /v1/completions", ..expected.clone() },
        Expected { request: b"another", ..expected.clone() },
        Expected { response: Some(b"another"), ..expected.clone() },
    ] {
        assert!(judge(&vector["record"], &other).is_err(), "{other:?} is not what was sworn");
    }
    let altered = |value: &Value| match value {
        Value::Number(number) => Value::from(number.as_u64().unwrap() + 1),
        // One digit or letter becomes another of the same kind.
        Value::String(text) => Value::from(match text.chars().last() {
            Some('0') => format!("{}1", &text[..text.len() - 1]),
            Some(_) => format!("{}0", &text[..text.len() - text.chars().last().map_or(0, char::len_utf8)]),
            None => "0".to_owned(),
        }),
        other => panic!("a member of a record: {other}"),
    };
    for member in vector["record"].as_object().unwrap().keys().filter(|name| *name != "receipt") {
        let mut record = vector["record"].clone();
        record[member] = altered(&record[member]);
        assert!(judge(&record, &expected).is_err(), "{member} was altered");
    }
    for member in vector["record"]["receipt"].as_object().unwrap().keys() {
        let mut record = vector["record"].clone();
        record["receipt"][member] = altered(&record["receipt"][member]);
        assert!(judge(&record, &expected).is_err(), "receipt.{member} was altered");
    }
    let mut without = vector["record"].clone();
    without.as_object_mut().unwrap().remove("text");
    assert!(judge(&without, &expected).is_err(), "a complete answer has its text");
}

#[test]
fn captures_decode_to_what_their_recorder_decoded() {
    let into = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("captures-self");
    std::fs::create_dir_all(&into).unwrap();
    let Some(captures) = captures::load(&into) else { skip!("../shared/engine/captures is absent") };
    let mut compared = 0;
    for capture in captures.iter().filter(|capture| capture.end.starts_with("complete")) {
        let Some((_, body, whole)) = capture.answered() else { continue };
        if capture.name.contains("pipelined") || capture.name.contains("http2") {
            continue;
        }
        let recorded = std::fs::read(into.join(format!("{}.body", capture.name))).unwrap();
        assert!(whole, "{} is whole", capture.name);
        assert_eq!(body, recorded, "{}", capture.name);
        compared += 1;
    }
    assert!(compared > 100, "only {compared} captures could be compared");
}
