use jurat_witness::Framing;
use reqwest::header::{HeaderName, HeaderValue};

use super::*;

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let named =
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    named.collect()
}

#[test]
fn a_stream_is_known_by_its_type_unless_it_is_coded() {
    for (lines, expected) in [
        (vec![("content-type", "Text/Event-Stream; charset=utf-8")], Shape::Events),
        (vec![("content-type", "application/json")], Shape::Json),
        (vec![("content-type", "audio/mpeg")], Shape::Opaque),
        (vec![], Shape::Opaque),
        (vec![("content-type", "text/event-stream"), ("content-encoding", "gzip")], Shape::Opaque),
        (vec![("content-type", "text/event-stream"), ("content-encoding", "Identity")], Shape::Events),
    ] {
        assert_eq!(shape(&headers(&lines)), expected, "{lines:?}");
    }
}

#[test]
fn a_body_without_length_or_chunks_ends_with_its_connection() {
    assert_eq!(framing(200, &headers(&[]), None), Framing::UntilClose);
    assert_eq!(framing(200, &headers(&[("transfer-encoding", "chunked")]), None), Framing::Chunked);
    assert_eq!(framing(200, &headers(&[]), Some(7)), Framing::Length(7));
    assert_eq!(framing(200, &headers(&[]), Some(0)), Framing::Empty);
    assert_eq!(framing(304, &headers(&[]), Some(7)), Framing::Empty);
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
