//! What passes through must not be found in anything that is printed: every log line, metric, error body of ours, panic
//! message and core file is searched for marked prompts, answers and tokens.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    os::unix::{fs::MetadataExt, process::ExitStatusExt},
    time::Duration,
};

use jurat_tests::{
    FakeEngine, Scratch, Script, Sidecar, Step, answers, binary,
    canary::{CANARY, TOKEN, find},
    request,
};
use rustix::process::{Resource, Rlimit, Signal, geteuid, getrlimit, setrlimit};

const CHAT: &str = "/v1/chat/completions";
const NOBODY: u32 = 65_534;

/// An engine that repeats what it was asked in all that it can say.
async fn parrot() -> FakeEngine {
    let echo = format!("{{\"error\":{{\"message\":\"no such prompt: {CANARY}\"}}}}");
    FakeEngine::by_name([
        ("plain", Script::say(answers::json(200, &answers::chat_body(CANARY, CANARY)))),
        (
            "stream",
            Script::stream(&[], &[Step::Send(answers::chunked(&answers::chat_stream(CANARY, &[CANARY]), 7))]),
        ),
        ("error", Script::say(answers::json(500, echo.as_bytes()))),
        ("refused", Script::say(answers::json(400, echo.as_bytes()))),
        ("cut", Script::stream(&[&answers::chat_event(CANARY, CANARY)], &[Step::Reset])),
        ("garbage", Script::say(format!("{CANARY} nonsense {CANARY}\r\n\r\n"))),
        (
            "header",
            Script::say(format!(
                "HTTP/1.1 200 OK\r\n{CANARY}: {CANARY}\r\nContent-Length: x{CANARY}\r\n\r\n"
            )),
        ),
        ("interim", Script::say(format!("HTTP/1.1 101 {CANARY}\r\n\r\n"))),
        ("chunk", Script::stream(&[], &[Step::Send(format!("{CANARY}\r\n").into_bytes())])),
        ("closed", Script::new([Step::Close])),
    ])
    .await
}

/// Everything that a client, a stranger and an engine can do wrong, marked.
async fn provoke(sidecar: &Sidecar) -> Vec<(String, Vec<u8>)> {
    let (body, custom) = (answers::ask(CANARY), format!("X-Custom: {CANARY}"));
    let mut ours = Vec::new();
    for script in
        ["plain", "stream", "error", "refused", "cut", "garbage", "header", "interim", "chunk", "closed"]
    {
        let mut client = sidecar.connect().await;
        let which = format!("X-Script: {script}");
        let target = format!("{CHAT}?key={CANARY}");
        client.send(&request("POST", &target, &[TOKEN, &which, &custom], &body)).await.unwrap();
        let answer = client.answer().await;
        if ["garbage", "header", "interim", "closed"].contains(&script) {
            let answer = answer.expect("jurat answers for the engine");
            assert_eq!(answer.status(), 502, "{script}");
            ours.push((script.to_owned(), answer.body));
        }
    }
    let strange = [
        ("GET", format!("/{CANARY}")),
        ("POST", format!("/v1/{CANARY}?{CANARY}={CANARY}")),
        ("GET", format!("/signature/other-{CANARY}")),
        ("GET", format!("/attestation/report?nonce={CANARY}")),
        ("GET", format!("/attestation/report?binding={CANARY}")),
        ("GET", format!("/attestation/report?signing_address={CANARY}")),
        ("GET", format!("/attestation/report?claims_hash={CANARY}")),
    ];
    for (method, target) in &strange {
        let answer = sidecar.ask(method, target, &[TOKEN], &body).await;
        assert!(answer.status() >= 400, "{method} {target}");
        ours.push((target.clone(), answer.body));
    }
    // Broken in the middle: of the head, of the body, of a chunk.
    for bytes in [
        format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\n{CANARY}"),
        format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\nContent-Length: 99\r\n\r\n{CANARY}"),
        format!(
            "POST {CHAT} HTTP/1.1\r\nHost: x\r\n{TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n{CANARY}\r\n"
        ),
        format!("{CANARY} {CANARY}\r\n\r\n"),
    ] {
        let mut client = sidecar.connect().await;
        client.send(bytes.as_bytes()).await.unwrap();
        let _ = client.half_close().await;
        let _ = client.drain_for(Duration::from_millis(300)).await;
    }
    // Left in the middle of a stream.
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[TOKEN, "X-Script: stream"], &body)).await.unwrap();
    let _ = client.until(CANARY.as_bytes()).await;
    drop(client);
    let marked = [format!("/receipts?chain={CANARY}"), format!("/{CANARY}")];
    for target in ["/metrics", "/readyz", "/receipts/chains", &marked[0], &marked[1]] {
        ours.push((target.to_owned(), sidecar.fetch_admin(target).await.body));
    }
    ours
}

#[tokio::test]
async fn nothing_that_is_printed_shows_what_passed() {
    for level in ["info", "trace"] {
        let engine = parrot().await;
        let sidecar = Sidecar::before(engine.url())
            .args(["--idle-timeout", "2", "--first-byte-timeout", "2"])
            .variables([("JURAT_LOG", level), ("RUST_BACKTRACE", "full")])
            .start()
            .await;
        let mut ours = provoke(&sidecar).await;
        drop(engine);
        let gone = sidecar.ask("POST", CHAT, &[TOKEN], &answers::ask(CANARY)).await;
        assert_eq!(gone.status(), 502);
        ours.push(("no engine".to_owned(), gone.body));
        for (what, body) in &ours {
            assert_eq!(find(body), None, "{what}: an answer of jurat's own");
        }
        assert!(ours.len() > 10, "something was provoked");
        let said = sidecar.said();
        assert!(said.contains("no answer from the engine"), "it logs at all: {said}");
        assert_eq!(said.contains("TRACE"), level == "trace", "the level is what was asked for");
        assert_eq!(find(said.as_bytes()), None, "the log at the level {level}");
    }
}

/// The kernel writes no core of it, and lets no other process of its user look into it.
#[tokio::test]
async fn a_crash_leaves_no_core() {
    // Nothing but the program itself forbids a core.
    let cores = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: cores.maximum, ..cores }).unwrap();
    let engine = parrot().await;
    // Its working folder is where a core would be written.
    let (folder, bin) = (Scratch::new(), Scratch::new());
    let mut builder = Sidecar::before(engine.url()).working_in(folder.path());
    if geteuid().is_root() {
        // What is root's own anyway shows nothing: it runs as somebody else, from where that one can reach it.
        let program = bin.path().join("jurat");
        std::fs::copy(binary::simulated(), &program).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(NOBODY), None).unwrap();
        builder = builder.program(program).user(NOBODY);
    }
    let mut sidecar = builder.start().await;
    let got = sidecar.ask("POST", CHAT, &[TOKEN, "X-Script: plain"], &answers::ask(CANARY)).await;
    assert_eq!(got.status(), 200);
    // Of a process that is not dumpable, these files are root's whoever runs it.
    let owner = std::fs::metadata(format!("/proc/{}/mem", sidecar.pid())).unwrap().uid();
    assert_eq!(owner, 0);
    // A signal that dumps core, and that Rust's runtime has no handler for, as it has for the first SIGSEGV.
    sidecar.signal(Signal::ABORT);
    let end = sidecar.exit(Duration::from_secs(60)).await.expect("it ends");
    assert_eq!(end.signal(), Some(Signal::ABORT.as_raw()));
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
}
