//! Requests that two parsers could read differently (RFC 9112 section 11.2): each is refused, or the engine hears one
//! request, the one that was meant. What hides behind it is never heard as a request of its own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use jurat_tests::{FakeEngine, Recorded, Script, Sidecar, answers};

const HIDDEN: &str =
    "POST /v1/embeddings HTTP/1.1\r\nHost: hidden\r\nX-Hidden: 1\r\nContent-Length: 2\r\n\r\n{}";

/// How a case must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// With an answer from 400 to 499 at once, and the engine hears nothing. Silence is no refusal.
    Refused,
    /// As one request with this body.
    Heard(&'static str),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// An answer of this status.
    With(u16),
    /// The connection closed, and no answer came before.
    Closed,
    /// Nothing came, and the connection stayed.
    Silent,
}

struct Case {
    what: &'static str,
    bytes: Vec<u8>,
    fate: Fate,
}

fn case(what: &'static str, head: &str, body: &str, fate: Fate) -> Case {
    let text = format!("POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n{body}");
    Case { what, bytes: text.into_bytes(), fate }
}

fn raw(what: &'static str, bytes: impl Into<Vec<u8>>, fate: Fate) -> Case {
    Case { what, bytes: bytes.into(), fate }
}

fn lengths() -> Vec<Case> {
    use Fate::{Heard, Refused};
    let host = "Host: x\r\n";
    vec![
        case(
            "CL.TE",
            &format!("{host}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
            &format!("0\r\n\r\n{HIDDEN}"),
            Refused,
        ),
        case(
            "another coding, and a length",
            &format!("{host}Transfer-Encoding: gzip\r\nContent-Length: 2\r\n"),
            &format!("{{}}{HIDDEN}"),
            Refused,
        ),
        case(
            "TE.CL",
            &format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"),
            &format!("5c\r\n{HIDDEN}\r\n0\r\n\r\n"),
            Refused,
        ),
        case(
            "two lengths",
            &format!("{host}Content-Length: 2\r\nContent-Length: 99\r\n"),
            &format!("{{}}{HIDDEN}"),
            Refused,
        ),
        case("a list of lengths", &format!("{host}Content-Length: 2, 2\r\n"), "{}", Refused),
        case("a signed length", &format!("{host}Content-Length: +2\r\n"), "{}", Refused),
        case("a negative length", &format!("{host}Content-Length: -2\r\n"), "{}", Refused),
        case("a length in hexadecimal", &format!("{host}Content-Length: 0x2\r\n"), "{}", Refused),
        case(
            "a length of another number system",
            &format!("{host}Content-Length: \u{0662}\r\n"),
            "{}",
            Refused,
        ),
        case("a length past 2^64", &format!("{host}Content-Length: 18446744073709551618\r\n"), "{}", Refused),
        case("an empty length", &format!("{host}Content-Length: \r\n"), "", Refused),
        case("space before the colon", &format!("{host}Content-Length : 2\r\n"), "{}", Refused),
        case("a folded length", &format!("{host}Content-Length:\r\n 2\r\n"), "{}", Refused),
        case("neither length nor coding", host, "", Heard("")),
    ]
}

fn codings() -> Vec<Case> {
    use Fate::{Heard, Refused};
    let host = "Host: x\r\n";
    let chunked = format!("{host}Transfer-Encoding: chunked\r\n");
    vec![
        case("chunked", &chunked, "2\r\n{}\r\n0\r\n\r\n", Heard("{}")),
        case(
            "a coding and chunked",
            &format!("{host}Transfer-Encoding: gzip, chunked\r\n"),
            "0\r\n\r\n",
            Refused,
        ),
        case(
            "chunked, then another",
            &format!("{host}Transfer-Encoding: chunked, identity\r\n"),
            "0\r\n\r\n",
            Refused,
        ),
        case("an unknown coding", &format!("{host}Transfer-Encoding: xchunked\r\n"), "0\r\n\r\n", Refused),
        case(
            "two codings",
            &format!("{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
            "0\r\n\r\n",
            Refused,
        ),
        case(
            "a coding behind a tab",
            &format!("{host}Transfer-Encoding:\tchunked\r\n"),
            "2\r\n{}\r\n0\r\n\r\n",
            Heard("{}"),
        ),
        case("a folded coding", &format!("{host}Transfer-Encoding:\r\n chunked\r\n"), "0\r\n\r\n", Refused),
        case(
            "a coding with a control character",
            &format!("{host}Transfer-Encoding: \u{b}chunked\r\n"),
            "0\r\n\r\n",
            Refused,
        ),
        case("a chunk size that is no number", &chunked, "zz\r\n", Refused),
        case("a signed chunk size", &chunked, "+2\r\n{}\r\n0\r\n\r\n", Refused),
        case("a chunk size with 0x", &chunked, "0x2\r\n{}\r\n0\r\n\r\n", Refused),
        case("a chunk size past 2^64", &chunked, "10000000000000002\r\n{}\r\n0\r\n\r\n", Refused),
        case("a chunk that is longer than its size", &chunked, "2\r\n{}x\r\n0\r\n\r\n", Refused),
        case("a chunk size that ends in LF", &chunked, "2\n{}\r\n0\r\n\r\n", Refused),
    ]
}

fn lines() -> Vec<Case> {
    use Fate::{Heard, Refused};
    let two = "Host: x\r\nContent-Length: 2\r\n";
    vec![
        raw("a request line of two words", "POST /v1/chat/completions\r\n\r\n", Refused),
        raw(
            "a request line of four words",
            "POST /v1/chat/completions HTTP/1.1 x\r\nHost: x\r\n\r\n",
            Refused,
        ),
        raw("a greeting of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", Refused),
        raw("a space in the target", "POST /v1/chat/completions /x HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        raw("another protocol", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Refused),
        raw("a version to come", "POST /v1/chat/completions HTTP/1.9\r\nHost: x\r\n\r\n", Refused),
        raw(
            "absolute form",
            "POST http://elsewhere/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
            Heard("{}"),
        ),
        raw("authority form", "CONNECT elsewhere:443 HTTP/1.1\r\nHost: x\r\n\r\n", Refused),
        case("a header without a name", &format!("{two}: x\r\n"), "{}", Refused),
        case("a header without a colon", &format!("{two}Nonsense\r\n"), "{}", Refused),
        case("a NUL in a value", &format!("{two}X-A: a\0b\r\n"), "{}", Refused),
        case("a bare CR in a value", &format!("{two}X-A: a\rX-Hidden: 1\r\n"), "{}", Refused),
        case("a fold", &format!("{two}X-A: a\r\n X-Hidden: 1\r\n"), "{}", Refused),
        case(
            "white space before the first header",
            " X-A: a\r\nHost: x\r\nContent-Length: 2\r\n",
            "{}",
            Refused,
        ),
        case("a name with a space", &format!("{two}X A: a\r\n"), "{}", Refused),
        case(
            "a length hidden by Connection",
            &format!("{two}Connection: content-length\r\n"),
            "{}",
            Heard("{}"),
        ),
        case(
            "two requests in a row",
            two,
            &format!("{{}}{}", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"),
            Heard("{}"),
        ),
    ]
}

fn is_the_one(heard: &[Recorded], body: &str) -> bool {
    let [only] = heard else { return false };
    let head = &only.head;
    head.start_line == "POST /v1/chat/completions HTTP/1.1"
        && only.body == body.as_bytes()
        && head.header("x-hidden").is_none()
        && head.all("content-length").len() + head.all("transfer-encoding").len() <= 1
        && head.all("host").len() == 1
}

#[tokio::test]
async fn nothing_is_smuggled_to_the_engine() {
    let cases: Vec<_> = lengths().into_iter().chain(codings()).chain(lines()).collect();
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    let engine = FakeEngine::always(Script::say(answers::json(200, b"{}"))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    for case in cases {
        let before = engine.recorded().len();
        let mut client = sidecar.connect().await;
        client.send(&case.bytes).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(5), client.answer()).await;
        let ended = match answer {
            Ok(Ok(answer)) => Ended::With(answer.status()),
            Ok(Err(_)) => Ended::Closed,
            Err(_) => Ended::Silent,
        };
        let _ = client.drain_for(Duration::from_millis(100)).await;
        let heard = engine.recorded().split_off(before);
        let as_expected = match case.fate {
            Fate::Refused => heard.is_empty() && matches!(ended, Ended::With(400..=499)),
            Fate::Heard(body) => is_the_one(&heard, body) && ended == Ended::With(200),
        };
        if !as_expected {
            let heard: Vec<_> = heard.iter().map(|one| (&one.head.start_line, &one.body)).collect();
            wrong.push(format!("{}: {:?} wanted, ended {ended:?}, heard {heard:?}", case.what, case.fate));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
