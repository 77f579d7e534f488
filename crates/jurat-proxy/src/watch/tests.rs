use actix_web::http::header::HeaderValue;

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn of(headers: &[(&'static str, &str)]) -> Option<(String, String)> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    TraceHeaders::of(&map).map(|TraceHeaders { parent, state }| (parent, state))
}

#[test]
fn trace_headers_are_bounded_and_otherwise_as_they_came() {
    let parent = ("traceparent", PARENT);
    assert_eq!(of(&[("tracestate", "a=b")]), None, "a state is nothing without a parent");
    assert_eq!(of(&[parent]), Some((PARENT.into(), String::new())));
    let two = [parent, ("tracestate", "a=b"), ("tracestate", "c=d")];
    assert_eq!(of(&two), Some((PARENT.into(), "a=b,c=d".into())));
    assert_eq!(of(&[parent, parent]), None, "of two parents neither is believed");
    let long = "0".repeat(MOST_OF_PARENT + 1);
    assert_eq!(of(&[("traceparent", &long)]), None);
    assert_eq!(of(&[("traceparent", "\u{e9}")]), None, "not a visible character");
    for state in [format!("a={}", "x".repeat(MOST_OF_STATE)), "\u{e9}".to_owned()] {
        assert_eq!(of(&[parent, ("tracestate", &state)]), Some((PARENT.into(), String::new())));
    }
}

#[test]
fn their_values_are_not_printed() {
    let headers = TraceHeaders { parent: PARENT.into(), state: "a=b".into() };
    let shown = format!("{headers:?}");
    assert!(!shown.contains("4bf92f") && !shown.contains("a=b"), "{shown}");
}
