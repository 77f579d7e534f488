//! Bytes pass unchanged both ways, headers by the rules of `docs/spec/wire.md` section 1.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeSet, time::Duration};

use jurat_proto::{End, sha256};
use jurat_tests::{Ending, Expected, FakeEngine, Oath, Scratch, Script, Sidecar, Step, answers, request};

const CHAT: &str = "/v1/chat/completions";

/// A body that a re-serialising proxy would alter: odd spaces, repeated keys, escapes, big numbers, no final newline.
const ODD: &[u8] = b" {\"model\" :\"m\",\"model\":\"m2\", \"x\":1e400,\"n\":123456789012345678901234567890, \"s\":\"\\u00e9\\/\\ud83d\\ude00\",\n\t\"messages\":[]}\n ";

#[tokio::test]
async fn both_bodies_pass_unchanged() {
    let answer =
        [b"{ \"id\":\"chatcmpl-1\", \"z\":1, \"a\":1.0e5,".as_slice(), b"\"bad\":\"\xff\xfe\xc3\" }\r\n "]
            .concat();
    let engine = FakeEngine::always(Script::say(answers::json(200, &answer))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let got = sidecar.post(CHAT, ODD).await;
    assert_eq!((got.status(), got.ending), (200, Ending::Clean));
    assert_eq!(got.body, answer, "the answer's bytes must be the engine's");
    let heard = engine.recorded_under(got.receipt_id()).await;
    assert_eq!(heard.body, ODD, "the request's bytes must be the client's");
    let endpoint = "POST /v1/chat/completions";
    let expected =
        Expected { end: End::Complete, status: 200, endpoint, request: ODD, response: Some(&answer) };
    let record = oath.holds(&sidecar, got.receipt_id(), &expected).await;
    assert_eq!(record.receipt.response_id, "chatcmpl-1");
}

#[tokio::test]
async fn a_chunked_upload_reaches_the_engine_whole() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let body = answers::ask("chunked, in small pieces");
    let mut client = sidecar.connect().await;
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
    );
    client.send(head.as_bytes()).await.unwrap();
    for piece in body.chunks(7) {
        client.send(&answers::chunk(piece)).await.unwrap();
    }
    client.send(answers::LAST_CHUNK).await.unwrap();
    let got = client.answer().await.unwrap();
    assert_eq!(got.status(), 200);
    let heard = engine.recorded_under(got.receipt_id()).await;
    assert!(heard.whole, "the upload must end");
    assert_eq!(heard.sha256, sha256(&body));
    assert_eq!(Oath::fetch(&sidecar, got.receipt_id()).await.receipt.request_hash, sha256(&body));
}

#[tokio::test]
async fn a_stream_passes_at_any_split() {
    let body = answers::chat_stream(
        "chatcmpl-1",
        &["Grüße", "日本語 🦀", "", "data: [DONE]", "\n\ndata: [DONE]\n\n"],
    );
    let whole = [answers::stream_head(), answers::chunked(&body, body.len())].concat();
    let by_byte: Vec<Step> = [answers::stream_head()]
        .into_iter()
        .chain(body.chunks(1).map(answers::chunk))
        .chain([answers::LAST_CHUNK.to_vec()])
        .map(Step::Send)
        .collect();
    let torn = whole.chunks(11).map(|piece| Step::Send(piece.to_vec()));
    let scripts = [
        ("whole", Script::say(whole.clone())),
        ("by-byte", Script::new(by_byte)),
        ("torn", Script::new(torn.flat_map(|send| [send, Step::Sleep(Duration::from_millis(1))]))),
    ];
    let names: Vec<_> = scripts.iter().map(|(name, _)| *name).collect();
    let engine = FakeEngine::by_name(scripts).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let asked = answers::ask_stream("split");
    for name in names {
        let got = sidecar.ask("POST", CHAT, &[&format!("X-Script: {name}")], &asked).await;
        assert_eq!(got.ending, Ending::Clean, "{name}");
        assert_eq!(got.body, body, "{name}: a stream's bytes must be the engine's");
        let endpoint = "POST /v1/chat/completions";
        let expected =
            Expected { end: End::Complete, status: 200, endpoint, request: &asked, response: Some(&body) };
        oath.holds(&sidecar, got.receipt_id(), &expected).await;
    }
}

