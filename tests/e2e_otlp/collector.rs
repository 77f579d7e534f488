//! The collector's end: what was posted, taken apart.

use std::time::{Duration, Instant};

use jurat_tests::{FakeEngine, Recorded, Script, Sidecar, SidecarBuilder, answers};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use prost::Message as _;
use tokio::time::sleep;

/// What a span may say, and nothing else.
pub(crate) const SAID: [&str; 9] = [
    "error.type",
    "http.request.body.size",
    "http.request.method",
    "http.response.body.size",
    "http.response.status_code",
    "http.route",
    "jurat.end",
    "jurat.receipt.id",
    "jurat.time_to_first_byte",
];

/// A collector that takes everything.
pub(crate) async fn start() -> FakeEngine {
    let taken = answers::head(200, &["content-type: application/x-protobuf", "content-length: 0"]);
    FakeEngine::always(Script::say(taken)).await
}

/// Before this engine, telling whoever is at this address.
pub(crate) fn telling(engine: &FakeEngine, url: &str) -> SidecarBuilder {
    Sidecar::before(engine.url()).config(&format!("otlp_endpoint = \"{url}\"\n"))
}

pub(crate) fn decoded(post: &Recorded) -> ExportTraceServiceRequest {
    assert_eq!(post.head.method_and_target(), ("POST", "/v1/traces"));
    assert_eq!(post.head.header("content-type"), Some("application/x-protobuf"));
    ExportTraceServiceRequest::decode(post.body.as_slice()).expect("an export request")
}

pub(crate) fn spans(collector: &FakeEngine) -> Vec<Span> {
    let requests = collector.recorded().into_iter().map(|post| decoded(&post));
    let scopes = requests.flat_map(|one| one.resource_spans).flat_map(|one| one.scope_spans);
    scopes.flat_map(|one| one.spans).collect()
}

/// The span of a receipt; waits for it for a while.
pub(crate) async fn span_of(collector: &FakeEngine, receipt_id: &str) -> Span {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let of = |span: &Span| text(&span.attributes, "jurat.receipt.id").as_deref() == Some(receipt_id);
        let found: Vec<_> = spans(collector).into_iter().filter(of).collect();
        match found.as_slice() {
            [one] => return one.clone(),
            [] if Instant::now() < until => sleep(Duration::from_millis(20)).await,
            other => panic!("{} spans of {receipt_id}", other.len()),
        }
    }
}

pub(crate) fn value(attributes: &[KeyValue], name: &str) -> Option<Value> {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    found.map(|attribute| attribute.value.clone().unwrap().value.unwrap())
}

pub(crate) fn text(attributes: &[KeyValue], name: &str) -> Option<String> {
    value(attributes, name).map(|value| match value {
        Value::StringValue(text) => text,
        other => panic!("{name}: {other:?}"),
    })
}

pub(crate) fn number(attributes: &[KeyValue], name: &str) -> Option<i64> {
    value(attributes, name).map(|value| match value {
        Value::IntValue(number) => number,
        other => panic!("{name}: {other:?}"),
    })
}
