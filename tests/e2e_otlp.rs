//! Spans by OTLP: what leaves, what never does, and that nobody waits for a collector.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "e2e_otlp/collector.rs"]
mod collector;
#[path = "e2e_otlp/secured.rs"]
mod secured;

use std::{
    collections::BTreeMap,
    process::Command,
    time::{Duration, Instant},
};

use jurat_proto::End;
use jurat_tests::{
    Ending, FakeEngine, Oath, Scratch, Script, Sidecar, Step, answers, binary,
    canary::{self, CANARY, TOKEN},
    request,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use collector::{SAID, decoded, number, span_of, spans, telling, text, value};

const CHAT: &str = "/v1/chat/completions";
const STATE: &str = "tracestate: vendor=a,other=b";

/// One exchange, and what its span must say.
struct Case {
    name: &'static str,
    script: Script,
    status: u16,
    end: End,
    error: Option<&'static str>,
    /// Whether the engine gave any byte of a body.
    heard: bool,
}

fn cases() -> Vec<Case> {
    let event = answers::chat_event("chatcmpl-1", "one");
    let sse = |pieces: &[&[u8]], tail: Step| {
        let sends = pieces.iter().map(|piece| Step::Send(answers::chunk(piece)));
        let head = [Step::Send(answers::stream_head()), Step::Sleep(Duration::from_millis(100))];
        Script::new(head.into_iter().chain(sends).chain([tail]))
    };
    let last = || Step::Send(answers::LAST_CHUNK.to_vec());
    let case = |name, script, status, end, error| Case { name, script, status, end, error, heard: true };
    let plain = answers::chat_body("chatcmpl-1", "pong");
    vec![
        case("plain", Script::say(answers::json(200, &plain)), 200, End::Complete, None),
        case("stream", sse(&[&event, answers::DONE], last()), 200, End::Complete, None),
        case("wrong", Script::say(answers::json(400, b"{\"no\":1}")), 400, End::Complete, None),
        case("error", Script::say(answers::json(500, b"{\"no\":1}")), 500, End::Complete, Some("500")),
        case(
            "failed",
            sse(&[&event, &answers::error_event(), answers::DONE], last()),
            200,
            End::EngineFailed,
            Some("engine_failed"),
        ),
        case("cut", sse(&[&event], Step::Close), 200, End::EngineTruncated, Some("engine_truncated")),
        Case {
            heard: false,
            ..case("closed", Script::new([Step::Close]), 502, End::Refused, Some("refused"))
        },
        Case {
            heard: false,
            ..case("empty", Script::say(answers::head(204, &[])), 204, End::Complete, None)
        },
    ]
}

#[tokio::test]
async fn each_exchange_is_one_span_and_nothing_else_is_any() {
    let cases = cases();
    let engine = FakeEngine::by_name(cases.iter().map(|case| (case.name, case.script.clone()))).await;
    let collector = collector::start().await;
    let sidecar = telling(&engine, collector.url()).start().await;
    assert!(sidecar.said().contains("otlp_endpoint is set"), "it says what it does: {}", sidecar.said());
    for (number_of, case) in cases.iter().enumerate() {
        let (trace, parent) =
            (format!("{:032x}", 0xabc0 + number_of), format!("{:016x}", 0xdef0 + number_of));
        let traceparent = format!("traceparent: 00-{trace}-{parent}-01");
        let asked = answers::ask_stream(case.name);
        let headers = [&format!("X-Script: {}", case.name), &traceparent, STATE];
        let got = sidecar.ask("POST", "/chat/completions?key=1", &headers, &asked).await;
        assert_eq!(got.status(), case.status, "{}", case.name);
        let record = Oath::fetch(&sidecar, got.receipt_id()).await.receipt;
        let span = span_of(&collector, got.receipt_id()).await;
        let name = case.name;
        assert_eq!(hex::encode(&span.trace_id), trace, "{name}");
        assert_eq!(hex::encode(&span.parent_span_id), parent, "{name}");
        assert_eq!(span.trace_state, "vendor=a,other=b", "{name}");
        assert_eq!((span.name.as_str(), span.kind), ("POST /v1/chat/completions", 2), "{name}");
        let times = [span.start_time_unix_nano, span.end_time_unix_nano];
        assert_eq!(times, [record.received_at.0, record.finished_at.0].map(|at| at * 1_000_000), "{name}");
        let said = &span.attributes;
        assert!(said.iter().all(|attribute| SAID.contains(&attribute.key.as_str())), "{name}: {said:?}");
        assert_eq!(text(said, "http.request.method").as_deref(), Some("POST"), "{name}");
        assert_eq!(text(said, "http.route").as_deref(), Some(CHAT), "{name}");
        assert_eq!(text(said, "jurat.end").as_deref(), Some(case.end.as_str()), "{name}");
        assert_eq!(record.end, case.end, "{name}");
        assert_eq!(text(said, "error.type").as_deref(), case.error, "{name}");
        assert_eq!(span.status.map_or(0, |status| status.code), if case.error.is_some() { 2 } else { 0 });
        let status = i64::from(case.status);
        assert_eq!(number(said, "http.response.status_code"), Some(status), "{name}");
        assert_eq!(number(said, "http.request.body.size"), Some(asked.len() as i64), "{name}");
        assert_eq!(number(said, "http.response.body.size"), Some(got.body.len() as i64), "{name}");
        match value(said, "jurat.time_to_first_byte") {
            Some(Value::DoubleValue(seconds)) => {
                assert!(case.heard && seconds < got.took.as_secs_f64() + 1.0, "{name}: {seconds}");
                let paused = matches!(name, "stream" | "failed" | "cut");
                assert!(!paused || seconds > 0.09, "{name}: the head is not the first byte: {seconds}");
            }
            other => assert!(other.is_none() && !case.heard, "{name}: {other:?}"),
        }
        // The engine's parent is the client's span, as it came: the two are siblings.
        let at_engine = engine.recorded_under(got.receipt_id()).await.head;
        let (_, sent) = traceparent.split_once(": ").unwrap();
        assert_eq!(at_engine.all("traceparent"), [sent], "{name}");
        assert_eq!(at_engine.all("tracestate"), ["vendor=a,other=b"], "{name}");
    }
    for target in ["/health", "/version", "/v1/models", "/metrics"] {
        sidecar.fetch(target).await;
    }
    sleep(Duration::from_secs(1)).await;
    let all = spans(&collector);
    assert_eq!(all.len(), cases.len(), "an exchange has one span, and what is not sworn to has none");
    let mut ids: Vec<_> = all.iter().map(|span| span.span_id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), ids[0].len()), (cases.len(), 8));
    let one = decoded(&collector.recorded()[0]).resource_spans.remove(0);
    let resource: BTreeMap<_, _> =
        one.resource.unwrap().attributes.into_iter().map(|a| (a.key, a.value)).collect();
    assert_eq!(resource.keys().collect::<Vec<_>>(), ["service.name", "service.version"]);
    assert_eq!(one.scope_spans[0].scope.as_ref().unwrap().name, "jurat");
}

