//! Which end is sworn to, and what is held back until then.

use alloc::{format, vec::Vec};

use jurat_proto::{End, sha256};

use super::{events, run};
use crate::{Answer, Family, Framing, Shape};

const CHAT: &[u8] = b"data: {\"id\":\"c-1\",\"model\":\"m\"}\n\ndata: [DONE]\n\n";

fn whole(body: &[u8]) -> Vec<&[u8]> {
    Vec::from([body])
}

#[test]
fn done_is_held_and_completes() {
    let run = run(events(Family::Chat), whole(CHAT), End::EngineTruncated);
    assert_eq!(run.late, b"data: [DONE]\n\n");
    assert_eq!(run.statement.end(), End::Complete);
    assert_eq!(run.statement.response_hash, sha256(CHAT));
    assert_eq!(run.statement.response_length, CHAT.len() as u64);
    assert_eq!((run.statement.response_id.as_str(), run.statement.model.as_str()), ("c-1", "m"));
}

#[test]
fn done_is_matched_as_clients_match_it() {
    for (line, held) in [
        ("data:[DONE]\n\n", true),
        ("data: [DONE]\r\n\r\n", true),
        ("data: [DONE]\r\r", true),
        ("data: [DONE] \n\n", true),
        ("data: [DONE]x\n\n", true),
        ("data:  [DONE]\n\n", false),
        ("data: \"[DONE]\"\n\n", false),
        ("data: x data: [DONE]\n\n", false),
        (": data: [DONE]\n\n", false),
    ] {
        let body = format!("data: {{}}\n\n{line}");
        let run = run(events(Family::Chat), whole(body.as_bytes()), End::Complete);
        assert_eq!(run.statement.end() == End::Complete, held, "{line:?}");
        // CR CR leaves open whether an LF follows: whole, and ended by the body's end.
        assert_eq!(run.late == line.as_bytes(), held, "{line:?}");
    }
}

#[test]
fn bytes_behind_done_are_surplus() {
    let body = [CHAT, b"data: {\"late\":1}\n\n"].concat();
    let run = run(events(Family::Chat), whole(&body), End::Complete);
    assert_eq!(run.all(), CHAT);
    assert_eq!(run.statement.response_hash, sha256(CHAT));
}

#[test]
fn a_stream_without_done_is_truncated_however_it_stops() {
    for end in [End::Complete, End::EngineTruncated] {
        let run = run(events(Family::Chat), whole(b"data: {}\n\ndata: [DON"), end);
        assert_eq!(run.statement.end(), End::EngineTruncated);
        assert_eq!(run.late, b"data: [DON");
        assert_eq!(run.statement.response_length, 20, "what came is released with the receipt");
    }
}

#[test]
fn a_done_without_its_blank_line_is_whole() {
    let run = run(events(Family::Chat), whole(b"data: {}\n\ndata: [DONE]"), End::EngineTruncated);
    assert_eq!(run.statement.end(), End::Complete);
}

#[test]
fn an_error_event_outlives_its_done() {
    for error in [
        "data: {\"error\": {\"message\":\"dead\"}}\n\n",
        "data:{\"error\":1}\n\n",
        "event: error\ndata: {}\n\n",
        "data: {\"type\":\"error\"}\n\n",
    ] {
        let body = format!("data: {{}}\n\n{error}data: [DONE]\n\n");
        let run = run(events(Family::Chat), whole(body.as_bytes()), End::Complete);
        assert_eq!(run.statement.end(), End::EngineFailed, "{error:?}");
        assert_eq!(run.late, b"data: [DONE]\n\n");
    }
    let run = run(events(Family::Chat), whole(b"data: {\"errors\":0}\n\ndata: [DONE]\n\n"), End::Complete);
    assert_eq!(run.statement.end(), End::Complete);
}

#[test]
fn the_client_that_left_was_not_given_what_is_held() {
    let mut run = run(events(Family::Chat), whole(b"data: {}\n\ndata: [DO"), End::ClientLeft);
    assert_eq!(run.statement.end(), End::ClientLeft);
    assert_eq!(run.statement.response_hash, sha256(b"data: {}\n\n"));
    assert_eq!(run.statement.response_length, 10);
    run.late.clear();
}

