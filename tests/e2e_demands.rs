//! Knobs on what an engine is given: refused at the door, or rewritten and sworn to as rewritten.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_proto::{Digest, End, sha256};
use jurat_tests::{FakeEngine, Oath, Script, Sidecar, answers, request};
use serde_json::Value;

const CHAT: &str = "/v1/chat/completions";

async fn house(config: &str) -> (FakeEngine, Sidecar) {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).config(config).start().await;
    (engine, sidecar)
}

#[tokio::test]
async fn what_is_refused_never_reaches_the_engine() {
    let (engine, sidecar) =
        house("request_id = 'refuse'\nremote_media = 'refuse'\nbody_limit = 200000").await;
    let padding = "x".repeat(100_000);
    let late = format!("{{\"messages\":[\"{padding}\"],\"request_id\":\"mine\"}}");
    let cases: [(&str, &str, &str); 7] = [
        (CHAT, r#"{"request_id":"mine"}"#, "request_id_refused"),
        (CHAT, &late, "request_id_refused"),
        ("/v1/embeddings", r#"{"request_id":"mine"}"#, "request_id_refused"),
        (
            "/tokenize",
            r#"{"messages":[{"content":[{"image_url":{"url":"http://x"}}]}]}"#,
            "remote_media_refused",
        ),
        ("/v1/responses", r#"{"tools":[{"server_url":"http://127.0.0.1:1"}]}"#, "remote_media_refused"),
        (CHAT, "[1]", "body_unreadable"),
        (CHAT, "", "body_unreadable"),
    ];
    for (target, body, code) in cases {
        let answer = sidecar.post(target, body.as_bytes()).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (400, code), "{target}");
        assert_eq!(answer.header("x-receipt-id"), None, "{target}: at the door");
    }
    let coded = sidecar.ask("POST", CHAT, &["Content-Encoding: gzip"], b"\x1f\x8b\x08\x00").await;
    assert_eq!((coded.status(), coded.error_code().as_str()), (400, "body_unreadable"));
    // What calls itself a form is one where a route takes forms, and by every word on it.
    let form = "Content-Type: multipart/form-data; boundary=b";
    let json = "Content-Type: application/json";
    for (target, types) in [(CHAT, &[form][..]), (CHAT, &[form, json]), ("/v1/images/edits", &[form, json])] {
        let answer = sidecar.ask("POST", target, types, br#"{"request_id":"mine"}"#).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (400, "request_id_refused"), "{target}");
    }
    let large = sidecar.post(CHAT, &vec![b' '; 200_001]).await;
    assert_eq!((large.status(), large.error_code().as_str()), (413, "body_too_large"));
    assert!(engine.recorded().is_empty(), "the engine was asked");

    // What passes passes unchanged, in one piece or in many.
    let fine = format!("{{\"messages\":[\"{padding}\"], \"metadata\":{{\"request_id\":1}}}}").into_bytes();
    let got = sidecar.post(CHAT, &fine).await;
    let heard = engine.recorded_under(got.receipt_id()).await;
    assert_eq!((got.status(), heard.body == fine), (200, true));
    let mut client = sidecar.connect().await;
    let head = format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send(&[head.as_bytes(), &answers::chunked(&fine, 1000)].concat()).await.unwrap();
    let got = client.answer().await.unwrap();
    let heard = engine.recorded_under(got.receipt_id()).await;
    assert_eq!((got.status(), heard.body == fine), (200, true));
    let receipt = Oath::fetch(&sidecar, got.receipt_id()).await.receipt;
    assert_eq!((receipt.request_hash, receipt.forwarded_hash), (sha256(&fine), sha256(&fine)));

    // Forms are not looked into, and requests without a body have none.
    let form = ["Content-Type: multipart/form-data; boundary=b"];
    let got = sidecar.ask("POST", "/v1/audio/transcriptions", &form, b"--b--").await;
    assert_eq!(got.status(), 200);
    assert_eq!(sidecar.fetch("/v1/models").await.status(), 200);
}

#[tokio::test]
async fn each_owner_has_a_cache_salt_and_the_receipt_says_that_the_body_was_rewritten() {
    let (engine, sidecar) = house("cache_salt = 'owner'").await;
    let oath = Oath::of(&sidecar).await;
    let body = br#"{"model":"m","messages":[]}"#;
    let mut salts = Vec::new();
    for token in
        [&["Authorization: Bearer a"][..], &["Authorization: Bearer b"], &["Authorization: Bearer a"], &[]]
    {
        let got = sidecar.ask("POST", CHAT, token, body).await;
        let heard = engine.recorded_under(got.receipt_id()).await;
        assert_eq!(heard.head.header("content-length"), Some(heard.body.len().to_string().as_str()));
        let mut seen: Value = serde_json::from_slice(&heard.body).unwrap();
        let salt = seen.as_object_mut().unwrap().remove("cache_salt").expect("a salt");
        assert_eq!(seen, serde_json::from_slice::<Value>(body).unwrap(), "all else as it was sent");
        salts.push(salt.as_str().unwrap().to_owned());
        let record = Oath::fetch(&sidecar, got.receipt_id()).await;
        let receipt = &record.receipt;
        assert_eq!((receipt.request_hash, receipt.forwarded_hash), (sha256(body), sha256(&heard.body)));
        assert_ne!(receipt.forwarded_hash, receipt.request_hash);
        assert_eq!((receipt.end, record.signing_address), (End::Complete, oath.address));
    }
    assert_eq!(salts[0], salts[2]);
    assert!(salts[0] != salts[1] && salts[0] != salts[3] && salts[1] != salts[3], "{salts:?}");

    // Not where the engine knows no salt, and not where nothing is sworn.
    for (target, body) in [("/v1/embeddings", &b"{\"input\":\"x\"}"[..]), ("/v1/messages", b"{}")] {
        let got = sidecar.post(target, body).await;
        let heard = engine.recorded_under(got.receipt_id()).await;
        assert_eq!(heard.body, body, "{target}");
        let receipt = Oath::fetch(&sidecar, got.receipt_id()).await.receipt;
        assert_eq!(receipt.forwarded_hash, receipt.request_hash, "{target}");
    }
    let chunked = format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut client = sidecar.connect().await;
    client.send(&[chunked.as_bytes(), &answers::chunked(body, 3)].concat()).await.unwrap();
    let got = client.answer().await.unwrap();
    assert_eq!(engine.recorded_under(got.receipt_id()).await.body.len(), body.len() + 80);
}

/// What an engine is given belongs to the measured configuration.
#[tokio::test]
async fn the_knobs_are_the_files_alone() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url())
        .variables([("JURAT_REQUEST_ID", "refuse"), ("JURAT_CACHE_SALT", "owner")])
        .start()
        .await;
    let body = br#"{"request_id":"mine"}"#;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], body)).await.unwrap();
    let got = client.answer().await.unwrap();
    assert_eq!(got.status(), 200);
    let receipt = Oath::fetch(&sidecar, got.receipt_id()).await.receipt;
    assert_ne!(receipt.forwarded_hash, Digest::ZERO);
    assert_eq!(receipt.forwarded_hash, sha256(body));
}
