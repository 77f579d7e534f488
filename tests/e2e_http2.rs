//! HTTP/2 under TLS keeps every promise that HTTP/1.1 keeps: ends, leaving, back-pressure, limits.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "e2e_http2/client.rs"]
mod client;
#[path = "e2e_http2/raw.rs"]
mod raw;

use std::time::Duration;

use client::{Http2, Last};
use h2::Reason;
use jurat_proto::{End, sha256};
use jurat_tests::{
    Expected, FakeEngine, Oath, Scratch, Script, Sidecar, SidecarBuilder, Step, answers, binary,
    ends::{self, Case, Got},
};
use tokio::time::Instant;

const CHAT: &str = "/v1/chat/completions";
const ENDPOINT: &str = "POST /v1/chat/completions";

fn secured(engine: &FakeEngine) -> SidecarBuilder {
    Sidecar::before(engine.url()).config("tls = \"self-signed\"\n")
}

async fn hold(cases: Vec<Case>) {
    let engine = ends::engine(&cases).await;
    let sidecar = secured(&engine).start().await;
    let oath = Oath::of(&sidecar).await;
    // All of them over one connection: a stream that is cut must not take the others with it.
    let mut client = Http2::connect(&sidecar).await;
    let mut broken = Vec::new();
    for case in &cases {
        let asked = answers::ask_stream(case.name);
        let began = Instant::now();
        let answer = client.ask("POST", case.path, &[("x-script", case.name)], &asked).await;
        let got = Got {
            status: answer.status,
            receipt_id: answer.header("x-receipt-id").expect("announced before the first byte").to_owned(),
            whole: answer.last == Last::EndOfStream,
            body: answer.body.clone(),
            took: began.elapsed(),
        };
        broken.extend(case.broken(&asked, &got, &sidecar, &oath).await);
        if !case.whole && !matches!(answer.last, Last::Reset(reason) if reason != Reason::NO_ERROR) {
            broken.push(format!("{}: a cut answer ends in RST_STREAM, not {:?}", case.name, answer.last));
        }
        for name in ["connection", "transfer-encoding", "keep-alive"] {
            if answer.header(name).is_some() {
                broken.push(format!("{}: HTTP/2 has no {name}", case.name));
            }
        }
    }
    ends::require(&broken);
}

#[tokio::test]
async fn whole_and_failed_answers_end_as_the_spec_says() {
    hold(ends::whole_and_failed()).await;
}

