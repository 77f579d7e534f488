//! `jurat connect` with somebody between it and the service: whatever he does to an answer is refused by name, and where
//! ends are held no completing byte reaches the client.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jurat_tests::{
    Answer, Connect, Ending, FakeEngine, Middle, Passing, Script, Sidecar, Step, answers, written,
};

const CHAT: &str = "/v1/chat/completions";
const MODES: [&[&str]; 2] = [&[], &["--hold"]];

async fn engine() -> FakeEngine {
    let stream = answers::chat_stream("chatcmpl-1", &["one", "two"]);
    FakeEngine::by_name([
        ("plain", Script::say(answers::json(200, &answers::chat_body("chatcmpl-1", "pong")))),
        ("stream", Script::stream(&[&stream], &[Step::Send(answers::LAST_CHUNK.to_vec())])),
    ])
    .await
}

/// Asks for a plain answer and for a stream through the middle, in both modes, and has every one refused by this name.
/// `verdict` is `refuted` or `undecided`.
async fn refused(
    meddle: impl Fn(&Passing) -> Vec<u8> + Send + Sync + Clone + 'static,
    code: &str,
    verdict: &str,
) {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    for mode in MODES {
        let middle = Middle::before(sidecar.address(), meddle.clone()).await;
        let connect = Connect::to(middle.url(), mode).await;
        refused_by(&connect, code, verdict).await;
    }
}

async fn refused_by(connect: &Connect, code: &str, verdict: &str) {
    let plain = connect.post(CHAT, "plain", &answers::ask("x")).await;
    assert_eq!((plain.status(), plain.error_code().as_str()), (502, code), "{:?}", plain.json());
    assert_eq!(plain.header("x-jurat-verdict"), Some(verdict));
    let stream = connect.post(CHAT, "stream", &answers::ask_stream("x")).await;
    is_refused(&stream, code);
    connect.says(&format!("{verdict} {code}: ")).await;
    assert!(!connect.said().lines().any(|line| line.ends_with(" trusted")), "{}", connect.said());
}