/// The first event must not wait for the second: no buffering, no delayed acknowledgement.
#[tokio::test]
async fn events_are_not_held_back() {
    let event = answers::chat_event("chatcmpl-1", "first");
    let rest = [Step::Sleep(Duration::from_secs(3)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::always(Script::stream(&[&event], &rest)).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let mut client = sidecar.connect().await;
    let began = std::time::Instant::now();
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("slow"))).await.unwrap();
    client.until(b"first").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2), "the first event took {:?}", began.elapsed());
}

#[tokio::test]
async fn request_headers_follow_the_rules() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let headers = [
        "Authorization: Bearer sk-client",
        "X-Custom: one",
        "X-Custom: two",
        "Content-Type: application/json; charset=utf-8",
        "Cookie: a=b",
        "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "Tracestate: vendor=t61rcWkgMzE",
        "X-Request-Id: chosen-by-the-client",
        "X-Request-Hash: 0000",
        "Accept-Encoding: gzip, br",
        "Connection: keep-alive, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Proxy-Connection: keep-alive",
    ];
    let got = sidecar.ask("POST", CHAT, &headers, b"{}").await;
    let head = engine.recorded_under(got.receipt_id()).await.head;
    assert_eq!(head.all("authorization"), ["Bearer sk-client"]);
    assert_eq!(head.all("x-custom"), ["one", "two"], "repeated headers pass, in order");
    assert_eq!(head.all("content-type"), ["application/json; charset=utf-8"]);
    assert_eq!(head.all("cookie"), ["a=b"]);
    let trace = ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"];
    assert_eq!(head.all("traceparent"), trace, "the engine's spans join the client's trace");
    assert_eq!(head.all("tracestate"), ["vendor=t61rcWkgMzE"]);
    assert_eq!(
        head.all("x-request-id"),
        [got.receipt_id()],
        "the engine is asked under the receipt id alone"
    );
    assert_eq!(head.all("accept-encoding"), ["identity"]);
    assert_eq!(head.all("content-length"), ["2"]);
    for gone in ["x-request-hash", "x-hop", "keep-alive", "te", "proxy-connection"] {
        assert_eq!(head.header(gone), None, "{gone} must not reach the engine");
    }
}

#[tokio::test]
async fn response_headers_follow_the_rules() {
    let script = Script::say(
        [
            answers::head(
                200,
                &[
                    "date: Sun, 22 Nov 2026 15:05:15 GMT",
                    "server: uvicorn",
                    "content-type: application/json",
                    "content-encoding: gzip",
                    "set-cookie: a=1",
                    "set-cookie: b=2",
                    "x-odd: \u{e9}",
                    "x-receipt-id: 00000000000000000000000000000000",
                    "zg-res-key: forged",
                    "access-control-allow-origin: https://elsewhere.test",
                    "access-control-allow-credentials: true",
                    "connection: keep-alive, x-hop",
                    "x-hop: 1",
                    "keep-alive: timeout=5",
                    "content-length: 4",
                ],
            ),
            b"\x1f\x8b\x08\x00".to_vec(),
        ]
        .concat(),
    );
    let engine = FakeEngine::always(script).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let got = sidecar.post(CHAT, b"{}").await;
    assert_eq!(got.body, b"\x1f\x8b\x08\x00", "jurat neither compresses nor decompresses");
    assert_eq!(got.head.all("date"), ["Sun, 22 Nov 2026 15:05:15 GMT"]);
    assert_eq!(got.head.all("server"), ["uvicorn"]);
    assert_eq!(got.head.all("content-encoding"), ["gzip"]);
    assert_eq!(got.head.all("set-cookie"), ["a=1", "b=2"], "repeated headers pass, in order");
    assert_eq!(got.head.all("content-length"), ["4"]);
    for gone in ["x-hop", "keep-alive", "access-control-allow-credentials"] {
        assert_eq!(got.header(gone), None, "{gone} must not reach the client");
    }
    assert_eq!(got.head.all("access-control-allow-origin"), ["*"], "CORS headers are jurat's");
    let exposed = got.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    assert!(exposed.contains("zg-res-key") && exposed.contains("x-receipt-id"), "exposed: {exposed:?}");
    let id = got.receipt_id();
    assert!(id.len() == 32 && id.bytes().all(|byte| b"0123456789abcdef".contains(&byte)), "{id:?}");
    assert_ne!(id, "0".repeat(32), "an engine cannot name a receipt");
    assert_eq!(got.head.all("x-receipt-id").len(), 1);
    assert_eq!(got.head.all("zg-res-key"), [id], "ZG-Res-Key names the same receipt");
}