#[tokio::test]
async fn a_client_that_leaves_has_a_span_too() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let script = Script::stream(&[&event], &[Step::WaitForClientGone]);
    let (engine, collector) = (FakeEngine::always(script).await, collector::start().await);
    let sidecar = telling(&engine, collector.url()).start().await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], b"{}")).await.unwrap();
    let (head, _) = client.until(b"one").await.unwrap();
    drop(client);
    let span = span_of(&collector, head.header("x-receipt-id").unwrap()).await;
    assert_eq!(text(&span.attributes, "jurat.end").as_deref(), Some("client_left"));
    assert_eq!(text(&span.attributes, "error.type"), None, "that is no fault of this side");
}

#[tokio::test]
async fn what_is_no_trace_makes_a_root_and_what_is_not_recorded_nothing() {
    let (engine, collector) = (engine().await, collector::start().await);
    let sidecar = telling(&engine, collector.url()).start().await;
    let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    let twice = format!("traceparent: 00-{ids}-01");
    for headers in [
        vec![],
        vec!["traceparent: nonsense".to_owned(), STATE.to_owned()],
        vec![format!("traceparent: 00-{}-01", ids.to_uppercase())],
        vec![format!("traceparent: ff-{ids}-01")],
        vec![twice.clone(), twice],
        vec![STATE.to_owned()],
    ] {
        let lines: Vec<_> = headers.iter().map(String::as_str).collect();
        let got = sidecar.ask("POST", CHAT, &lines, b"{}").await;
        let span = span_of(&collector, got.receipt_id()).await;
        assert!(span.parent_span_id.is_empty() && span.trace_state.is_empty(), "{headers:?}: {span:?}");
        assert_ne!(hex::encode(&span.trace_id), ids[..32], "{headers:?}");
        let at_engine = engine.recorded_under(got.receipt_id()).await.head;
        let sent: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("traceparent: ")).collect();
        assert_eq!(at_engine.all("traceparent"), sent, "the engine gets what came");
    }
    let before = spans(&collector).len();
    let unrecorded = format!("traceparent: 00-{ids}-00");
    assert_eq!(sidecar.ask("POST", CHAT, &[&unrecorded], b"{}").await.status(), 200);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(spans(&collector).len(), before, "the client's trace is not recorded");
}