#[tokio::test]
async fn a_cut_answer_ends_in_a_reset_and_is_never_sworn_to_as_whole() {
    hold(ends::truncated()).await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_while_the_engine_is_silent() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let rest = [Step::Sleep(Duration::from_secs(2)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::by_name([
        ("stream", Script::stream(&[&event], &[Step::WaitForClientGone])),
        ("silent", Script::new([Step::WaitForClientGone])),
        ("slow", Script::stream(&[&event], &rest)),
    ])
    .await;
    let sidecar = secured(&engine).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut left = 0;
    for how in ["reset", "drop", "close"] {
        let asked = answers::ask_stream(how);
        let mut client = Http2::connect(&sidecar).await;
        // Another stream of the same connection goes on.
        let mut other = client.begin("POST", CHAT, &[("x-script", "slow")], b"{}").await;
        let mut stream = client.begin("POST", CHAT, &[("x-script", "stream")], &asked).await;
        assert_eq!(stream.chunk().await.unwrap(), event, "{how}");
        let id = stream.header("x-receipt-id").unwrap().to_owned();
        match how {
            "reset" => stream.reset(Reason::CANCEL),
            "drop" => drop(stream),
            _ => client.close(),
        }
        left += if how == "close" { 2 } else { 1 };
        assert!(engine.gone(left, Duration::from_secs(2)).await, "{how}: the engine must be hung up on");
        let record = Oath::fetch_within(&sidecar, &id, Duration::from_secs(5)).await;
        let expected = Expected {
            end: End::ClientLeft,
            status: 200,
            endpoint: ENDPOINT,
            request: &asked,
            response: Some(&event),
        };
        oath.require(&record, &expected);
        if how != "close" {
            assert_eq!(
                other.rest().await.1,
                Last::EndOfStream,
                "{how}: its neighbour is not to be disturbed"
            );
        }
    }
    // Before the engine said a word there is no id to ask for; the engine must be hung up on all the same.
    let mut client = Http2::connect(&sidecar).await;
    let asked = client.send("POST", CHAT, &[("x-script", "silent")], b"{}").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(asked);
    assert!(engine.gone(left + 1, Duration::from_secs(2)).await, "an engine that still thinks, too");
}

#[tokio::test]
async fn two_hundred_streams_share_a_connection() {
    let words: Vec<String> = (0..50).map(|n| format!("word {n}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let body = answers::chat_stream("chatcmpl-1", &words);
    let script = Script::say([answers::stream_head(), answers::chunked(&body, 100)].concat());
    let engine = FakeEngine::always(script).await;
    let sidecar = secured(&engine).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut client = Http2::connect(&sidecar).await;
    let mut streams = Vec::new();
    for n in 0..200 {
        let asked = answers::ask_stream(&format!("question {n}"));
        streams.push((client.send("POST", CHAT, &[], &asked).await, asked));
    }
    for (stream, asked) in streams {
        let mut stream = stream.answered().await;
        let id = stream.header("x-receipt-id").unwrap().to_owned();
        assert_eq!(stream.rest().await, (body.clone(), Last::EndOfStream));
        let expected = Expected {
            end: End::Complete,
            status: 200,
            endpoint: ENDPOINT,
            request: &asked,
            response: Some(&body),
        };
        oath.holds(&sidecar, &id, &expected).await;
    }
}

#[tokio::test]
async fn a_slow_reader_gets_every_byte_and_an_upload_arrives_whole() {
    let plain: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let head = answers::head(
        200,
        &["content-type: application/octet-stream", &format!("content-length: {}", plain.len())],
    );
    let engine = FakeEngine::always(Script::say([head, plain.clone()].concat())).await;
    let sidecar = secured(&engine).start().await;
    let oath = Oath::of(&sidecar).await;
    let upload: Vec<u8> = (0..1_000_000u32).map(|n| (n % 241) as u8).collect();
    let mut client = Http2::with_window(&sidecar, 1_000).await;
    let answer = client.ask("POST", CHAT, &[("cookie", "a=1"), ("cookie", "b=2")], &upload).await;
    assert_eq!((answer.status, answer.last), (200, Last::EndOfStream));
    assert_eq!(sha256(&answer.body), sha256(&plain));
    assert_eq!(answer.header("content-length"), Some("3000000"));
    let id = answer.header("x-receipt-id").unwrap();
    let expected = Expected {
        end: End::Complete,
        status: 200,
        endpoint: ENDPOINT,
        request: &upload,
        response: Some(&plain),
    };
    oath.holds(&sidecar, id, &expected).await;
    let seen = engine.recorded_under(id).await;
    assert_eq!((seen.length, seen.whole), (1_000_000, true));
    assert_eq!(seen.sha256, sha256(&upload));
    assert_eq!(seen.head.header("host"), Some("jurat.test"), "Host is made of the authority");
    assert_eq!(seen.head.all("cookie"), ["a=1; b=2"], "what was split for compression is one again");
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_let_go() {
    let body = vec![b'x'; 1 << 20];
    let head = answers::head(200, &["content-type: application/octet-stream", "content-length: 1048576"]);
    let engine = FakeEngine::always(Script::say([head, body].concat())).await;
    let sidecar = secured(&engine).args(["--idle-timeout", "1"]).start().await;
    let mut client = Http2::with_window(&sidecar, 1_000).await;
    let mut stream = client.begin("POST", CHAT, &[], b"{}").await;
    stream.takes_nothing();
    let id = stream.header("x-receipt-id").unwrap().to_owned();
    let record = Oath::fetch_within(&sidecar, &id, Duration::from_secs(10)).await;
    assert_eq!(record.receipt.end, End::ClientLeft);
}

#[tokio::test]
async fn limits_hold() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = secured(&engine).start().await;
    let mut client = Http2::connect(&sidecar).await;
    let long = "x".repeat(70_000);
    let answer = client.ask("POST", CHAT, &[("x-long", &long)], b"{}").await;
    assert_eq!(answer.status, 431, "a head past 64 KiB is refused");
    let answer = client.ask("GET", "/metrics", &[], b"").await;
    assert_eq!((answer.status, answer.error_code().as_str()), (404, "route_unknown"));
    let answer = client.ask("HEAD", "/version", &[], b"").await;
    assert_eq!((answer.status, answer.body.len(), answer.last), (404, 0, Last::EndOfStream));
    let answer = client.ask("GET", "/version", &[], b"").await;
    assert_eq!((answer.status, answer.last), (200, Last::EndOfStream), "the connection lives on");
    assert!(answer.header("date").is_some_and(|date| date.ends_with(" GMT")));
    assert_eq!(client.most_streams(), 256);
    assert!(engine.recorded().is_empty(), "none of these is the engine's business");
}

/// The disk is slow, then full: the end waits for its receipt, and without one there is none.
#[tokio::test]
async fn the_end_is_held_back_until_the_receipt_is_kept() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let body = [answers::stream_head(), answers::chunk(&event), answers::chunked(answers::DONE, 64)].concat();
    let engine = FakeEngine::always(Script::say(body)).await;
    let folder = Scratch::new();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    let control = folder.write("control", "\n");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (disk, state, control) = (text(binary::faulty_disk()), text(&state), text(&control));
    let sidecar = secured(&engine)
        .args(["--state-dir", &state])
        .variables([
            ("LD_PRELOAD", disk.as_str()),
            ("FAULTY_DISK_FOLDER", &state),
            ("FAULTY_DISK_CONTROL", &control),
        ])
        .start()
        .await;
    let mut client = Http2::connect(&sidecar).await;
    folder.write("control", "slow 1500\n");
    let mut stream = client.begin("POST", CHAT, &[], b"{}").await;
    let began = Instant::now();
    assert_eq!(stream.chunk().await.unwrap(), event);
    assert!(began.elapsed() < Duration::from_millis(1_000), "what is no end waits for nothing");
    assert_eq!(stream.rest().await, (answers::DONE.to_vec(), Last::EndOfStream));
    assert!(
        began.elapsed() > Duration::from_millis(1_400),
        "the end came before its receipt was on the disk"
    );
    folder.write("control", "write 28\n");
    let answer = client.ask("POST", CHAT, &[], b"{}").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        String::from_utf8_lossy(&answer.body),
        String::from_utf8_lossy(&event),
        "no end without a receipt"
    );
    assert!(matches!(answer.last, Last::Reset(reason) if reason != Reason::NO_ERROR), "{:?}", answer.last);
}

/// What would be one request in HTTP/2 and two at the engine is none.
#[tokio::test]
async fn nothing_is_smuggled_through_to_http1() {
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = secured(&engine).start().await;
    let usual = [(":method", "POST"), (":scheme", "https"), (":authority", "x"), (":path", CHAT)];
    let smuggled = "1\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    let with = |name, value| [&usual[..], &[(name, value)]].concat();
    let instead = |name: &str, value| {
        let mut headers = usual.to_vec();
        headers.iter_mut().filter(|(at, _)| *at == name).for_each(|header| header.1 = value);
        headers
    };
    let path = format!("{CHAT} HTTP/1.1\r\nX: {smuggled}");
    let method = format!("POST {CHAT} HTTP/1.1\r\nX: {smuggled}");
    for headers in [
        with("transfer-encoding", "chunked"),
        with("connection", "keep-alive"),
        with("x-a", smuggled),
        with("x-a: 1\r\nx-b", "2"),
        with("X-Upper", "1"),
        with("content-length", "9"),
        with("content-length", "0"),
        with(":path", "/v1/models"),
        instead(":path", &path),
        instead(":path", "/v1/chat/completions\r\n"),
        instead(":method", &method),
        instead(":authority", smuggled),
    ] {
        raw::ask(&sidecar, &headers, b"{}").await;
        let heard = engine.recorded();
        assert!(heard.iter().all(|at| !at.whole), "{headers:?} must not reach the engine: {heard:?}");
    }
    raw::ask(&sidecar, &with("x-a", "1"), b"{}").await;
    assert_eq!(engine.recorded().len(), 1, "the raw client can ask, if it asks rightly");
    raw::ask(&sidecar, &instead(":authority", "me:secret@host.test:9"), b"{}").await;
    assert_eq!(engine.recorded()[1].head.all("host"), ["host.test:9"]);
}

/// A client that opens and resets as fast as it can costs itself its connection, and others nothing.
#[tokio::test]
async fn a_flood_of_resets_is_ended() {
    let engine = FakeEngine::always(Script::new([Step::WaitForClientGone])).await;
    let sidecar = secured(&engine).start().await;
    let before = sidecar.memory_kib("VmRSS");
    assert!(raw::flood(&sidecar, 20_000).await, "the connection must be closed in the end");
    let answer = sidecar.fetch("/health").await;
    assert_eq!((answer.status(), answer.took < Duration::from_secs(2)), (200, true));
    let grown = sidecar.memory_kib("VmRSS").saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more after a flood of resets");
}

#[tokio::test]
async fn running_answers_are_drained_and_the_client_is_told() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let rest = [Step::Sleep(Duration::from_secs(1)), Step::Send(answers::chunked(answers::DONE, 64))];
    let engine = FakeEngine::always(Script::stream(&[&event], &rest)).await;
    let mut sidecar = secured(&engine).args(["--drain-grace", "10"]).start().await;
    let mut client = Http2::connect(&sidecar).await;
    let mut stream = client.begin("POST", CHAT, &[], &answers::ask_stream("drain")).await;
    assert_eq!(stream.chunk().await.unwrap(), event);
    sidecar.terminate();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let refused = client.ask("POST", CHAT, &[], b"{}").await;
    assert_eq!((refused.status, refused.error_code().as_str()), (503, "draining"));
    assert_eq!(stream.rest().await, (answers::DONE.to_vec(), Last::EndOfStream));
    assert_eq!(sidecar.exit_code(Duration::from_secs(9)).await, Some(0));
}

/// Engines write an event as it is made; a client must see it then, and not 40 ms later.
#[tokio::test]
async fn events_leave_at_once() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let pace = Duration::from_millis(60);
    let mut steps = vec![Step::Send(answers::stream_head())];
    for _ in 0..20 {
        steps.extend([Step::Send(answers::chunk(&event)), Step::Sleep(pace)]);
    }
    steps.push(Step::Send(answers::chunked(answers::DONE, 64)));
    let engine = FakeEngine::always(Script::new(steps)).await;
    let sidecar = secured(&engine).start().await;
    let mut client = Http2::connect(&sidecar).await;
    let mut stream = client.begin("POST", CHAT, &[], b"{}").await;
    let mut gaps = Vec::new();
    let mut last = Instant::now();
    for _ in 0..20 {
        assert_eq!(stream.chunk().await.unwrap(), event);
        gaps.push(last.elapsed());
        last = Instant::now();
    }
    // One write an event: were it held back for an acknowledgement, two would come at once.
    let together = gaps.iter().skip(1).filter(|gap| **gap < Duration::from_millis(5)).count();
    assert!(together < 5, "events came in clumps: {gaps:?}");
}
