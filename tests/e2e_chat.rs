//! `jurat chat`: words come out only with their verdict.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_tests::{Desk, FakeEngine, Middle, Passing, Ran, Script, Sidecar, Step, answers};

/// Under the policy `simulated`, unless the arguments name another.
fn chat(desk: &Desk, service: &str, args: &[&str]) -> Ran {
    let policy: &[&str] = if args.contains(&"--policy") { &[] } else { &["--policy", "simulated"] };
    desk.run(&[&["chat", service, "--model", "tiny-model"], args, policy].concat())
}

/// Streams are asked for by the body, which this engine does not read: the bearer of this token gets one.
async fn stage() -> (FakeEngine, Sidecar) {
    let engine = FakeEngine::start(|head| match head.header("authorization") {
        Some("Bearer stream") => {
            let stream = answers::chat_stream("chatcmpl-1", &["Grüß ", "Gott"]);
            Script::stream(&[], &[Step::Send(answers::chunked(&stream, 7))])
        }
        Some("Bearer bad") => Script::say(answers::json(400, b"{\"error\":{\"message\":\"no such model\"}}")),
        _ => Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong"))),
    })
    .await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    (engine, sidecar)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_completion_comes_with_its_verdict() {
    let (engine, sidecar) = stage().await;
    let desk = Desk::new();
    let service = format!("http://{}", sidecar.address());
    let plain = chat(&desk, &service, &["ping", "--system", "be brief"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(0), "pong\n"), "{}", plain.stderr);
    assert!(
        plain.stderr.contains("jurat: trusted under the policy simulated, tee simulated, signer 0x"),
        "{}",
        plain.stderr
    );
    assert!(plain.stderr.contains("jurat: limit: simulated hardware"), "{}", plain.stderr);
    let asked: serde_json::Value = serde_json::from_slice(&engine.recorded().last().unwrap().body).unwrap();
    let system = serde_json::json!({ "role": "system", "content": "be brief" });
    assert_eq!((&asked["messages"][0], &asked["stream"]), (&system, &false.into()));

    let file = desk.named("token", "stream\n");
    let streamed = chat(&desk, &service, &["ping", "--stream", "--token-file", &file]);
    assert_eq!((streamed.code, streamed.stdout.as_str()), (Some(0), "Grüß Gott\n"), "{}", streamed.stderr);
    assert!(streamed.stderr.contains("trusted under"), "{}", streamed.stderr);

    let json = chat(&desk, &format!("{service}/v1"), &["ping", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["verdict"], &json["completion"]), (&"trusted".into(), &"pong".into()));
    assert!(json["receipt"]["checks"].is_array() && json["report"]["checks"].is_array());

    let bad = chat(&desk, &service, &["ping", "--token-file", &desk.named("token", "bad")]);
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(69), ""), "{}", bad.stderr);
    assert!(bad.stderr.contains("the service swears that it answered 400: no such model"), "{}", bad.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_completion_is_withheld() {
    let (_engine, sidecar) = stage().await;
    let desk = Desk::new();
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
    let said = chat(&desk, hostile.url(), &["ping"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(69), ""), "{}", said.stderr);
    assert!(said.stderr.contains("[2Jtrusted") && !said.stderr.contains('\u{1b}'), "{:?}", said.stderr);

    let plain = chat(&desk, middle.url(), &["ping"]);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(1), ""), "{}", plain.stderr);
    assert!(
        plain.stderr.contains("the completion is withheld: refuted receipt.response: "),
        "{}",
        plain.stderr
    );

    let json = chat(&desk, middle.url(), &["ping", "--json"]);
    assert_eq!(json.code, Some(1));
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["verdict"], &json["code"]), (&"refuted".into(), &"receipt.response".into()));
    assert!(json["completion"].is_null());

    let file = desk.named("token", "stream");
    let streamed = chat(&desk, middle.url(), &["ping", "--stream", "--token-file", &file]);
    assert_eq!(streamed.code, Some(1), "{}", streamed.stderr);
    assert!(streamed.stdout.ends_with("Gott\n"), "words flow before the verdict: {:?}", streamed.stdout);
    assert!(
        streamed.stderr.contains("do NOT rely on the words above: refuted receipt.response: "),
        "{}",
        streamed.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_of_a_service_that_is_not_trusted() {
    let (engine, sidecar) = stage().await;
    let desk = Desk::new();
    let service = format!("http://{}", sidecar.address());
    let said = chat(&desk, &service, &["a secret", "--policy", "production"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    assert!(
        said.stderr.contains("fail tdx.quote") && said.stderr.contains("nothing was asked"),
        "{}",
        said.stderr
    );
    assert!(engine.recorded().is_empty());
    let said = chat(&desk, &service, &["x", "--at", "1790000000"]);
    assert_eq!(said.code, Some(64), "{}", said.stderr);
    // A report that calls itself kept is of the past, and a chat is about now.
    let kept = Middle::before(sidecar.address(), |passing: &Passing| {
        let mut report: serde_json::Value = serde_json::from_slice(&passing.answer.body).unwrap();
        report["archived"] = true.into();
        passing.with(report.to_string().as_bytes())
    })
    .await;
    let said = chat(&desk, kept.url(), &["a secret"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{}", said.stderr);
    assert!(
        said.stderr.contains("verdict: trusted_then") && said.stderr.contains("nothing was asked"),
        "{}",
        said.stderr
    );
    assert!(engine.recorded().is_empty());
    let said = chat(&desk, "http://127.0.0.1:1", &["x"]);
    assert_eq!(said.code, Some(69), "{}", said.stderr);
}
