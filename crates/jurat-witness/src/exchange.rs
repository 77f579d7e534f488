//! One exchange, from the first byte of its request to the statement about its end.

use alloc::string::String;

use jurat_proto::{Digest, End, UnixMillis};
use sha2::{Digest as _, Sha256};

use crate::{
    Answer, Family, Framing, Shape, Statement,
    scan::{Names, Path, Scanner},
    sse::{Hold, Sse},
};

/// An exchange in the state `S`: [`Asked`], then [`Answering`].
#[must_use = "every admitted exchange ends in a statement"]
pub struct Exchange<S> {
    endpoint: String,
    received_at: UnixMillis,
    client_nonce: Digest,
    request: Sha256,
    request_length: u64,
    upload: Upload,
    forwarding: Forwarding,
    state: S,
}

/// State: the request is coming in; nothing of an answer is known.
pub struct Asked(());

/// State: the answer's head is known; its body is coming.
pub struct Answering {
    answer: Answer,
    reader: Reader,
    /// Over all bytes observed.
    hash: Sha256,
    length: u64,
    /// As `hash` and `length`, but without the bytes that are held back. `None` while none are.
    released: Option<(Sha256, u64)>,
}

/// What the observer makes of a chunk. "Held" counts the last bytes observed so far, those of earlier
/// chunks included: the caller keeps that many and lets all before them go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Seen {
    /// The answer goes on.
    Flowing {
        /// How many bytes to keep.
        held: u64,
    },
    /// The answer is whole: finish, and release what is held when the receipt is stored.
    Whole {
        /// How many bytes to keep, not counting the surplus.
        held: u64,
        /// How many bytes at the chunk's end lie behind the completing ones: never to be relayed.
        surplus: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Upload {
    Whole,
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Forwarding {
    Nothing,
    AsReceived,
    /// SHA-256 of what was forwarded instead.
    Rewritten(Digest),
}

enum Reader {
    Events(Sse),
    Json(Scanner),
    None,
}

impl Exchange<Asked> {
    /// Begins an exchange. `endpoint` is method, space, path at the engine; `client_nonce` the client's
    /// `X-Receipt-Nonce`, zero if it sent none.
    pub fn open(endpoint: String, received_at: UnixMillis, client_nonce: Digest) -> Self {
        Self {
            endpoint,
            received_at,
            client_nonce,
            request: Sha256::new(),
            request_length: 0,
            upload: Upload::Whole,
            forwarding: Forwarding::Nothing,
            state: Asked(()),
        }
    }

    /// Takes bytes of the request's body, in order.
    pub fn request(&mut self, bytes: &[u8]) {
        self.request.update(bytes);
        self.request_length += bytes.len() as u64;
    }

    /// The request, as received, began its way to the engine.
    pub fn forwarded(&mut self) {
        self.forwarding = Forwarding::AsReceived;
    }

    /// Another body than the received one began its way to the engine: the whole of it, by a documented rewrite.
    pub fn forwarded_instead(&mut self, body: &[u8]) {
        self.forwarding = Forwarding::Rewritten(Digest::new(Sha256::digest(body).into()));
    }

    /// The engine answered before it had the whole request: such an exchange is never complete.
    pub fn upload_cut(&mut self) {
        self.upload = Upload::Cut;
    }

    /// The answer's head is there.
    pub fn answering(self, answer: Answer) -> Exchange<Answering> {
        let Self {
            endpoint,
            received_at,
            client_nonce,
            request,
            request_length,
            upload,
            forwarding,
            state: Asked(()),
        } = self;
        let state =
            Answering { answer, reader: Reader::of(&answer), hash: Sha256::new(), length: 0, released: None };
        Exchange { endpoint, received_at, client_nonce, request, request_length, upload, forwarding, state }
    }

    /// The exchange is over before there was an answer: no status, no bytes.
    pub fn finish(self, end: End, at: UnixMillis) -> Statement {
        let none = Answer { status: 0, family: Family::Plain, framing: Framing::Empty, shape: Shape::Opaque };
        self.answering(none).finish(end, at)
    }
}

impl Exchange<Answering> {
    /// Takes bytes of the answer's body, in order, as the engine sent them.
    pub fn observe(&mut self, chunk: &[u8]) -> Seen {
        let state = &mut self.state;
        let (mut hold, mut end) = match &mut state.reader {
            Reader::Events(sse) => {
                let fed = sse.feed(chunk);
                (fed.hold, fed.end)
            }
            Reader::Json(scanner) => {
                scanner.feed(chunk);
                (Hold::Nothing, None)
            }
            Reader::None => (Hold::Nothing, None),
        };
        if let Framing::Length(total) = state.answer.framing
            && end.is_none()
            && state.length + chunk.len() as u64 >= total
        {
            end = Some(chunk.len());
            hold = if hold == Hold::Nothing { Hold::From(0) } else { hold };
        }
        let used = end.unwrap_or(chunk.len());
        state.take(&chunk[..used], hold);
        let held = state.released.as_ref().map_or(0, |(_, length)| state.length - length);
        match end {
            Some(end) => Seen::Whole { held, surplus: chunk.len() - end },
            None => Seen::Flowing { held },
        }
    }

    /// The oldest of the held bytes are let go after all, as there are too many to keep: the end of the
    /// completing event stays held.
    pub fn let_go(&mut self, oldest: &[u8]) {
        if let Some((hash, length)) = &mut self.state.released {
            hash.update(oldest);
            *length += oldest.len() as u64;
        }
    }

    /// Whether the completing event has begun and needs nothing but its blank line, for which a client
    /// need not wait.
    pub fn is_all_but_whole(&self) -> bool {
        matches!(&self.state.reader, Reader::Events(sse) if sse.is_whole())
    }

    /// The exchange is over. `end` is what the transport saw; the statement says no better of the answer
    /// than its own protocol did.
    pub fn finish(self, end: End, at: UnixMillis) -> Statement {
        let end = self.judge(end);
        let Answering { answer, reader, hash, length, released } = self.state;
        let (hash, length) = match released {
            // What was held back has not been released and now never will be.
            Some(released) if end == End::ClientLeft => released,
            _ => (hash, length),
        };
        let Names { id, model } = reader.into_names();
        let request_hash = Digest::new(self.request.finalize().into());
        Statement {
            response_id: id,
            endpoint: self.endpoint,
            model,
            status: answer.status,
            end,
            request_hash,
            request_length: self.request_length,
            forwarded_hash: match self.forwarding {
                Forwarding::Nothing => Digest::ZERO,
                Forwarding::AsReceived => request_hash,
                Forwarding::Rewritten(hash) => hash,
            },
            response_hash: Digest::new(hash.finalize().into()),
            response_length: length,
            received_at: self.received_at,
            finished_at: at,
            client_nonce: self.client_nonce,
        }
    }

    /// The first end that applies, by the order of precedence.
    fn judge(&self, end: End) -> End {
        match end {
            End::Refused | End::ClientLeft | End::TimedOut => end,
            End::EngineFailed | End::EngineTruncated | End::Complete => {
                if end == End::EngineFailed || self.state.failed() || self.upload == Upload::Cut {
                    End::EngineFailed
                } else if self.state.is_whole(end) {
                    End::Complete
                } else {
                    End::EngineTruncated
                }
            }
        }
    }
}

impl Answering {
    /// Hashes a chunk, remembering the state before the first held byte.
    fn take(&mut self, chunk: &[u8], hold: Hold) {
        let free = match hold {
            Hold::Nothing => chunk.len(),
            Hold::From(at) => at.min(chunk.len()),
            // invariant: what is carried was remembered when it was first held
            Hold::Carried => 0,
        };
        let (free, held) = chunk.split_at(free);
        self.hash.update(free);
        self.length += free.len() as u64;
        match hold {
            Hold::Nothing => self.released = None,
            Hold::From(_) => self.released = Some((self.hash.clone(), self.length)),
            Hold::Carried => {}
        }
        self.hash.update(held);
        self.length += held.len() as u64;
    }

    fn failed(&self) -> bool {
        matches!(&self.reader, Reader::Events(sse) if sse.failed())
    }

    /// Whether protocol and framing agree that the answer came whole. `end` is the transport's word for
    /// how the body stopped.
    fn is_whole(&self, end: End) -> bool {
        let by_framing = match self.answer.framing {
            Framing::Empty => true,
            Framing::Length(total) => self.length == total,
            Framing::Chunked => end == End::Complete,
            Framing::UntilClose => false,
        };
        match (&self.reader, self.answer.family) {
            (Reader::Events(sse), Family::Chat | Family::Responses | Family::Messages) => sse.is_whole(),
            _ => by_framing,
        }
    }
}

impl Reader {
    fn of(answer: &Answer) -> Self {
        let path = match (answer.shape, answer.family) {
            (Shape::Events, Family::Responses) => Path::Under("response"),
            (Shape::Events, Family::Messages) => Path::Under("message"),
            _ => Path::Top,
        };
        match answer.shape {
            Shape::Events => Self::Events(Sse::new(answer.family, Scanner::new(path))),
            Shape::Json => Self::Json(Scanner::new(path)),
            Shape::Opaque => Self::None,
        }
    }

    fn into_names(self) -> Names {
        match self {
            Self::Events(sse) => sse.into_scanner(),
            Self::Json(scanner) => Some(scanner),
            Self::None => None,
        }
        .map(Scanner::into_names)
        .unwrap_or_default()
    }
}
