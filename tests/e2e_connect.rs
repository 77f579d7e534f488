//! `jurat connect` before a genuine service: bytes pass unchanged, streams flow at once, every answer has its verdict.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jurat_tests::{
    Connect, Ending, FakeEngine, Middle, Passing, Script, Sidecar, Step, answers, random_nonce, request,
};

const CHAT: &str = "/v1/chat/completions";

fn last() -> Step {
    Step::Send(answers::LAST_CHUNK.to_vec())
}

/// A call of a tool whose arguments are as large as a program.
fn large() -> Vec<u8> {
    answers::chat_body("chatcmpl-1", &"x = 1; ".repeat(400_000))
}

async fn engine() -> FakeEngine {
    let event = answers::chat_event("chatcmpl-1", "one");
    let half = &event[..event.len() / 2];
    let pause = Step::Sleep(Duration::from_millis(1500));
    let created: &[u8] =
        b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}}\n\n";
    let completed: &[u8] =
        b"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n";
    let chunked_json = [
        answers::head(200, &["content-type: application/json", "transfer-encoding: chunked"]),
        answers::chunked(&large(), 60_000),
    ];
    FakeEngine::by_name([
        ("plain", Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))),
        ("large", Script::say(chunked_json.concat())),
        ("bad", Script::say(answers::json(400, b"{\"error\":{\"message\":\"no such model\"}}"))),
        ("none", Script::say(answers::head(204, &[]))),
        ("stream", Script::stream(&[&event, &event, answers::DONE], &[last()])),
        ("slow", Script::stream(&[&event], &[pause, Step::Send(answers::chunk(answers::DONE)), last()])),
        ("endless", Script::stream(&[&event], &[Step::WaitForClientGone])),
        ("dies", Script::stream(&[&event, half], &[Step::Sleep(Duration::from_millis(50)), Step::Reset])),
        ("fails", Script::stream(&[&event, &answers::error_event(), answers::DONE], &[last()])),
        ("short", Script::new([Step::Send(short()), Step::Close])),
        ("responses", Script::stream(&[created, completed], &[last()])),
        ("responses-die", Script::stream(&[created], &[Step::Sleep(Duration::from_millis(50)), Step::Close])),
    ])
    .await
}

fn short() -> Vec<u8> {
    let head = answers::head(200, &["content-type: application/json", "content-length: 100"]);
    [head, b"{\"id\":\"chatcmpl-1\"".to_vec()].concat()
}

async fn stage(args: &[&str]) -> (FakeEngine, Sidecar, Connect) {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let connect = Connect::to(&format!("http://{}", sidecar.address()), args).await;
    (engine, sidecar, connect)
}

