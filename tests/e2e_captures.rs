//! Recorded answers of real engines, replayed byte for byte: they must come out as they went in.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{collections::BTreeMap, path::Path};

use jurat_proto::End;
use jurat_tests::{
    Ending, Expected, FakeEngine, Head, Oath, Script, Sidecar, Step,
    captures::{self, Capture},
    request, skip,
};

/// Headers that end at each hop, or that are jurat's own.
const NOT_RELAYED: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"];

fn relayed(head: &Head) -> Vec<(String, String)> {
    let kept =
        head.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).filter(|(name, _)| {
            !NOT_RELAYED.contains(&name.as_str())
                && !name.starts_with("access-control-")
                && name != "x-receipt-id"
                && name != "zg-res-key"
        });
    let mut kept: Vec<_> = kept.collect();
    kept.sort();
    kept
}

/// Routes whose answers are sworn, of those that were recorded.
const SWORN: [&str; 8] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/rerank",
    "/score",
    "/v1/audio/transcriptions",
];
const UNSWORN: [&str; 3] = ["/v1/models", "/tokenize", "/detokenize"];

/// Exchanges that are not one plain request and its one answer.
fn is_replayable(capture: &Capture) -> bool {
    let Some((head, _)) = capture.asked() else { return false };
    let (method, target) = head.method_and_target();
    let path = target.split('?').next().unwrap_or_default();
    let right_method = if path == "/v1/models" { method == "GET" } else { method == "POST" };
    let exchange = capture.name.rsplit('/').next().unwrap_or_default();
    right_method
        && (SWORN.contains(&path) || UNSWORN.contains(&path))
        && !["pipelined", "http2-prior-knowledge", "http2-upgrade"].contains(&exchange)
        && capture.answered().is_some_and(|(_, _, whole)| whole)
}

/// What the answer's bytes say about its end, by the rules of the spec: the error events are known by name.
fn expected_end(capture: &Capture) -> End {
    if capture.name.contains("killed-mid-stream") { End::EngineFailed } else { End::Complete }
}

#[tokio::test]
async fn recorded_answers_come_out_as_they_went_in() {
    let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("captures-replayed");
    std::fs::create_dir_all(&into).unwrap();
    let Some(captures) = captures::load(&into) else { skip!("../shared/engine/captures is absent") };
    let captures: Vec<_> = captures.into_iter().filter(is_replayable).collect();
    assert!(captures.len() > 80, "only {} captures can be replayed", captures.len());
    let scripts: BTreeMap<_, _> = captures
        .iter()
        .map(|capture| {
            // The connection closes behind the answer, as some of the recorded engines did.
            (capture.name.clone(), Script::new([Step::Send(capture.response.clone()), Step::Close]))
        })
        .collect();
    let engine = FakeEngine::start(move |head| scripts[head.header("x-capture").unwrap()].clone()).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let oath = Oath::of(&sidecar).await;
    let mut broken = Vec::new();
    for capture in &captures {
        if let Err(what) = replay(capture, &engine, &sidecar, &oath).await {
            broken.push(format!("{}: {what}", capture.name));
        }
    }
    assert!(broken.is_empty(), "{} of {} broken:\n  {}", broken.len(), captures.len(), broken.join("\n  "));
}

async fn replay(
    capture: &Capture,
    engine: &FakeEngine,
    sidecar: &Sidecar,
    oath: &Oath,
) -> Result<(), String> {
    let (asked, body) = capture.asked().expect("replayable");
    let (recorded, answer, _) = capture.answered().expect("replayable");
    let (method, target) = asked.method_and_target();
    let mut headers = vec![format!("X-Capture: {}", capture.name)];
    for name in ["content-type", "accept", "x-request-id", "authorization"] {
        headers.extend(asked.header(name).map(|value| format!("{name}: {value}")));
    }
    let headers: Vec<_> = headers.iter().map(String::as_str).collect();
    let mut client = sidecar.connect().await;
    client.send(&request(method, target, &headers, &body)).await.map_err(|error| error.to_string())?;
    let got = client.answer().await.map_err(|error| error.to_string())?;
    let rule = |kept: bool, what: String| if kept { Ok(()) } else { Err(what) };
    rule(got.status() == recorded.status(), format!("status {} became {}", recorded.status(), got.status()))?;
    rule(got.ending == Ending::Clean, format!("it ended {:?}", got.ending))?;
    rule(got.body == answer, format!("{} bytes became {}, or others", answer.len(), got.body.len()))?;
    let (was, mut is) = (relayed(&recorded), relayed(&got.head));
    if recorded.header("date").is_none() {
        // Who forwards an answer without a date gives it one (RFC 9110, section 6.6.1).
        is.retain(|(name, _)| name != "date");
    }
    rule(was == is, format!("headers {was:?} became {is:?}"))?;
    let path = target.split('?').next().unwrap_or_default();
    if UNSWORN.contains(&path) {
        return rule(got.header("x-receipt-id").is_none(), "it must not be sworn".into());
    }
    let heard = engine.recorded_under(got.receipt_id()).await;
    rule(heard.body == body, "the request's body changed".into())?;
    let record = sidecar.fetch(&format!("/signature/{}", got.receipt_id())).await;
    let record = serde_json::from_slice(&record.body).map_err(|error| format!("no receipt: {error}"))?;
    let (end, status, endpoint) = (expected_end(capture), recorded.status(), heard_endpoint(&heard.head));
    let expected = Expected { end, status, endpoint: &endpoint, request: &body, response: Some(&answer) };
    oath.judge(&record, &expected)?;
    // Where the engine names its answer in JSON, the receipt names the same.
    if let Ok(named) = serde_json::from_slice::<serde_json::Value>(&answer) {
        let id = named["id"].as_str().unwrap_or_default();
        rule(
            record.receipt.response_id == id,
            format!("responseId is {:?}, not {id:?}", record.receipt.response_id),
        )?;
        let model = named["model"].as_str().unwrap_or_default();
        rule(record.receipt.model == model, format!("model is {:?}, not {model:?}", record.receipt.model))?;
    } else if answer.starts_with(b"data: ") && end == End::Complete {
        let id = record.receipt.response_id.as_bytes();
        let named = !id.is_empty() && answer.windows(id.len()).any(|window| window == id);
        rule(named, format!("a stream's responseId is in it: {:?}", record.receipt.response_id))?;
    }
    Ok(())
}

fn heard_endpoint(head: &Head) -> String {
    let (method, target) = head.method_and_target();
    format!("{method} {}", target.split('?').next().unwrap_or_default())
}
