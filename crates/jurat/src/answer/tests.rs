use reqwest::header::{HeaderName, HeaderValue};

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let named =
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    named.collect()
}

#[test]
fn a_head_says_what_comes_and_where_it_ends() {
    let of = |status, lines: &[_]| {
        let Answer { framing, shape, .. } = head(status, &headers(lines), Family::Chat);
        (framing, shape)
    };
    let (json, stream) = (("content-type", "application/json"), ("content-type", "text/event-stream"));
    let seven = ("content-length", "7");
    assert_eq!(of(200, &[stream]), (Framing::UntilClose, Shape::Events));
    assert_eq!(of(200, &[stream, ("transfer-encoding", "chunked")]), (Framing::Chunked, Shape::Events));
    assert_eq!(of(200, &[json, seven]), (Framing::Length(7), Shape::Json));
    assert_eq!(of(200, &[json, seven, ("content-encoding", "gzip")]), (Framing::Length(7), Shape::Opaque));
    assert_eq!(of(200, &[("content-length", "0")]), (Framing::Empty, Shape::Opaque));
    assert_eq!(of(304, &[seven]), (Framing::Empty, Shape::Opaque));
}

#[test]
fn a_receipt_id_is_one_or_it_is_none() {
    let id = "00112233445566778899aabbccddeeff";
    let of = |value| receipt_id(&headers(&[("x-receipt-id", value)]));
    assert_eq!(of(id).map(|id| id.to_string()).as_deref(), Some(id));
    assert_eq!(of("chatcmpl-1"), None);
    assert_eq!(receipt_id(&headers(&[])), None);
}

#[test]
fn a_ruling_names_the_check_that_decided() {
    assert_eq!(Ruling::refused("receipt.end", "cut").to_string(), "refuted receipt.end: cut");
    assert_eq!(
        Ruling::undecided("receipt.unavailable", "gone").to_string(),
        "undecided receipt.unavailable: gone"
    );
}
