//! The observer of answers: any chunking of any bytes gives the same statement and lets the same bytes through, and
//! what is sworn to is what was let through.
#![no_main]

use jurat_proto::{Digest, End, UnixMillis, sha256};
use jurat_witness::{Answer, Exchange, Family, Framing, Seen, Shape, Statement};
use libfuzzer_sys::fuzz_target;

struct Run {
    early: Vec<u8>,
    late: Vec<u8>,
    statement: Statement,
}

fn run(answer: Answer, body: &[u8], size: usize, end: End) -> Run {
    let mut asked = Exchange::open("POST /v1/chat/completions".into(), UnixMillis(1), Digest::ZERO);
    asked.request(b"{}");
    asked.forwarded();
    let mut exchange = asked.answering(answer);
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for piece in body.chunks(size) {
        let (held, surplus) = match exchange.observe(piece) {
            Seen::Flowing { held } => (held, None),
            Seen::Whole { held, surplus } => (held, Some(surplus)),
        };
        late.extend_from_slice(&piece[..piece.len() - surplus.unwrap_or(0)]);
        early.extend(late.drain(..late.len() - held as usize));
        if surplus.is_some() {
            return Run { early, late, statement: exchange.finish(End::Complete, UnixMillis(2)) };
        }
    }
    Run { early, late, statement: exchange.finish(end, UnixMillis(2)) }
}

fuzz_target!(|data: &[u8]| {
    let [shape, family, framing, end, size, body @ ..] = data else { return };
    let family = [Family::Chat, Family::Responses, Family::Messages, Family::Plain][usize::from(family % 4)];
    let shape = [Shape::Events, Shape::Events, Shape::Json, Shape::Opaque][usize::from(shape % 4)];
    let end = [End::Complete, End::EngineTruncated, End::TimedOut, End::ClientLeft][usize::from(end % 4)];
    let framing = match framing % 4 {
        0 => Framing::UntilClose,
        1 => Framing::Length(body.len() as u64),
        2 => Framing::Length(body.len() as u64 + 1),
        _ => Framing::Chunked,
    };
    let answer = Answer { status: 200, family, framing, shape };
    let one = run(answer, body, body.len().max(1), end);
    for size in [1, usize::from(*size).max(1)] {
        let other = run(answer, body, size, end);
        assert_eq!([&one.early[..], &one.late].concat(), [&other.early[..], &other.late].concat());
        assert_eq!(one.statement.end(), other.statement.end());
        assert_eq!(one.statement.sworn().2, other.statement.sworn().2);
        assert_eq!(one.statement.sworn().3, other.statement.sworn().3);
    }
    let (hash, length, ..) = one.statement.sworn();
    let left = one.statement.end() == End::ClientLeft;
    let sworn = if left { one.early } else { [one.early, one.late].concat() };
    assert_eq!((hash, length), (sha256(&sworn), sworn.len() as u64));
});