#[tokio::test]
async fn routes_exist_bare_and_under_v1() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{\"id\":\"x\"}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let sworn = [
        ("chat/completions", "/v1/chat/completions"),
        ("completions", "/v1/completions"),
        ("responses", "/v1/responses"),
        ("messages", "/v1/messages"),
        ("embeddings", "/v1/embeddings"),
        ("images/generations", "/v1/images/generations"),
        ("audio/transcriptions", "/v1/audio/transcriptions"),
        ("audio/speech", "/v1/audio/speech"),
        ("pooling", "/pooling"),
        ("classify", "/classify"),
        ("score", "/score"),
        ("rerank", "/rerank"),
    ];
    let mut ids = BTreeSet::new();
    for (route, at_engine) in sworn {
        for target in [format!("/{route}"), format!("/v1/{route}"), format!("/v1/{route}?api-version=1")] {
            let got = sidecar.post(&target, b"{}").await;
            assert_eq!(got.status(), 200, "POST {target}: {}", String::from_utf8_lossy(&got.body));
            let heard = engine.recorded_under(got.receipt_id()).await;
            let (method, seen) = heard.head.method_and_target();
            let path = seen.split('?').next().unwrap_or_default();
            // Where the engine has a route twice, either will do, so long as the receipt names the one used.
            let twin = format!("/v1{at_engine}");
            assert!(
                method == "POST" && (path == at_engine || path == twin),
                "POST {target} became {method} {seen}"
            );
            let record = Oath::fetch(&sidecar, got.receipt_id()).await;
            assert_eq!(record.receipt.endpoint, format!("POST {path}"));
            assert!(ids.insert(got.receipt_id().to_owned()), "receipt ids are unique");
        }
    }
    for (method, target, at_engine) in [
        ("GET", "/v1/models", "/v1/models"),
        ("GET", "/models", "/v1/models"),
        ("POST", "/tokenize", "/tokenize"),
        ("POST", "/v1/detokenize", "/detokenize"),
        ("GET", "/v1/responses/resp_1", "/v1/responses/resp_1"),
    ] {
        let got = sidecar.ask(method, target, &[], b"").await;
        assert_eq!(got.status(), 200, "{method} {target}");
        assert_eq!(got.header("x-receipt-id"), None, "{method} {target} is not sworn");
        let heard = engine.recorded();
        assert_eq!(heard.last().unwrap().head.method_and_target(), (method, at_engine));
    }
}

#[tokio::test]
async fn an_engine_behind_a_unix_socket_serves_too() {
    let folder = Scratch::new();
    let path = folder.path().join("engine.sock");
    let body = answers::chat_body("chatcmpl-1", "pong");
    let said = answers::json(200, &body);
    let engine = FakeEngine::start_unix(&path, move |_| Script::say(said.clone()));
    let sidecar = Sidecar::before(engine.url()).start().await;
    let got = sidecar.post(CHAT, b"{}").await;
    assert_eq!((got.status(), &got.body), (200, &body));
    engine.recorded_under(got.receipt_id()).await;
}

/// jurat answers the expectation itself, and what the engine says in between stays between them.
#[tokio::test]
async fn interim_answers_are_jurats_own() {
    let interim = [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".to_vec(),
        answers::json(200, b"{}"),
    ];
    let engine = FakeEngine::always(Script::say(interim.concat())).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    assert_eq!(sidecar.post(CHAT, b"{}").await.status(), 200, "1xx of the engine are not relayed");
    let mut client = sidecar.connect().await;
    let head =
        format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client.send(head.as_bytes()).await.unwrap();
    assert_eq!(client.head().await.unwrap().status(), 100, "Expect: 100-continue is answered by jurat");
    client.send(b"{}").await.unwrap();
    let got = client.answer().await.unwrap();
    assert_eq!((got.status(), got.body.as_slice()), (200, &b"{}"[..]));
    assert_eq!(engine.recorded_under(got.receipt_id()).await.body, b"{}");
}
