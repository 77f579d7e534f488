//! The cases: what the engine does, what the client must get of it, and what is sworn.

use std::time::Duration;

use jurat_proto::End;

use super::Case;
use crate::{Script, Step, answers};

const CHAT: &str = "/v1/chat/completions";

fn case(name: &'static str, path: &'static str, script: Script, body: &[u8], whole: bool, end: End) -> Case {
    Case { name, path, script, body: body.to_vec(), whole, end }
}

fn last() -> Step {
    Step::Send(answers::LAST_CHUNK.to_vec())
}

fn sized(declared: usize, body: &[u8], tail: &[Step]) -> Script {
    let head =
        answers::head(200, &["content-type: application/json", &format!("content-length: {declared}")]);
    let mut steps = vec![Step::Send([head, body.to_vec()].concat())];
    steps.extend_from_slice(tail);
    Script::new(steps)
}

/// Answers that come to their end, well or not.
pub fn whole_and_failed() -> Vec<Case> {
    let event = answers::chat_event("chatcmpl-1", "one");
    let (done, error) = (answers::DONE, answers::error_event());
    let chat = [event.as_slice(), done].concat();
    let plain = answers::chat_body("chatcmpl-1", "pong");
    let created: &[u8] =
        b"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\"}}\n\n";
    let completed: &[u8] =
        b"event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\"}}\n\n";
    let incomplete: &[u8] = b"event: response.incomplete\ndata: {\"type\":\"response.incomplete\"}\n\n";
    let failed: &[u8] = b"event: response.failed\ndata: {\"type\":\"response.failed\"}\n\n";
    let start: &[u8] =
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n";
    let stop: &[u8] = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let named_error: &[u8] = b"event: error\ndata: {\"message\":\"no\"}\n\n";
    let typed_error: &[u8] = b"data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\"}}\n\n";
    let crlf: &[u8] = b"data:[DONE]\r\n\r\n";
    let unfinished: &[u8] = b"data: [DONE]\n";
    let late = Step::Sleep(Duration::from_secs(4));
    let chunked_json = [
        answers::head(200, &["content-type: application/json", "transfer-encoding: chunked"]),
        answers::chunked(&plain, 50),
    ];
    let j = |parts: &[&[u8]]| parts.concat();
    vec![
        case("plain", CHAT, sized(plain.len(), &plain, &[]), &plain, true, End::Complete),
        case(
            "plain-in-two",
            CHAT,
            sized(
                plain.len(),
                &plain[..9],
                &[Step::Sleep(Duration::from_millis(50)), Step::Send(plain[9..].to_vec())],
            ),
            &plain,
            true,
            End::Complete,
        ),
        case(
            "more-than-declared",
            CHAT,
            sized(plain.len() - 5, &plain, &[Step::Close]),
            &plain[..plain.len() - 5],
            true,
            End::Complete,
        ),
        case("chunked-json", CHAT, Script::say(chunked_json.concat()), &plain, true, End::Complete),
        case("no-content", CHAT, Script::say(answers::head(204, &[])), b"", true, End::Complete),
        case("empty", CHAT, sized(0, b"", &[]), b"", true, End::Complete),
        case("stream", CHAT, Script::stream(&[&event, done], &[last()]), &chat, true, End::Complete),
        case(
            "completions",
            "/v1/completions",
            Script::stream(&[&event, done], &[last()]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "crlf",
            CHAT,
            Script::stream(&[&event, crlf], &[last()]),
            &j(&[&event, crlf]),
            true,
            End::Complete,
        ),
        case(
            "bytes-behind-done",
            CHAT,
            Script::stream(&[&event, done, b"data: more\n\n"], &[last()]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "bytes-behind-done-at-once",
            CHAT,
            Script::stream(&[&j(&[&event, done, b": more\n\n"])], &[last()]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "late-terminator",
            CHAT,
            Script::stream(&[&event, done], &[late.clone(), last()]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "no-terminator",
            CHAT,
            Script::stream(&[&event, done], &[Step::Close]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "reset-behind-done",
            CHAT,
            Script::stream(&[&event, done], &[Step::Sleep(Duration::from_millis(300)), Step::Reset]),
            &chat,
            true,
            End::Complete,
        ),
        case(
            "late-blank-line",
            CHAT,
            Script::stream(&[&event, unfinished], &[late, Step::Send(answers::chunk(b"\n")), last()]),
            &j(&[&event, unfinished]),
            true,
            End::Complete,
        ),
        case(
            "no-blank-line",
            CHAT,
            Script::stream(&[&event, unfinished], &[last()]),
            &j(&[&event, unfinished]),
            true,
            End::Complete,
        ),
        case(
            "responses",
            "/v1/responses",
            Script::stream(&[created, completed, b": tail\n\n"], &[last()]),
            &j(&[created, completed]),
            true,
            End::Complete,
        ),
        case(
            "responses-incomplete",
            "/v1/responses",
            Script::stream(&[created, incomplete], &[last()]),
            &j(&[created, incomplete]),
            true,
            End::Complete,
        ),
        case(
            "messages",
            "/v1/messages",
            Script::stream(&[start, stop], &[last()]),
            &j(&[start, stop]),
            true,
            End::Complete,
        ),
        case(
            "error-then-done",
            CHAT,
            Script::stream(&[&event, &error, done], &[last()]),
            &j(&[&event, &error, done]),
            true,
            End::EngineFailed,
        ),
        case(
            "typed-error",
            CHAT,
            Script::stream(&[&event, typed_error, done], &[last()]),
            &j(&[&event, typed_error, done]),
            true,
            End::EngineFailed,
        ),
        case(
            "named-error",
            "/v1/messages",
            Script::stream(&[start, named_error, stop], &[last()]),
            &j(&[start, named_error, stop]),
            true,
            End::EngineFailed,
        ),
        case(
            "responses-failed",
            "/v1/responses",
            Script::stream(&[created, failed], &[last()]),
            &j(&[created, failed]),
            true,
            End::EngineFailed,
        ),
        // What looks like an error or an end inside content is content.
        case(
            "error-in-content",
            CHAT,
            Script::stream(
                &[&answers::chat_event("chatcmpl-1", "\ndata: {\"error\": 1}\n\ndata: [DONE]\n\n"), done],
                &[last()],
            ),
            &j(&[&answers::chat_event("chatcmpl-1", "\ndata: {\"error\": 1}\n\ndata: [DONE]\n\n"), done]),
            true,
            End::Complete,
        ),
    ]
}

/// Answers that are cut off.
pub fn truncated() -> Vec<Case> {
    let event = answers::chat_event("chatcmpl-1", "one");
    let plain = answers::chat_body("chatcmpl-1", "pong");
    let start: &[u8] =
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\"}}\n\n";
    let half =
        [answers::chat_event("chatcmpl-1", "x"), b"data: {\"id\":\"chatcmpl-1\",\"half\":\"\xc3".to_vec()]
            .concat();
    let error = answers::error_event();
    let pause = Step::Sleep(Duration::from_millis(200));
    let truncated = End::EngineTruncated;
    vec![
        case(
            "shorter-than-declared",
            CHAT,
            sized(plain.len() + 10, &plain, &[Step::Close]),
            &plain,
            false,
            truncated,
        ),
        case(
            "one-byte-short",
            CHAT,
            sized(plain.len(), &plain[..plain.len() - 1], &[Step::Close]),
            &plain[..plain.len() - 1],
            false,
            truncated,
        ),
        case(
            "reset-in-plain",
            CHAT,
            sized(plain.len() + 10, &plain, &[pause.clone(), Step::Reset]),
            &plain,
            false,
            truncated,
        ),
        case("stream-closed", CHAT, Script::stream(&[&event], &[Step::Close]), &event, false, truncated),
        case(
            "stream-reset",
            CHAT,
            Script::stream(&[&event], &[pause.clone(), Step::Reset]),
            &event,
            false,
            truncated,
        ),
        case("stream-cut-in-utf8", CHAT, Script::stream(&[&half], &[Step::Close]), &half, false, truncated),
        case(
            "stream-cut-in-chunk",
            CHAT,
            Script::stream(&[], &[Step::Send([b"ff\r\n".as_slice(), &event[..40]].concat()), Step::Close]),
            &event[..40],
            false,
            truncated,
        ),
        case(
            "broken-chunk",
            CHAT,
            Script::stream(&[&event], &[Step::Send(b"zz\r\nxx\r\n".to_vec()), Step::Close]),
            &event,
            false,
            truncated,
        ),
        case("no-done", CHAT, Script::stream(&[&event], &[last()]), &event, false, truncated),
        case(
            "half-a-done",
            CHAT,
            Script::stream(&[&event, b"data: [DON"], &[last()]),
            &[event.as_slice(), b"data: [DON"].concat(),
            false,
            truncated,
        ),
        case(
            "messages-without-stop",
            "/v1/messages",
            Script::stream(&[start], &[last()]),
            start,
            false,
            truncated,
        ),
        case(
            "responses-without-end",
            "/v1/responses",
            Script::stream(&[start], &[last()]),
            start,
            false,
            truncated,
        ),
        // Of two ends that apply, the first in the spec's order is sworn.
        case(
            "error-then-cut",
            CHAT,
            Script::stream(&[&event, &error], &[Step::Close]),
            &[event.as_slice(), &error].concat(),
            false,
            End::EngineFailed,
        ),
    ]
}
