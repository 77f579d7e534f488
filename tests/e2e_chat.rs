//! `jurat chat`: words come out only with their verdict.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Stdio;

use jurat_tests::{FakeEngine, Middle, Passing, Script, Sidecar, Step, answers, binary};
use tokio::process::Command;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn chat(service: &str, args: &[&str]) -> Said {
    let mut command = Command::new(binary::simulated());
    command.args(["chat", service, "--model", "tiny-model"]).args(args);
    command.env("JURAT_POLICY", "simulated").stdin(Stdio::null());
    let output = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Streams are asked for by the body, which this engine does not read: the bearer of this token gets one.
async fn stage() -> (FakeEngine, Sidecar) {
    let engine = FakeEngine::start(|head| match head.header("authorization") {
        Some("Bearer stream") => {
            let stream = answers::chat_stream("chatcmpl-1", &["Grüß ", "Gott"]);
            Script::new([Step::Send([answers::stream_head(), answers::chunked(&stream, 7)].concat())])
        }
        Some("Bearer bad") => Script::say(answers::json(400, b"{\"error\":{\"message\":\"no such model\"}}")),
        _ => Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong"))),
    })
    .await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    (engine, sidecar)
}

fn token(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("jurat-chat-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_comes_with_its_verdict() {
    let (engine, sidecar) = stage().await;
    let service = format!("http://{}", sidecar.address());
    let plain = chat(&service, &["ping", "--system", "be brief"]).await;
    assert_eq!((plain.code, plain.out.as_str()), (Some(0), "pong\n"), "{}", plain.err);
    assert!(
        plain.err.contains("jurat: trusted under the policy simulated, tee simulated, signer 0x"),
        "{}",
        plain.err
    );
    assert!(plain.err.contains("jurat: limit: simulated hardware"), "{}", plain.err);
    let asked: serde_json::Value = serde_json::from_slice(&engine.recorded().last().unwrap().body).unwrap();
    let system = serde_json::json!({ "role": "system", "content": "be brief" });
    assert_eq!((&asked["messages"][0], &asked["stream"]), (&system, &false.into()));

    let file = token("stream", "stream\n");
    let streamed = chat(&service, &["ping", "--stream", "--token-file", &file]).await;
    assert_eq!((streamed.code, streamed.out.as_str()), (Some(0), "Grüß Gott\n"), "{}", streamed.err);
    assert!(streamed.err.contains("trusted under"), "{}", streamed.err);

    let json = chat(&format!("{service}/v1"), &["ping", "--json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["verdict"], &json["completion"]), (&"trusted".into(), &"pong".into()));
    assert!(json["receipt"]["checks"].is_array() && json["report"]["checks"].is_array());

    let bad = chat(&service, &["ping", "--token-file", &token("bad", "bad")]).await;
    assert_eq!((bad.code, bad.out.as_str()), (Some(69), ""), "{}", bad.err);
    assert!(bad.err.contains("the service swears that it answered 400: no such model"), "{}", bad.err);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_completion_is_withheld() {
    let (_engine, sidecar) = stage().await;
    let middle = Middle::before(sidecar.address(), |passing: &Passing| {
        let mut body = passing.answer.body.clone();
        if passing.is_for_an_answer() {
            let at = body.windows(9).position(|at| at == b"\"content\"").unwrap() + 11;
            body[at] ^= 1;
        }
        passing.with(&body)
    })
    .await;
    // What nobody swears to gives a terminal no orders either.
    let hostile = Middle::before(sidecar.address(), |passing: &Passing| match passing.is_for_an_answer() {
        true => answers::json(401, br#"{"choices":[{"message":{"content":"\u001b[2Jtrusted"}}]}"#),
        false => passing.unchanged(),
    })
    .await;
    let said = chat(hostile.url(), &["ping"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(69), ""), "{}", said.err);
    assert!(said.err.contains("[2Jtrusted") && !said.err.contains('\u{1b}'), "{:?}", said.err);

    let plain = chat(middle.url(), &["ping"]).await;
    assert_eq!((plain.code, plain.out.as_str()), (Some(1), ""), "{}", plain.err);
    assert!(plain.err.contains("the completion is withheld: refuted receipt.response: "), "{}", plain.err);

    let json = chat(middle.url(), &["ping", "--json"]).await;
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&json["verdict"], &json["code"]), (&"refuted".into(), &"receipt.response".into()));
    assert!(json["completion"].is_null());

    let file = token("refused", "stream");
    let streamed = chat(middle.url(), &["ping", "--stream", "--token-file", &file]).await;
    assert_eq!(streamed.code, Some(1), "{}", streamed.err);
    assert!(streamed.out.ends_with("Gott\n"), "words flow before the verdict: {:?}", streamed.out);
    assert!(
        streamed.err.contains("do NOT rely on the words above: refuted receipt.response: "),
        "{}",
        streamed.err
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_of_a_service_that_is_not_trusted() {
    let (engine, sidecar) = stage().await;
    let service = format!("http://{}", sidecar.address());
    let said = chat(&service, &["a secret", "--policy", "production"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    assert!(said.err.contains("fail tdx.quote") && said.err.contains("nothing was asked"), "{}", said.err);
    assert!(engine.recorded().is_empty());
    let said = chat(&service, &["x", "--at", "1790000000"]).await;
    assert_eq!(said.code, Some(64), "{}", said.err);
    // A report that calls itself kept is of the past, and a chat is about now.
    let kept = Middle::before(sidecar.address(), |passing: &Passing| {
        let mut report: serde_json::Value = serde_json::from_slice(&passing.answer.body).unwrap();
        report["archived"] = true.into();
        passing.with(report.to_string().as_bytes())
    })
    .await;
    let said = chat(kept.url(), &["a secret"]).await;
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{}", said.err);
    assert!(
        said.err.contains("verdict: trusted_then") && said.err.contains("nothing was asked"),
        "{}",
        said.err
    );
    assert!(engine.recorded().is_empty());
    let said = chat("http://127.0.0.1:1", &["x"]).await;
    assert_eq!(said.code, Some(69), "{}", said.err);
}
