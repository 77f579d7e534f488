mod chunking;
mod ends;
mod names;
mod signing;

use alloc::{string::ToString, vec::Vec};

use jurat_proto::{Digest, End, UnixMillis};

use crate::{Answer, Exchange, Family, Framing, Seen, Shape, Statement};

/// What a run of the observer let through, and what it swore.
struct Run {
    /// Released while the answer flowed.
    early: Vec<u8>,
    /// Held until the receipt.
    late: Vec<u8>,
    statement: Statement,
}

impl Run {
    fn all(&self) -> Vec<u8> {
        [self.early.as_slice(), self.late.as_slice()].concat()
    }
}

fn events(family: Family) -> Answer {
    Answer { status: 200, family, framing: Framing::Chunked, shape: Shape::Events }
}

/// Plays the proxy's part: feeds the pieces, keeps what must be held, finishes with `end` if the answer
/// did not become whole by itself.
fn run<'a>(answer: Answer, pieces: impl IntoIterator<Item = &'a [u8]>, end: End) -> Run {
    let mut asked = Exchange::open("POST /v1/chat/completions".to_string(), UnixMillis(1), Digest::ZERO);
    asked.request(b"{}");
    asked.forwarded();
    let mut exchange = asked.answering(answer);
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for piece in pieces {
        match exchange.observe(piece) {
            Seen::Flowing { held } => {
                late.extend_from_slice(piece);
                early.extend(late.drain(..late.len() - held as usize));
            }
            Seen::Whole { held, surplus } => {
                late.extend_from_slice(&piece[..piece.len() - surplus]);
                early.extend(late.drain(..late.len() - held as usize));
                return Run { early, late, statement: exchange.finish(End::Complete, UnixMillis(2)) };
            }
        }
    }
    Run { early, late, statement: exchange.finish(end, UnixMillis(2)) }
}
