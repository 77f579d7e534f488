//! `GET /signature/{id}`: there at once, under the right names, and nobody else's to change.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use jurat_proto::{Digest, End, sha256};
use jurat_tests::{Expected, FakeEngine, Oath, Script, Sidecar, Step, answers, random_nonce, request};

const CHAT: &str = "/v1/chat/completions";
const ENDPOINT: &str = "POST /v1/chat/completions";

/// An engine that answers with the id that the request's `X-Id` names.
async fn naming_engine() -> FakeEngine {
    FakeEngine::start(|head| {
        Script::say(answers::json(
            200,
            &answers::chat_body(head.header("x-id").unwrap_or("chatcmpl-0"), "pong"),
        ))
    })
    .await
}

async fn ask_for(sidecar: &Sidecar, id: &str) -> (String, Vec<u8>) {
    let got = sidecar.ask("POST", CHAT, &[&format!("X-Id: {id}")], b"{}").await;
    assert_eq!(got.status(), 200);
    (got.receipt_id().to_owned(), got.body)
}

/// The official SDKs close the connection when they see `[DONE]` and ask for the receipt in the same breath.
#[tokio::test]
async fn a_receipt_is_there_when_done_is_seen() {
    let body = answers::chat_stream("chatcmpl-1", &["a", "b"]);
    // The terminating chunk comes late, so that the exchange is not over in any other sense.
    let late = [Step::Sleep(Duration::from_millis(500)), Step::Send(answers::LAST_CHUNK.to_vec())];
    let engine = FakeEngine::always(Script::stream(&[&body], &late)).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    for turn in 0..50 {
        let asked = answers::ask_stream(&format!("turn {turn}"));
        let mut client = sidecar.connect().await;
        let mut second = sidecar.connect().await;
        client.send(&request("POST", CHAT, &[], &asked)).await.unwrap();
        let (head, seen) = client.until(b"[DONE]").await.unwrap();
        drop(client);
        let id = head.header("x-receipt-id").unwrap();
        second.send(&request("GET", &format!("/signature/{id}"), &[], b"")).await.unwrap();
        let got = second.answer().await.unwrap();
        assert_eq!(got.status(), 200, "turn {turn}: the receipt must be there when [DONE] is seen");
        let record = serde_json::from_slice(&got.body).unwrap();
        assert!(body.starts_with(&seen));
        let expected = Expected {
            end: End::Complete,
            status: 200,
            endpoint: ENDPOINT,
            request: &asked,
            response: Some(&body),
        };
        oath.require(&record, &expected);
    }
}

#[tokio::test]
async fn an_unknown_id_is_404_whatever_it_looks_like() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let long = "x".repeat(4000);
    let ids = [
        "0".repeat(32),
        random_nonce(),
        long,
        "chatcmpl-none".into(),
        "a%2Fb".into(),
        "%00".into(),
        "%FF".into(),
        "..%2f..".into(),
        "%F0%9F%A6%80".into(),
        "-".into(),
    ];
    for id in &ids {
        for path in
            [format!("/signature/{id}"), format!("/v1/signature/{id}?model=a/b:c&signing_algo=ecdsa&x=1")]
        {
            let got = sidecar.fetch(&path).await;
            assert_eq!(got.status(), 404, "GET {path}: clients retry on 404 alone");
            let body = got.json();
            let wanted = serde_json::json!({"error": {"message": "Chat id not found or expired", "type": "chat_id_not_found", "param": null, "code": "receipt_unknown"}});
            assert_eq!(body, wanted, "GET {path}");
            assert_eq!(
                got.head.all("access-control-allow-origin"),
                ["*"],
                "browsers must be able to read it"
            );
        }
    }
    let (id, _) = ask_for(&sidecar, "chatcmpl-1").await;
    for id in [ids[0].as_str(), id.as_str()] {
        for path in
            [format!("/signature/{id}?signing_algo=ed25519"), format!("/v1/signature/{id}?signing_algo=x")]
        {
            let got = sidecar.fetch(&path).await;
            assert_eq!(got.status(), 400, "GET {path}: signing_algo is judged before the id");
            assert_eq!(got.error_code(), "invalid_signing_algo");
            assert_eq!(
                got.json()["error"]["message"],
                "Invalid signing algorithm. Must be 'ed25519' or 'ecdsa'"
            );
        }
    }
}