#[test]
fn named_events_complete_their_routes() {
    let responses =
        |last: &str| format!("event: response.created\ndata: {{\"type\":\"response.created\"}}\n\n{last}");
    for (family, last, end) in [
        (Family::Responses, "event: response.completed\ndata: {}\n\n", End::Complete),
        (Family::Responses, "data: {\"type\":\"response.completed\"}\n\n", End::Complete),
        (Family::Responses, "event: response.incomplete\ndata: {}\n\n", End::Complete),
        (Family::Responses, "event: response.failed\ndata: {}\n\n", End::EngineFailed),
        (Family::Responses, "event: response.completed.not\ndata: {}\n\n", End::EngineTruncated),
        (Family::Messages, "event: message_stop\ndata: {}\n\n", End::Complete),
        (Family::Messages, "data: [DONE]\n\n", End::EngineTruncated),
    ] {
        let body = responses(last);
        let run = run(events(family), whole(body.as_bytes()), End::Complete);
        assert_eq!(run.statement.end(), end, "{last:?}");
        let held = if end == End::EngineTruncated { "" } else { last };
        assert_eq!(run.late, held.as_bytes(), "{last:?}");
    }
    // The event alone is not enough: its data is the answer.
    let cut = responses("event: response.completed\n");
    let run = run(events(Family::Responses), whole(cut.as_bytes()), End::Complete);
    assert_eq!(run.statement.end(), End::EngineTruncated);
}

#[test]
fn a_known_length_is_kept_to() {
    let answer = |total| Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(total),
        shape: Shape::Json,
    };
    let all = run(answer(4), [&b"{\"a"[..], b"}"], End::EngineTruncated);
    assert_eq!((all.statement.end(), all.late.as_slice()), (End::Complete, &b"}"[..]));
    let short = run(answer(9), [&b"{\"a"[..], b"}"], End::Complete);
    assert_eq!((short.statement.end(), short.late.len()), (End::EngineTruncated, 0));
}

#[test]
fn a_body_until_close_is_never_known_to_be_whole() {
    let answer = Answer { framing: Framing::UntilClose, shape: Shape::Json, ..events(Family::Chat) };
    assert_eq!(run(answer, whole(b"{}"), End::Complete).statement.end(), End::EngineTruncated);
    let answer = Answer { framing: Framing::UntilClose, ..events(Family::Chat) };
    assert_eq!(run(answer, whole(CHAT), End::Complete).statement.end(), End::Complete);
}

#[test]
fn a_giant_completing_event_may_be_let_go_but_for_its_end() {
    let mut exchange = crate::Exchange::open(
        "POST /v1/responses".into(),
        jurat_proto::UnixMillis(1),
        jurat_proto::Digest::ZERO,
    )
    .answering(events(Family::Responses));
    let seen = exchange.observe(b"event: response.completed\ndata: 0123");
    assert_eq!(seen, crate::Seen::Flowing { held: 36 });
    exchange.let_go(b"event: response.completed\n");
    assert_eq!(exchange.observe(b"4"), crate::Seen::Flowing { held: 11 });
    let left = exchange.finish(End::ClientLeft, jurat_proto::UnixMillis(2));
    assert_eq!(left.response_hash, sha256(b"event: response.completed\n"));
}

#[test]
fn a_body_is_what_its_type_says_unless_it_is_coded() {
    for (content_type, coding, shape) in [
        (Some("Text/Event-Stream; charset=utf-8"), None, Shape::Events),
        (Some(" application/json "), None, Shape::Json),
        (Some("application/problem+JSON;charset=utf-8"), None, Shape::Json),
        (Some("audio/mpeg"), None, Shape::Opaque),
        (Some("json"), None, Shape::Opaque),
        (Some("text/event-streams"), None, Shape::Opaque),
        (None, None, Shape::Opaque),
        (Some("text/event-stream"), Some("gzip"), Shape::Opaque),
        (Some("application/json"), Some("identity, gzip"), Shape::Opaque),
        (Some("text/event-stream"), Some("Identity"), Shape::Events),
        (Some("text/event-stream"), Some(""), Shape::Events),
    ] {
        let found = Shape::of(content_type.map(str::as_bytes), coding.map(str::as_bytes));
        assert_eq!(found, shape, "{content_type:?} {coding:?}");
    }
}