/// The error object in the event that ends a refused stream, and what came before it.
fn refusal(body: &[u8]) -> (String, serde_json::Value) {
    let text = std::str::from_utf8(body).expect("UTF-8");
    let at = text.trim_end().rfind("data: ").expect("an event");
    let data: serde_json::Value = serde_json::from_str(text[at + 6..].trim_end()).expect("JSON");
    let before = text[..at].strip_suffix("event: error\n").unwrap_or(&text[..at]);
    (before.to_owned(), data["error"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_pass_unchanged_with_their_verdict() {
    let (engine, sidecar, connect) = stage(&[]).await;
    let body = answers::ask("ping");
    let plain = connect.post(CHAT, "plain", &body).await;
    assert_eq!((plain.status(), plain.header("x-jurat-verdict")), (200, Some("trusted")));
    assert_eq!(plain.body, answers::chat_body("chatcmpl-1", "pong"));
    let asked = engine.recorded_under(plain.receipt_id()).await;
    assert_eq!(asked.body, body);
    assert_eq!(asked.head.header("x-receipt-nonce").map(str::len), Some(64), "a challenge of its own");
    connect.says(&format!("{} trusted", plain.receipt_id())).await;
    let verdict = connect.verdict(plain.receipt_id()).await;
    assert_eq!(verdict["verdict"], "trusted");
    let checks = verdict["receipt"]["checks"].as_array().expect("a transcript");
    assert!(checks.iter().any(|check| check["id"] == "receipt.claims" && check["status"] == "pass"));

    let stream = connect.post(CHAT, "stream", &answers::ask_stream("ping")).await;
    assert_eq!((stream.status(), stream.header("x-jurat-verdict")), (200, Some("pending")));
    let event = answers::chat_event("chatcmpl-1", "one");
    assert_eq!(stream.body, [event.as_slice(), &event, answers::DONE].concat());
    assert_eq!(stream.ending, Ending::Clean);
    connect.says(&format!("{} trusted", stream.receipt_id())).await;

    let responses = connect.post("/v1/responses", "responses", b"{}").await;
    assert_eq!(responses.ending, Ending::Clean);
    connect.says(&format!("{} trusted", responses.receipt_id())).await;

    // What the engine itself refuses is sworn to as well.
    let bad = connect.post("/chat/completions", "bad", &body).await;
    assert_eq!((bad.status(), bad.header("x-jurat-verdict")), (400, Some("trusted")));
    let none = connect.post(CHAT, "none", &body).await;
    assert_eq!((none.status(), none.header("x-jurat-verdict"), none.body.len()), (204, Some("trusted"), 0));
    drop(sidecar);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_pass_both_ways() {
    let (engine, _sidecar, connect) = stage(&["--most-held", "100000"]).await;
    let body = answers::ask(&"y".repeat(5 << 20));
    let large_answer = large();
    let answer = connect.post(CHAT, "large", &body).await;
    assert_eq!((answer.status(), answer.ending), (200, Ending::Clean));
    assert_eq!(answer.header("x-jurat-verdict"), Some("pending"), "too large to be held");
    assert!(answer.body == large_answer, "{} bytes", answer.body.len());
    let asked = engine.recorded_under(answer.receipt_id()).await;
    assert_eq!((asked.length, asked.whole), (body.len() as u64, true));
    connect.says(&format!("{} trusted", answer.receipt_id())).await;

    let (_engine, _sidecar, connect) = stage(&[]).await;
    let answer = connect.post(CHAT, "large", &answers::ask("ping")).await;
    assert_eq!(answer.header("x-jurat-verdict"), Some("trusted"), "held");
    assert!(answer.body == large_answer);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_flows_at_once_and_its_client_may_leave() {
    let (engine, _sidecar, connect) = stage(&["--hold"]).await;
    let mut client = connect.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: slow"], &answers::ask_stream("x"))).await.unwrap();
    let began = std::time::Instant::now();
    let event = answers::chat_event("chatcmpl-1", "one");
    client.until(&event).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(1400), "{:?}: it waited for the end", began.elapsed());

    let mut client = connect.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: endless"], &answers::ask_stream("x"))).await.unwrap();
    let (head, _) = client.until(&event).await.unwrap();
    let id = head.header("x-receipt-id").unwrap().to_owned();
    assert_eq!(connect.verdict(&id).await["verdict"], "pending");
    drop(client);
    assert!(engine.gone(1, Duration::from_secs(20)).await, "the engine goes on for nobody");
    connect.says(&format!("{id} unfinished")).await;
    assert_eq!(connect.verdict(&id).await["verdict"], "unfinished");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_engine_cut_is_never_taken_for_whole() {
    for args in [&[][..], &["--hold"]] {
        let (_engine, _sidecar, connect) = stage(args).await;
        let event = String::from_utf8(answers::chat_event("chatcmpl-1", "one")).unwrap();
        for (script, end) in [("dies", "engine_truncated"), ("fails", "engine_failed")] {
            let answer = connect.post(CHAT, script, &answers::ask_stream("x")).await;
            let (before, error) = refusal(&answer.body);
            assert_eq!(error["code"], "receipt.end", "{script}");
            assert!(error["message"].as_str().unwrap().contains(end), "{error}");
            assert!(before.starts_with(&event) && !before.contains("[DONE]"), "{before}");
            if script == "dies" {
                assert_eq!(before, event, "no half of an event is left behind");
            }
            connect.says(&format!("{} refuted receipt.end: {end}", answer.receipt_id())).await;
        }
        let answer = connect.post("/v1/responses", "responses-die", b"{}").await;
        assert!(answer.body.windows(13).any(|at| at == b"event: error\n"));
        assert_eq!(refusal(&answer.body).1["code"], "receipt.end");

        let answer = connect.post(CHAT, "short", &answers::ask("x")).await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (502, "receipt.end"));
        assert_eq!(answer.header("x-jurat-verdict"), Some("refuted"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_not_sworn_is_marked_or_refused() {
    let (engine, sidecar, connect) = stage(&[]).await;
    let models = connect.ask("GET", "/v1/models", &["X-Script: plain"], b"").await;
    assert_eq!((models.status(), models.header("x-jurat-verdict")), (200, Some("unsworn")));
    let health = connect.ask("GET", "/health", &[], b"").await;
    assert_eq!((health.status(), health.header("x-jurat-verdict")), (200, Some("unsworn")));
    for (method, path) in
        [("GET", CHAT), ("POST", "/v1/load_lora_adapter"), ("GET", "/signature/..%2fmetrics")]
    {
        let answer = connect.ask(method, path, &[], b"").await;
        assert_eq!((answer.status(), answer.error_code().as_str()), (404, "route_unknown"), "{path}");
    }
    let unknown = connect.ask("GET", "/verdict/00112233445566778899aabbccddeeff", &[], b"").await;
    assert_eq!((unknown.status(), unknown.error_code().as_str()), (404, "verdict_unknown"));

    let nonce = random_nonce();
    let own = format!("X-Receipt-Nonce: {nonce}");
    let answer = connect.ask("POST", CHAT, &["X-Script: plain", &own], &answers::ask("x")).await;
    assert_eq!(answer.status(), 200);
    let asked = engine.recorded_under(answer.receipt_id()).await;
    assert_eq!(asked.head.all("x-receipt-nonce"), [nonce.as_str()], "the client's own challenge is kept");
    let answer = connect.ask("POST", CHAT, &["X-Receipt-Nonce: abc"], &answers::ask("x")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (400, "invalid_nonce"));

    drop(sidecar);
    let answer = connect.post(CHAT, "plain", &answers::ask("x")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "service_unreachable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_dies_leaves_no_stream_that_ended_well() {
    let (_engine, sidecar, connect) = stage(&[]).await;
    let mut client = connect.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: endless"], &answers::ask_stream("x"))).await.unwrap();
    let event = answers::chat_event("chatcmpl-1", "one");
    let head = client.head().await.unwrap();
    let (begun, found) = client.body_until(&head, &event).await;
    found.unwrap();
    drop(sidecar);
    let rest = String::from_utf8(client.drain_for(Duration::from_secs(6)).await).unwrap();
    assert!(rest.contains("data: {\"error\":{"), "{rest}");
    assert!(rest.contains("\"code\":\"receipt.unavailable\""), "{rest}");
    assert_eq!(begun, event);
    connect.says("undecided receipt.unavailable: ").await;
}

/// Turned away at the service's door: its status passes, and nobody's word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_at_the_door_keeps_its_status() {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).args(["--body-limit", "1000"]).start().await;
    let connect = Connect::to(&format!("http://{}", sidecar.address()), &[]).await;
    let refused = connect.post(CHAT, "plain", &answers::ask(&"y".repeat(2000))).await;
    assert_eq!((refused.status(), refused.header("x-jurat-verdict")), (413, Some("unsworn")));
    assert_eq!(refused.error_code(), "unsworn_error");
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("The request body is too large"), "{message}");
    assert!(engine.recorded().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_belong_to_their_askers_are_fetched_in_their_name() {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).args(["--receipt-scope", "owner"]).start().await;
    let connect = Connect::to(&format!("http://{}", sidecar.address()), &[]).await;
    let token = "Authorization: Bearer sk-secret-of-mine";
    let answer = connect.ask("POST", CHAT, &["X-Script: plain", token], &answers::ask("x")).await;
    assert_eq!((answer.status(), answer.header("x-jurat-verdict")), (200, Some("trusted")));
    assert!(!connect.said().contains("sk-secret"), "{}", connect.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_service_is_verified_anew() {
    let engine = engine().await;
    let first = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(first.address(), Passing::unchanged).await;
    let connect = Connect::to(middle.url(), &[]).await;
    assert_eq!(connect.post(CHAT, "plain", &answers::ask("x")).await.status(), 200);
    let second = Sidecar::before(engine.url()).start().await;
    let address = second.address();
    middle.route(move |target| (address, target.to_owned()));
    drop(first);
    for script in ["plain", "stream"] {
        let answer = connect.post(CHAT, script, &answers::ask("x")).await;
        assert_eq!(answer.status(), 200);
        connect.says(&format!("{} trusted", answer.receipt_id())).await;
    }
    let verified = connect.said().matches("verified: 0x").count();
    assert_eq!(verified, 2, "once for each signer\n{}", connect.said());
}

/// 64 MiB through a client that reads slowly at first: nothing piles up in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_does_not_grow_with_a_stream() {
    const PIECES: usize = 1024;
    let piece = answers::chunk(&answers::chat_event("chatcmpl-1", &"z".repeat(64 << 10)));
    let size = piece.len();
    let steps = [Step::Repeat(piece, PIECES), Step::Send(answers::chunk(answers::DONE)), last()];
    let engine = FakeEngine::always(Script::stream(&[], &steps)).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let connect = Connect::to(&format!("http://{}", sidecar.address()), &["--hold"]).await;
    let before = connect.memory_kib("VmRSS");
    let mut client = connect.connect().await;
    client.send(&request("POST", CHAT, &[], &answers::ask_stream("x"))).await.unwrap();
    let head = client.head().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut length = 0;
    let ending = client
        .stream_body(&head, jurat_tests::Message::Answer { to_head: false }, |bytes| length += bytes.len())
        .await
        .unwrap();
    assert_eq!(ending, Ending::Clean);
    assert!(length > PIECES * (size - 32), "{length} bytes");
    connect.says(" trusted").await;
    let grown = connect.memory_kib("VmHWM").saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more for a stream of {} KiB", length >> 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_each_with_its_own_verdict() {
    let (_engine, _sidecar, connect) = stage(&["--hold"]).await;
    let asking = (0..64).map(|n| {
        let (address, script) = (connect.address(), if n % 2 == 0 { "stream" } else { "plain" });
        tokio::spawn(async move {
            let mut client = jurat_tests::Client::connect(address).await.unwrap();
            let script = format!("X-Script: {script}");
            // The connection is kept: two exchanges each.
            for _ in 0..2 {
                client.send(&request("POST", CHAT, &[&script], &answers::ask(&n.to_string()))).await.unwrap();
                let answer = client.answer().await.unwrap();
                assert_eq!((answer.status(), answer.ending), (200, Ending::Clean));
            }
        })
    });
    for one in asking.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    let trusted = connect.said().lines().filter(|line| line.ends_with(" trusted")).count();
    assert_eq!(trusted, 128, "{}", connect.said());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_drains_before_it_goes() {
    let (_engine, _sidecar, mut connect) = stage(&[]).await;
    let mut client = connect.connect().await;
    client.send(&request("POST", CHAT, &["X-Script: slow"], &answers::ask_stream("x"))).await.unwrap();
    let head = client.head().await.unwrap();
    let address = connect.address();
    let reading = tokio::spawn(async move {
        client.body(head, jurat_tests::Message::Answer { to_head: false }).await.unwrap()
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let code = connect.terminated(Duration::from_secs(20)).await;
    let answer = reading.await.unwrap();
    assert!(answer.body.ends_with(answers::DONE), "{:?}", String::from_utf8_lossy(&answer.body));
    assert_eq!((code, answer.ending), (Some(0), Ending::Clean));
    assert!(jurat_tests::Client::connect(address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_not_start_before_a_service_that_it_does_not_trust() {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let service = format!("http://{}", sidecar.address());
    let (code, out, said) = Connect::refused(&service, &["--policy", "production"]).await;
    assert_eq!(code, Some(1), "{out}{said}");
    assert!(out.contains("fail tdx.quote") && out.contains("verdict: refuted"), "{out}");
    assert!(!said.contains("listening on"), "{said}");

    let (code, _, said) = Connect::refused(&format!("http://{}", FakeEngine::refusing().await), &[]).await;
    assert_eq!(code, Some(69), "{said}");
    let (code, _, said) = Connect::refused(&service, &["--nonce", &random_nonce()]).await;
    assert_eq!(code, Some(64), "{said}");
}

#[test]
fn only_this_machine_is_listened_to_unless_that_is_said() {
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(jurat_tests::binary::simulated());
        command.args(["connect", "http://127.0.0.1:1"]).args(args).env("JURAT_POLICY", "simulated");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = run(&["--listen", "0.0.0.0:0"]);
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("--listen-beyond-this-machine"), "{said}");
    let (code, said) = run(&["--listen", "0.0.0.0:0", "--listen-beyond-this-machine"]);
    assert_eq!(code, Some(69), "the service is asked then, and is not there: {said}");
}
