//! The first law: any chunking of the same bytes gives the same statement, and lets the same bytes through.

use alloc::vec::Vec;

use jurat_proto::{End, sha256};
use proptest::prelude::*;

use super::{events, run};
use crate::{Answer, Family, Framing, Shape};

/// Fragments that provoke the machines: near misses of everything they look for.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"data: [DONE]".to_vec()),
        Just(b"data:[DO".to_vec()),
        Just(b"data: {\"id\":\"a\\u00e9\",\"model\":\"m\"}".to_vec()),
        Just(b"event: response.completed".to_vec()),
        Just(b"data: {\"type\":\"response.failed\"}".to_vec()),
        Just(b"event: message_stop".to_vec()),
        Just(b"data: {\"response\":{\"id\":\"r\"".to_vec()),
        Just(b"event: error".to_vec()),
        Just(b"data: {\"error\"".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"{\"a\":[1,\"x\\\"y\"],\"id\":\"\\ud83d\\ude00\"".to_vec()),
        Just("\u{fe0f}é".as_bytes()[..3].to_vec()),
        proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

fn answers() -> impl Strategy<Value = Answer> {
    let family =
        prop_oneof![Just(Family::Chat), Just(Family::Responses), Just(Family::Messages), Just(Family::Plain)];
    let framing =
        prop_oneof![Just(Framing::Chunked), Just(Framing::UntilClose), (1u64..200).prop_map(Framing::Length)];
    let shape = prop_oneof![3 => Just(Shape::Events), 1 => Just(Shape::Json), 1 => Just(Shape::Opaque)];
    (family, framing, shape).prop_map(|(family, framing, shape)| Answer {
        family,
        framing,
        shape,
        ..events(family)
    })
}

fn split<'a>(mut body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = body.split_at((*cut).min(body.len()));
        pieces.push(piece);
        body = rest;
    }
    pieces.push(body);
    pieces
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_chunking_gives_the_same_statement(
        answer in answers(),
        fragments in proptest::collection::vec(fragment(), 0..24),
        cuts in proptest::collection::vec(0usize..20, 0..30),
        end in prop_oneof![Just(End::Complete), Just(End::EngineTruncated), Just(End::TimedOut), Just(End::ClientLeft)],
    ) {
        let mut body = fragments.concat();
        if let Framing::Length(total) = answer.framing {
            // The client of the engine never hands out more than the framing says.
            body.truncate(total as usize);
        }
        let one = run(answer, Vec::from([body.as_slice()]), end);
        let many = run(answer, split(&body, &cuts), end);
        let bytes = run(answer, body.chunks(1), end);
        for other in [&many, &bytes] {
            prop_assert_eq!(one.all(), other.all());
            prop_assert_eq!(one.statement.end(), other.statement.end());
            prop_assert_eq!(&one.statement.response_id, &other.statement.response_id);
            prop_assert_eq!(&one.statement.model, &other.statement.model);
        }
        for run in [one, many, bytes] {
            let sworn = if run.statement.end() == End::ClientLeft { run.early } else { [run.early, run.late].concat() };
            prop_assert_eq!(run.statement.response_hash, sha256(&sworn));
            prop_assert_eq!(run.statement.response_length, sworn.len() as u64);
        }
    }

    /// Whatever the split, no byte of the completing event is let through before the receipt.
    #[test]
    fn done_is_never_released_early(cuts in proptest::collection::vec(0usize..20, 0..30)) {
        let body = b"data: {\"a\":1}\n\ndata: {\"b\":\"data: [DONE]\"}\n\ndata: [DONE]\n\n";
        let run = run(events(Family::Chat), split(body, &cuts), End::EngineTruncated);
        prop_assert_eq!(run.late, b"data: [DONE]\n\n");
        prop_assert_eq!(run.statement.end(), End::Complete);
    }
}