#[tokio::test]
async fn a_receipt_is_found_under_its_names() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let (id, body) = ask_for(&sidecar, "chatcmpl-AbC").await;
    for name in [id.as_str(), "chatcmpl-AbC", "chatcmpl-abc", "chatcmpl-%41bC"] {
        for route in ["/signature", "/v1/signature"] {
            let got = sidecar.fetch(&format!("{route}/{name}?model=tiny-model&signing_algo=ecdsa")).await;
            assert_eq!(got.status(), 200, "{route}/{name}");
            assert_eq!(got.json()["receipt"]["id"], id.as_str());
            assert_eq!(got.json()["receipt"]["responseId"], "chatcmpl-AbC");
        }
    }
    let record = sidecar.fetch(&format!("/signature/{id}")).await.json();
    assert_eq!(record["text"], format!("{}:{}", sha256(b"{}"), sha256(&body)));
    for member in ["signature", "receipt_signature"] {
        let text = record[member].as_str().unwrap();
        assert!(text.starts_with("0x") && text.len() == 132, "{member} is 0x and 130 digits: {text}");
    }
    // Two that differ in case alone: then only the exact name will do.
    let (other, _) = ask_for(&sidecar, "chatcmpl-aBc").await;
    assert_eq!(sidecar.fetch("/signature/chatcmpl-aBc").await.json()["receipt"]["id"], other.as_str());
    assert_eq!(sidecar.fetch("/signature/chatcmpl-AbC").await.json()["receipt"]["id"], id.as_str());
    assert_eq!(
        sidecar.fetch("/signature/chatcmpl-abc").await.status(),
        404,
        "an ambiguous name finds nothing"
    );
}

/// An engine id that a client chose must neither replace nor hide another's receipt.
#[tokio::test]
async fn the_first_bearer_keeps_an_engine_id() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let (first, _) = ask_for(&sidecar, "chatcmpl-same").await;
    let (second, _) = ask_for(&sidecar, "chatcmpl-same").await;
    assert_ne!(first, second);
    assert_eq!(sidecar.fetch("/signature/chatcmpl-same").await.json()["receipt"]["id"], first.as_str());
    for id in [&first, &second] {
        assert_eq!(Oath::fetch(&sidecar, id).await.receipt.response_id, "chatcmpl-same");
    }
    // An engine id of the form of our own ids is never a name.
    let forged = "0123456789abcdef0123456789abcdef";
    let (third, _) = ask_for(&sidecar, forged).await;
    assert_eq!(sidecar.fetch(&format!("/signature/{forged}")).await.status(), 404);
    // Not even if it is another's receipt id.
    let (fourth, _) = ask_for(&sidecar, &first).await;
    assert_eq!(Oath::fetch(&sidecar, &first).await.receipt.response_id, "chatcmpl-same");
    for id in [third, fourth] {
        Oath::fetch(&sidecar, &id).await;
    }
}

#[tokio::test]
async fn nothing_that_a_client_says_changes_what_was_seen() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let (victim, _) = ask_for(&sidecar, "chatcmpl-victim").await;
    let before = sidecar.fetch(&format!("/signature/{victim}")).await.body;
    let body = br#"{"model":"m","request_id":"victim","messages":[]}"#;
    let hash = "ab".repeat(32);
    let headers = [
        "X-Id: chatcmpl-victim".to_owned(),
        format!("X-Request-Hash: {hash}"),
        format!("X-Request-Id: {victim}"),
        format!("X-Receipt-Id: {victim}"),
        format!("ZG-Res-Key: {victim}"),
    ];
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let got = sidecar.ask("POST", CHAT, &headers, body).await;
    assert_ne!(got.receipt_id(), victim, "a client cannot name a receipt");
    let expected = Expected {
        end: End::Complete,
        status: 200,
        endpoint: ENDPOINT,
        request: body,
        response: Some(&got.body),
    };
    let record = oath.holds(&sidecar, got.receipt_id(), &expected).await;
    assert!(
        !serde_json::to_string(&record).unwrap().contains(&hash),
        "a hash of the client's is in the record"
    );
    assert_eq!(engine.recorded_under(got.receipt_id()).await.body, body);
    for name in [victim.as_str(), "chatcmpl-victim"] {
        let after = sidecar.fetch(&format!("/signature/{name}")).await.body;
        assert_eq!(after, before, "the first receipt must stay as it was, under {name}");
    }
}

#[tokio::test]
async fn a_clients_nonce_is_sworn() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let nonce = random_nonce();
    let got = sidecar.ask("POST", CHAT, &[&format!("X-Receipt-Nonce: {nonce}")], b"{}").await;
    let record = Oath::fetch(&sidecar, got.receipt_id()).await;
    assert_eq!(record.receipt.client_nonce, nonce.parse().unwrap());
    let (id, _) = ask_for(&sidecar, "chatcmpl-1").await;
    assert_eq!(Oath::fetch(&sidecar, &id).await.receipt.client_nonce, Digest::ZERO, "none sent, none sworn");
}