/// A stream that ends in an error event of this name, without its completing event; or an answer that never began.
fn is_refused(stream: &Answer, code: &str) {
    let text = String::from_utf8_lossy(&stream.body);
    assert!(!text.contains("[DONE]"), "{text}");
    if stream.status() != 200 {
        assert_eq!((stream.status(), stream.error_code().as_str()), (502, code));
        return;
    }
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(last.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!(data["error"]["code"], code, "{text}");
    assert_eq!(stream.ending, Ending::Clean);
}

/// On answers alone.
fn of_answers(
    change: impl Fn(&Passing) -> Vec<u8> + Send + Sync + Clone + 'static,
) -> impl Fn(&Passing) -> Vec<u8> + Send + Sync + Clone + 'static {
    move |passing| if passing.is_for_an_answer() { change(passing) } else { passing.unchanged() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_byte() {
    let flip = of_answers(|passing| {
        let mut body = passing.answer.body.clone();
        // within a word of the model's
        let at = body.windows(9).position(|at| at == b"\"content\"").unwrap() + 12;
        body[at] ^= 1;
        passing.with(&body)
    });
    refused(flip, "receipt.response", "refuted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_is_missing() {
    let drop_end = of_answers(|passing| {
        let body = &passing.answer.body;
        passing.with(body.strip_suffix(answers::DONE).unwrap_or(&body[..body.len() - 2]))
    });
    refused(drop_end, "receipt.response", "refuted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_nobody_swore_to() {
    let inject = of_answers(|passing| {
        let event = answers::chat_event("chatcmpl-1", "and transfer all of it");
        passing.with(&[event.as_slice(), &passing.answer.body].concat())
    });
    refused(inject, "receipt.response", "refuted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_its_receipt() {
    let strip = of_answers(|passing| {
        let mut head = passing.answer.head.clone();
        head.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("x-receipt-id"));
        written(&head, &passing.answer.body)
    });
    refused(strip, "receipt.absent", "refuted").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receipt_of_another_answer() {
    let earlier: Arc<Mutex<Option<String>>> = Arc::default();
    let swap = of_answers(move |passing| {
        let mut earlier = earlier.lock().unwrap();
        let first = earlier.get_or_insert_with(|| passing.answer.receipt_id().to_owned()).clone();
        let mut head = passing.answer.head.clone();
        for (name, value) in &mut head.headers {
            if name.eq_ignore_ascii_case("x-receipt-id") {
                *value = first.clone();
            }
        }
        written(&head, &passing.answer.body)
    });
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(sidecar.address(), swap).await;
    // The first answer that passes is left its own.
    let innocent = Connect::to(middle.url(), &[]).await;
    assert_eq!(innocent.post(CHAT, "plain", &answers::ask("x")).await.status(), 200);
    for mode in MODES {
        refused_by(&Connect::to(middle.url(), mode).await, "receipt.request", "refuted").await;
    }
}

/// The same bytes asked for again, and answered with what was genuine the last time: the challenge is another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_answer_to_the_same_bytes() {
    let old: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>> = Arc::default();
    let replay = of_answers(move |passing| {
        let mut old = old.lock().unwrap();
        old.entry(passing.asked.clone()).or_insert_with(|| passing.unchanged()).clone()
    });
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(sidecar.address(), replay).await;
    let innocent = Connect::to(middle.url(), &[]).await;
    assert_eq!(innocent.post(CHAT, "plain", &answers::ask("x")).await.status(), 200);
    let stream = innocent.post(CHAT, "stream", &answers::ask_stream("x")).await;
    assert!(stream.body.ends_with(answers::DONE));
    for mode in MODES {
        let connect = Connect::to(middle.url(), mode).await;
        refused_by(&connect, "receipt.request", "refuted").await;
        assert!(connect.said().contains("another nonce"), "{}", connect.said());
    }
}

/// Another sidecar, as genuine as the first one by all that its own report would say; but it is the first that was verified.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_of_another_signer() {
    let engine = engine().await;
    let (first, second) =
        (Sidecar::before(engine.url()).start().await, Sidecar::before(engine.url()).start().await);
    let (verified, other) = (first.address(), second.address());
    let middle = Middle::before(verified, Passing::unchanged).await;
    middle.route(move |target| match target.contains("/attestation/") {
        true => (verified, target.to_owned()),
        false => (other, target.to_owned()),
    });
    for mode in MODES {
        refused_by(&Connect::to(middle.url(), mode).await, "receipt.signature", "refuted").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_status_and_another_endpoint() {
    let created = of_answers(|passing| {
        let mut head = passing.answer.head.clone();
        head.start_line = "HTTP/1.1 201 Created".into();
        written(&head, &passing.answer.body)
    });
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(sidecar.address(), created).await;
    let connect = Connect::to(middle.url(), &["--hold"]).await;
    let plain = connect.post(CHAT, "plain", &answers::ask("x")).await;
    assert_eq!(plain.error_code(), "receipt.status");

    let middle = Middle::before(sidecar.address(), Passing::unchanged).await;
    let address = sidecar.address();
    middle.route(move |target| (address, target.replace("/chat/completions", "/completions")));
    for mode in MODES {
        refused_by(&Connect::to(middle.url(), mode).await, "receipt.endpoint", "refuted").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_cannot_be_had() {
    let withhold = |passing: &Passing| match passing.is_for_a_receipt() {
        true => answers::json(404, b"{\"error\":{\"message\":\"no\",\"code\":\"receipt_unknown\"}}"),
        false => passing.unchanged(),
    };
    refused(withhold, "receipt.unknown", "refuted").await;
    let garble = |passing: &Passing| match passing.is_for_a_receipt() {
        true => answers::json(200, b"<html>"),
        false => passing.unchanged(),
    };
    refused(garble, "receipt.unavailable", "undecided").await;
}

/// What comes behind the end is nobody's word, and nobody gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_behind_the_end() {
    let append = of_answers(|passing| {
        let more = answers::chat_event("chatcmpl-1", "P.S.");
        passing.with(&[passing.answer.body.as_slice(), &more].concat())
    });
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(sidecar.address(), append).await;
    let connect = Connect::to(middle.url(), &[]).await;
    let stream = connect.post(CHAT, "stream", &answers::ask_stream("x")).await;
    assert_eq!(stream.body, answers::chat_stream("chatcmpl-1", &["one", "two"]));
    connect.says(&format!("{} trusted", stream.receipt_id())).await;
}

/// Whoever delays a receipt gets the end of a stream through, but not where ends are held; the verdict comes all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_receipt_that_comes_late() {
    let late = |passing: &Passing| {
        if passing.is_for_a_receipt() {
            std::thread::sleep(Duration::from_secs(13));
        }
        let mut body = passing.answer.body.clone();
        if passing.is_for_an_answer() {
            let at = body.windows(9).position(|at| at == b"\"content\"").unwrap() + 12;
            body[at] ^= 1;
        }
        passing.with(&body)
    };
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let middle = Middle::before(sidecar.address(), late).await;
    let (held, free) = (Connect::to(middle.url(), &["--hold"]).await, Connect::to(middle.url(), &[]).await);
    let asked = answers::ask_stream("x");
    let (held, free) = tokio::join!(held.post(CHAT, "stream", &asked), free.post(CHAT, "stream", &asked));
    is_refused(&held, "receipt.response");
    let text = String::from_utf8_lossy(&free.body);
    let (_, behind) = text.split_once("data: [DONE]\n\n").expect("the end went through after a moment");
    assert!(behind.starts_with("data: {\"error\":"), "{text}");
    assert!(behind.contains("receipt.response"), "{text}");
}

/// A service that cannot prove itself any more is told nothing more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_not_trusted_any_more() {
    let engine = engine().await;
    let (first, second) =
        (Sidecar::before(engine.url()).start().await, Sidecar::before(engine.url()).start().await);
    let old: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
    let replay = move |passing: &Passing| match passing.target().contains("/attestation/") {
        true => old.lock().unwrap().get_or_insert_with(|| passing.unchanged()).clone(),
        false => passing.unchanged(),
    };
    let middle = Middle::before(first.address(), replay).await;
    let connect = Connect::to(middle.url(), &[]).await;
    assert_eq!(connect.post(CHAT, "plain", &answers::ask("x")).await.status(), 200);
    let address = second.address();
    middle.route(move |target| (address, target.to_owned()));
    let answer = connect.post(CHAT, "plain", &answers::ask("x")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (502, "service.untrusted"));
    assert!(answer.json()["error"]["message"].as_str().unwrap().contains("bind.nonce"));
    let asked = engine.recorded().len();
    let answer = connect.post(CHAT, "plain", &answers::ask("a secret")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (503, "service_untrusted"));
    assert_eq!(engine.recorded().len(), asked, "nothing is sent to a service that is not trusted");
}

/// Without a single answer: whenever it is due, the service is asked to prove itself again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_verified_again_by_itself() {
    let engine = engine().await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let reports: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = Arc::clone(&reports);
    // The first three are genuine; from then on the first is shown again.
    let middle = Middle::before(sidecar.address(), move |passing| {
        if !passing.target().contains("/attestation/") {
            return passing.unchanged();
        }
        let mut reports = seen.lock().unwrap();
        reports.push(passing.unchanged());
        if reports.len() <= 3 { passing.unchanged() } else { reports[0].clone() }
    })
    .await;
    let connect = Connect::to(middle.url(), &["--verify-every", "1"]).await;
    connect.says("the service is not trusted: refuted under the policy simulated: ").await;
    assert!(reports.lock().unwrap().len() >= 4);
    let answer = connect.post(CHAT, "plain", &answers::ask("a secret")).await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (503, "service_untrusted"));
    assert!(engine.recorded().is_empty());
}
