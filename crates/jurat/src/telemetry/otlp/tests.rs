use std::time::UNIX_EPOCH;

use jurat_proto::{End, ReceiptId, UnixMillis};
use jurat_proxy::TraceHeaders;
use opentelemetry::trace::{SpanId, Status};

use super::*;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn exchange(end: End, status: u16, parent: Option<&str>) -> ExchangeDone {
    let trace = parent.map(|parent| TraceHeaders { parent: parent.into(), state: "a=b,c=d".into() });
    ExchangeDone {
        id: ReceiptId::new([7; 16]),
        method: "POST",
        route: "/v1/chat/completions",
        status,
        end,
        request_length: 3,
        response_length: 5,
        received_at: UnixMillis(1_000),
        finished_at: UnixMillis(1_250),
        first_byte: Some(Duration::from_millis(125)),
        trace: trace.map(Box::new),
    }
}

fn attribute(end: End, status: u16, name: &str) -> Option<String> {
    let span = Maker::default().span(exchange(end, status, None)).unwrap();
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string())
}

#[test]
fn a_span_has_the_clients_trace_and_the_receipts_times() {
    let span = Maker::default().span(exchange(End::Complete, 200, Some(PARENT))).unwrap();
    assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(span.span_context.trace_state().header(), "a=b,c=d");
    assert!(span.span_context.is_valid() && span.parent_span_is_remote);
    let at = |time| Duration::as_millis(&std::time::SystemTime::duration_since(&time, UNIX_EPOCH).unwrap());
    assert_eq!((at(span.start_time), at(span.end_time)), (1_000, 1_250));
    assert_eq!(span.status, Status::Unset);
}

#[test]
fn what_is_no_traceparent_makes_a_root() {
    let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
    let zero = "00000000000000000000000000000000-0000000000000000";
    for bad in [
        "",
        "00",
        ids,
        &format!("00-{ids}-1"),
        &format!("00-{ids}-0g"),
        &format!("00-{ids}-+1"),
        &format!("+0-{ids}-01"),
        &format!("00-{ids}-01-"),
        &format!("00-{ids}-01-00"),
        &format!("01-{ids}-0100"),
        &format!("ff-{ids}-01"),
        &format!("00-{}-01", ids.to_uppercase()),
        &format!("00-{zero}-01"),
        &format!("00-{}-01", ids.replace("00f067aa0ba902b7", "0000000000000000")),
        &format!("00-{}-01", ids.replace("4bf92f", "4bf92-")),
        "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
    ] {
        let span = Maker::default().span(exchange(End::Complete, 200, Some(bad))).unwrap();
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{bad}");
        assert!(span.span_context.is_valid() && !span.parent_span_is_remote, "{bad}");
        assert_eq!(span.span_context.trace_state().header(), "", "{bad}: a state goes with its parent");
    }
    for good in [PARENT.to_owned(), format!("cc-{ids}-09-what-comes-later"), format!("01-{ids}-01")] {
        let span = Maker::default().span(exchange(End::Complete, 200, Some(&good))).unwrap();
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7", "{good}");
    }
}

#[test]
fn a_client_that_does_not_record_is_not_recorded() {
    let parent = PARENT.replace("-01", "-00");
    assert_eq!(Maker::default().span(exchange(End::Complete, 200, Some(&parent))), None);
}

#[test]
fn errors_are_this_sides_alone() {
    for (end, status, error) in [
        (End::Complete, 200, None),
        (End::Complete, 404, None),
        (End::Complete, 500, Some("500")),
        (End::ClientLeft, 0, None),
        (End::ClientLeft, 200, None),
        (End::EngineFailed, 200, Some("engine_failed")),
        (End::EngineTruncated, 200, Some("engine_truncated")),
        (End::TimedOut, 200, Some("timed_out")),
        (End::Refused, 502, Some("refused")),
    ] {
        assert_eq!(attribute(end, status, "error.type").as_deref(), error, "{end} {status}");
        let status_code = attribute(end, status, "http.response.status_code");
        assert_eq!(status_code, (status != 0).then(|| status.to_string()), "{end} {status}");
    }
}

/// What is lost is counted, said at once, then not for a minute, and at the end.
#[test]
fn a_full_queue_is_counted_and_never_waited_for() {
    let (send, receive) = sync_channel(1);
    let no_room = Arc::new(AtomicU64::new(0));
    let queue = Queue { send, no_room: Arc::clone(&no_room) };
    for _ in 0..3 {
        queue.over(exchange(End::Complete, 200, None));
    }
    assert_eq!(no_room.load(Ordering::Relaxed), 2);
    let mut losses = Losses { no_room: Arc::clone(&no_room), ..Losses::default() };
    losses.say(false);
    assert_eq!(no_room.load(Ordering::Relaxed), 0, "it was said");
    drop(receive);
    queue.over(exchange(End::Complete, 200, None));
    losses.say(false);
    assert_eq!(no_room.load(Ordering::Relaxed), 1, "not within a minute");
    losses.say(true);
    assert_eq!(no_room.load(Ordering::Relaxed), 0, "but at the end");
}