/// Ids are found wherever the answer has them, and never inside content.
#[tokio::test]
async fn the_engines_id_is_read_from_its_own_place() {
    let cases: [(&str, &[u8], &str, &str); 7] = [
        ("/v1/chat/completions", br#"{"choices":[{"id":"inner"}],"model":"m","id":"late"}"#, "late", "m"),
        (
            "/v1/chat/completions",
            br#"{"x":"\"id\":\"spoof\"","id":"real","model":"a\u00e9\ud83e\udd80"}"#,
            "real",
            "aé🦀",
        ),
        ("/v1/chat/completions", br#"{"id":"first","id":"second"}"#, "first", ""),
        ("/v1/chat/completions", br#"{"id":17,"object":{"id":"no"}}"#, "", ""),
        ("/v1/chat/completions", b"{\"id\":\"bad\xff\"}", "", ""),
        ("/v1/chat/completions", br#"{"id":"a\nb"}"#, "", ""),
        ("/v1/embeddings", br#"{"id":"embd-1","object":"list","data":[],"model":"e"}"#, "embd-1", "e"),
    ];
    for (path, body, id, model) in cases {
        let said = answers::json(200, body);
        let engine = FakeEngine::always(Script::say(said)).await;
        let sidecar = Sidecar::before(engine.url()).start().await;
        let got = sidecar.post(path, b"{}").await;
        let receipt = Oath::fetch(&sidecar, got.receipt_id()).await.receipt;
        let body = String::from_utf8_lossy(body);
        assert_eq!((receipt.response_id.as_str(), receipt.model.as_str()), (id, model), "{path}: {body}");
    }
}

/// Nothing can be dropped, inserted or reordered unseen: every receipt names the one before.
#[tokio::test]
async fn receipts_form_one_chain() {
    let engine = naming_engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let clients = (0..40).map(|_| async { ask_for(&sidecar, "chatcmpl-chain").await.0 });
    let mut receipts = Vec::new();
    for id in join_all(clients).await {
        receipts.push(Oath::fetch(&sidecar, &id).await.receipt);
    }
    receipts.sort_by_key(|receipt| receipt.sequence);
    let mut previous = oath.chain;
    for (at, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.sequence, at as u64 + 1, "positions begin at 1 and have no gap");
        assert_eq!(receipt.chain, oath.chain);
        assert_eq!(receipt.previous, previous, "receipt {} must name the one before", receipt.sequence);
        previous = receipt.struct_hash();
    }
}

/// Strangers can make as many failing exchanges as they like: receipts of whole answers stay.
#[tokio::test]
async fn floods_of_failures_do_not_flush_the_archive() {
    let fails = Script::new([Step::Close]);
    let whole = Script::say(answers::json(200, &answers::chat_body("chatcmpl-whole", "pong")));
    let engine = FakeEngine::by_name([("fails", fails), ("whole", whole)]).await;
    let sidecar = Sidecar::before(engine.url()).args(["--memory-store-bytes", "300000"]).start().await;
    let mut ids = Vec::new();
    for turn in 0..600 {
        let script = if turn < 20 { "X-Script: whole" } else { "X-Script: fails" };
        let got = sidecar.ask("POST", CHAT, &[script], b"{}").await;
        ids.push((got.receipt_id().to_owned(), got.status()));
    }
    for (id, _) in ids.iter().filter(|(_, status)| *status == 200) {
        assert_eq!(Oath::fetch(&sidecar, id).await.receipt.end, End::Complete);
    }
    assert_eq!(
        sidecar.fetch(&format!("/signature/{}", ids[20].0)).await.status(),
        404,
        "600 do not fit into 300 kB"
    );
    Oath::fetch(&sidecar, &ids[599].0).await;
}

#[tokio::test]
async fn an_expired_receipt_is_not_found() {
    let engine = naming_engine().await;
    for scope in ["anyone", "owner"] {
        let sidecar = Sidecar::before(engine.url())
            .args(["--memory-store-age", "1", "--receipt-scope", scope])
            .start()
            .await;
        let (id, _) = ask_for(&sidecar, "chatcmpl-old").await;
        Oath::fetch(&sidecar, &id).await;
        let absent = sidecar.fetch("/signature/chatcmpl-nobody").await;
        // It is expired for a while, until it is taken away; then nobody has heard of it.
        let until = Instant::now() + Duration::from_millis(2500);
        while Instant::now() < until {
            for name in [id.as_str(), "chatcmpl-old"] {
                let got = sidecar.fetch(&format!("/signature/{name}")).await;
                if got.status() == 200 {
                    continue;
                }
                let code = got.error_code();
                assert!(["receipt_expired", "receipt_unknown"].contains(&code.as_str()), "{code}");
                // That there was one is its owner's alone to know, and whose it was nobody knows any more.
                assert!(
                    scope == "anyone" || got.body == absent.body,
                    "as if it had never been there: {code}"
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        for name in [id.as_str(), "chatcmpl-old"] {
            let got = sidecar.fetch(&format!("/signature/{name}")).await;
            assert_eq!(got.status(), 404, "{name} is older than the store keeps");
        }
    }
}

/// Polls all of them at once, on this task.
async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, done) in &mut futures {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(context)
            {
                *done = Some(value);
            }
        }
        match futures.iter().all(|(_, done)| done.is_some()) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    futures.into_iter().filter_map(|(_, done)| done).collect()
}
