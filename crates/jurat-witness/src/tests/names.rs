//! Id and model: found wherever they stand at the top, and nowhere else.

use alloc::{format, string::String, vec::Vec};

use jurat_proto::End;

use super::{events, run};
use crate::{Answer, Family, Framing, Shape};

fn json(body: &str) -> (String, String) {
    let answer = Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(body.len() as u64),
        shape: Shape::Json,
    };
    let by_byte = run(answer, body.as_bytes().chunks(1), End::Complete).statement;
    let at_once = run(answer, Vec::from([body.as_bytes()]), End::Complete).statement;
    assert_eq!((&by_byte.response_id, &by_byte.model), (&at_once.response_id, &at_once.model), "{body}");
    (at_once.response_id, at_once.model)
}

#[track_caller]
fn check(body: &str, id: &str, model: &str) {
    assert_eq!(json(body), (id.into(), model.into()), "{body}");
}

#[test]
fn names_are_found_late_and_escaped() {
    check(r#"{"id":"a","model":"m"}"#, "a", "m");
    check(
        r#"{"choices":[{"id":"no","message":{"content":"\"id\":\"no\"}"}}],"model":"m","id":"a"}"#,
        "a",
        "m",
    );
    check(r#" { "\u0069d" : "a\u0062\/\"" , "x":{"model":"no"},"model":"m" } "#, "ab/\"", "m");
    check(r#"{"id":"😀\ud83d\ude00"}"#, "😀😀", "");
}

#[test]
fn first_occurrences_count() {
    check(r#"{"id":"a","id":"b","model":"m","model":"n"}"#, "a", "m");
    check(r#"{"id":7,"id":"b","model":null,"model":"n"}"#, "", "");
    check(r#"{"id":{"id":"b"},"id":"c","model":["n"],"model":"o"}"#, "", "");
}

#[test]
fn content_cannot_pose_as_the_answer() {
    check(r#"{"choices":[{"id":"x","model":"y"}]}"#, "", "");
    check(r#"{"a":"id","b":["id","x"],"c":"}","id":"real"}"#, "real", "");
    check(r#"["id","x"]"#, "", "");
    check(r#""id""#, "", "");
    check(r#"{"a":"{\"id\":\"x\"}"}"#, "", "");
    check(r#"{} {"id":"second"}"#, "", "");
    check(r#"{"id" "a"}"#, "", "");
    check(r#"{"a":{"b":1}},"id":"x"}"#, "", "");
}

#[test]
fn what_is_no_name_is_empty() {
    for bad in [r"\ud83d", r"\ud83dx", r"\ude00", r"\n", r"\u0007", r"\u", r"\x", r"\ud83d\ud83d"] {
        check(&format!(r#"{{"id":"{bad}","model":"m"}}"#), "", "m");
    }
    check(&format!(r#"{{"id":"{}"}}"#, "x".repeat(256)), &"x".repeat(256), "");
    check(&format!(r#"{{"id":"{}","model":"m"}}"#, "x".repeat(257)), "", "m");
    check("{\"id\":\"a\u{7f}\"}", "", "");
    let invalid = b"{\"id\":\"\xff\",\"model\":\"m\"}";
    let answer = Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(invalid.len() as u64),
        shape: Shape::Json,
    };
    let statement = run(answer, Vec::from([&invalid[..]]), End::Complete).statement;
    assert_eq!((statement.response_id.as_str(), statement.model.as_str()), ("", "m"));
}

#[test]
fn streams_name_themselves_by_route() {
    for (family, body, id, model) in [
        (
            Family::Chat,
            ": hello\n\ndata: {\"x\":1}\n\ndata: {\"id\":\"a\",\ndata: \"model\":\"m\"}\n\n",
            "a",
            "m",
        ),
        (
            Family::Responses,
            "event: response.created\ndata: {\"id\":\"no\",\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n",
            "r",
            "m",
        ),
        (
            Family::Messages,
            "data: {\"message\":{\"role\":[{\"id\":1}],\"id\":\"x\"},\"model\":\"no\"}\n\n",
            "x",
            "",
        ),
        (Family::Messages, "data: {\"message\":[{\"id\":\"x\"}]}\n\n", "", ""),
        (
            Family::Chat,
            "id: 7\nevent: {\"id\":\"no\"}\n\ndata: {\"id\":\"a\"\n\ndata: ,\"model\":\"no\"}\n\n",
            "a",
            "",
        ),
    ] {
        for size in [1, 3, 1000] {
            let statement = run(events(family), body.as_bytes().chunks(size), End::Complete).statement;
            assert_eq!(
                (statement.response_id.as_str(), statement.model.as_str()),
                (id, model),
                "{body:?} by {size}"
            );
        }
    }
}