async fn engine() -> FakeEngine {
    FakeEngine::always(Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))).await
}

#[tokio::test]
async fn nobody_waits_for_a_collector() {
    let engine = engine().await;
    let dead = format!("http://{}", FakeEngine::refusing().await);
    let slow = FakeEngine::always(Script::new([Step::WaitForClientGone])).await;
    let full = FakeEngine::always(Script::say(answers::json(503, b"{}"))).await;
    let broken = FakeEngine::always(Script::say("what?\r\n\r\n")).await;
    let slow_says = "did not take all spans in time";
    tokio::join!(
        unaffected(&engine, &dead, "spans were lost"),
        unaffected(&engine, full.url(), "spans were lost"),
        unaffected(&engine, broken.url(), "spans were lost"),
        unaffected(&engine, slow.url(), slow_says),
    );
}

/// Whoever is at `url`: exchanges and the end of the process are as ever, and the log says so much.
async fn unaffected(engine: &FakeEngine, url: &str, says: &str) {
    let mut sidecar = telling(engine, url).start().await;
    for _ in 0..4 {
        let got = sidecar.post(CHAT, b"{}").await;
        assert_eq!((got.status(), got.ending), (200, Ending::Clean), "{url}");
        assert!(got.took < Duration::from_secs(5), "{url}: it took {:?}", got.took);
        assert_eq!(Oath::fetch(&sidecar, got.receipt_id()).await.receipt.end, End::Complete);
        // So that each is a batch of its own.
        sleep(Duration::from_millis(400)).await;
    }
    let stopping = Instant::now();
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(Duration::from_secs(20)).await, Some(0), "{url}");
    // A post alone may take ten seconds.
    assert!(stopping.elapsed() < Duration::from_secs(8), "{url}: stopping took {:?}", stopping.elapsed());
    let said = sidecar.said();
    assert!(said.contains(says), "{url}: {said}");
    // The first at once, the others at the end.
    assert!(said.matches("spans were lost").count() <= 2, "{url}: {said}");
}

#[tokio::test]
async fn what_is_left_to_tell_is_told_at_the_end() {
    let event = answers::chat_event("chatcmpl-1", "one");
    let script = Script::stream(&[&event], &[Step::WaitForClientGone]);
    let (engine, collector) = (FakeEngine::always(script).await, collector::start().await);
    let mut sidecar = telling(&engine, collector.url()).args(["--drain-grace", "0.2"]).start().await;
    let mut client = sidecar.connect().await;
    client.send(&request("POST", CHAT, &[], b"{}")).await.unwrap();
    let (head, _) = client.until(b"one").await.unwrap();
    sidecar.terminate();
    assert_eq!(sidecar.exit_code(Duration::from_secs(10)).await, Some(0));
    let span = span_of(&collector, head.header("x-receipt-id").unwrap()).await;
    assert_eq!(text(&span.attributes, "jurat.end").as_deref(), Some("timed_out"));
}

/// The mark is in everything that a client and an engine say.
#[tokio::test]
async fn nothing_of_what_passed_is_exported() {
    let body = answers::chat_body(CANARY, CANARY);
    let mark = format!("x-mark: {CANARY}");
    let length = format!("content-length: {}", body.len());
    let plain = [answers::head(200, &[&mark, &length, "content-type: application/json"]), body].concat();
    let stream = Step::Send(answers::chunked(&answers::chat_stream(CANARY, &[CANARY]), 7));
    let echo = format!("{{\"error\":{{\"message\":\"{CANARY}\"}}}}");
    let engine = FakeEngine::by_name([
        ("plain", Script::say(plain)),
        ("stream", Script::stream(&[], &[stream])),
        ("error", Script::say(answers::json(500, echo.as_bytes()))),
        ("garbage", Script::say(format!("{CANARY}\r\n\r\n"))),
    ])
    .await;
    let collector = collector::start().await;
    let sidecar = telling(&engine, collector.url()).start().await;
    let asked = answers::ask(CANARY);
    for script in ["plain", "stream", "error", "garbage"] {
        // The traceparent is not well-formed, so neither it nor the tracestate is for tracing.
        let marked =
            ["x-api-key", "User-Agent", "X-Request-Id", "Cookie", "baggage", "traceparent", "tracestate"]
                .map(|name| format!("{name}: canary={CANARY}"));
        let which = format!("X-Script: {script}");
        let headers = [which.as_str(), TOKEN, "X-Forwarded-For: 203.0.113.77"];
        let headers: Vec<_> = headers.into_iter().chain(marked.iter().map(String::as_str)).collect();
        let got = sidecar.ask("POST", &format!("{CHAT}?key={CANARY}"), &headers, &asked).await;
        span_of(&collector, got.receipt_id()).await;
    }
    sidecar.ask("POST", &format!("/v1/{CANARY}"), &[], &asked).await;
    sleep(Duration::from_secs(1)).await;
    let posts = collector.recorded();
    assert!(!posts.is_empty());
    for post in &posts {
        let head = String::from_utf8_lossy(&post.head.bytes);
        assert!(canary::find(&post.head.bytes).is_none() && !head.contains("203.0.113.77"), "{head}");
        let names: Vec<_> = post.head.headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        let known = ["content-type", "user-agent", "accept", "host", "content-length"];
        assert!(names.iter().all(|name| known.contains(&name.as_str())), "{head}");
        assert_eq!(canary::find(&post.body), None);
        for needle in ["203.0.113.77", "127.0.0.1", "tiny-model"] {
            let found = post.body.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!found, "{needle} in {:?}", decoded(post));
        }
    }
    for span in spans(&collector) {
        let said = &span.attributes;
        assert!(said.iter().all(|attribute| SAID.contains(&attribute.key.as_str())), "{said:?}");
    }
}

/// The measured file alone says where spans go: no variable, no proxy, no redirect.
#[tokio::test]
async fn the_file_alone_says_where_spans_go() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let (header, attribute) = (format!("x-variable={CANARY}"), format!("host.name={CANARY}"));
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url),
        ("JURAT_OTLP_ENDPOINT", &url),
        ("OTEL_EXPORTER_OTLP_HEADERS", &header),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_RESOURCE_ATTRIBUTES", &attribute),
        ("OTEL_SERVICE_NAME", CANARY),
        ("HTTP_PROXY", &url),
        ("http_proxy", &url),
        ("ALL_PROXY", &url),
    ];
    let moved = FakeEngine::always(Script::say(answers::head(
        307,
        &[&format!("location: {url}/v1/traces"), "content-length: 0"],
    )))
    .await;
    let (engine, taking) = (engine().await, collector::start().await);
    for collector in [None, Some(&moved), Some(&taking)] {
        let builder = match collector {
            None => Sidecar::before(engine.url()),
            Some(collector) => telling(&engine, collector.url()),
        };
        let mut sidecar = builder.variables(variables).start().await;
        assert_eq!(sidecar.said().contains("otlp_endpoint is set"), collector.is_some());
        let got = sidecar.post(CHAT, b"{}").await;
        if let Some(collector) = collector {
            span_of(collector, got.receipt_id()).await;
        }
        sidecar.terminate();
        assert_eq!(sidecar.exit_code(Duration::from_secs(10)).await, Some(0));
        let visit = timeout(Duration::from_millis(300), elsewhere.accept()).await;
        assert!(visit.is_err(), "nobody goes elsewhere: {visit:?}");
    }
    for post in moved.recorded().iter().chain(&taking.recorded()) {
        let found = [&post.head.bytes, &post.body].map(|hay| canary::find(hay));
        assert_eq!(found, [None, None], "nor does a variable add anything");
    }
}

#[tokio::test]
async fn a_release_cannot_export_and_says_what_could() {
    let release = Sidecar::before("http://127.0.0.1:9").program(binary::plain().clone()).hardware();
    let (code, said) = release.config("otlp_endpoint = \"http://127.0.0.1:4318\"\n").refused().await;
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("otlp_endpoint") && said.contains("--features otlp"), "{said}");
    let folder = Scratch::new();
    let output = Command::new(binary::simulated())
        .args(["config", "check", "--config"])
        .arg(folder.write("bad.toml", "otlp_endpoint = \"ftp://127.0.0.1\"\n"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(78) && said.contains("otlp_endpoint: scheme ftp"), "{said}");
}
