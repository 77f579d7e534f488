//! The request on its way to the engine: small bodies in one write with the head, large ones as they come.

use std::{
    future::{Future, poll_fn},
    io,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Duration,
};

use actix_web::{error::PayloadError, web};
use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use jurat_witness::{Asked, Exchange};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{
    engine::{Connection, HeadError, ResponseHead},
    error::Refusal,
    headers::RequestFraming,
};

/// Bodies up to this size are read whole before the engine is asked.
const SMALL: usize = 64 << 10;

/// How much of a body is read before the engine is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// As far as it is small.
    Small,
    /// All of it, as it is looked into.
    Whole,
}

/// A request body, read as far as it is small.
pub(crate) struct Upload {
    payload: web::Payload,
    /// Read, hashed, not yet sent.
    pub(crate) start: Bytes,
    rest: Rest,
    /// Bytes received so far.
    received: u64,
    limit: u64,
    idle: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Nothing,
    More,
}

/// How sending ended.
pub(crate) enum Sent {
    /// The engine has all of it.
    Whole,
    /// The engine answered before; the upload stopped there.
    Early(ResponseHead),
}

/// Why sending ended.
pub(crate) enum SendError {
    /// The client's fault: answered at the door.
    Client(Refusal),
    /// The engine's.
    Engine(HeadError),
}

impl Upload {
    /// Reads the beginning, all of it if it is small, and shows it to the witness.
    pub(crate) async fn begin(
        payload: web::Payload,
        ahead: Ahead,
        limit: u64,
        idle: Duration,
        exchange: &mut Exchange<Asked>,
    ) -> Result<Self, Refusal> {
        let mut upload = Self { payload, start: Bytes::new(), rest: Rest::More, received: 0, limit, idle };
        let mut pieces = BytesMut::new();
        let far = if ahead == Ahead::Whole { usize::MAX } else { SMALL };
        while pieces.len() + upload.start.len() < far {
            let Some(piece) = upload.next().await? else {
                upload.rest = Rest::Nothing;
                break;
            };
            exchange.request(&piece);
            // The one piece of a usual body is not copied.
            if upload.start.is_empty() && pieces.is_empty() {
                upload.start = piece;
            } else {
                pieces.extend_from_slice(&std::mem::take(&mut upload.start));
                pieces.extend_from_slice(&piece);
            }
        }
        if upload.start.is_empty() {
            upload.start = pieces.freeze();
        }
        Ok(upload)
    }

    /// The engine gets this body in place of the one that was received.
    pub(crate) fn replace(&mut self, body: Bytes) {
        self.start = body;
    }

    /// Whether the client has sent everything.
    pub(crate) fn is_whole(&self) -> bool {
        self.rest == Rest::Nothing
    }

    /// The framing for the engine. `declared` is the client's Content-Length.
    pub(crate) fn framing(&self, declared: Option<u64>, has_body: bool) -> RequestFraming {
        match (self.rest, declared) {
            (Rest::Nothing, _) if self.start.is_empty() && !has_body => RequestFraming::None,
            (Rest::Nothing, _) => RequestFraming::Length(self.start.len() as u64),
            (Rest::More, Some(length)) => RequestFraming::Length(length),
            (Rest::More, None) => RequestFraming::Chunked,
        }
    }

    /// Sends head and body. Watches the engine meanwhile: it may answer, or leave, before it has everything.
    pub(crate) async fn send(
        &mut self,
        connection: &mut Connection,
        mut head: BytesMut,
        framing: RequestFraming,
        exchange: &mut Exchange<Asked>,
    ) -> Result<Sent, SendError> {
        let start = std::mem::take(&mut self.start);
        match framing {
            RequestFraming::None => {}
            RequestFraming::Length(_) => head.extend_from_slice(&start),
            RequestFraming::Chunked => append_chunk(&mut head, &start),
        }
        let mut pending = head.freeze();
        // Nothing of the answer is looked for until the engine has what is at hand: most requests end here.
        poll_fn(|task| connection.poll_send(task, &mut pending)).await.map_err(engine)?;
        if self.rest == Rest::Nothing {
            return Ok(Sent::Whole);
        }
        let idle = sleep_until(Instant::now() + self.idle);
        tokio::pin!(idle);
        poll_fn(|task| self.poll_rest(task, connection, &mut pending, framing, exchange, idle.as_mut())).await
    }

    fn poll_rest(
        &mut self,
        task: &mut Task<'_>,
        connection: &mut Connection,
        pending: &mut Bytes,
        framing: RequestFraming,
        exchange: &mut Exchange<Asked>,
        mut idle: Pin<&mut Sleep>,
    ) -> Poll<Result<Sent, SendError>> {
        loop {
            if let Poll::Ready(head) = ResponseHead::poll_read(connection, task) {
                return Poll::Ready(match head {
                    Ok(head) => Ok(Sent::Early(head)),
                    Err(error) => Err(SendError::Engine(error)),
                });
            }
            match connection.poll_send(task, pending) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(engine(error))),
                Poll::Pending => return Poll::Pending,
            }
            if self.rest == Rest::Nothing {
                return Poll::Ready(Ok(Sent::Whole));
            }
            match Pin::new(&mut self.payload).poll_next(task) {
                Poll::Ready(piece) => {
                    let piece = self.received(piece).map_err(SendError::Client)?;
                    idle.as_mut().reset(Instant::now() + self.idle);
                    *pending = self.piece_for_engine(piece, framing, exchange);
                }
                Poll::Pending => {
                    return idle.poll(task).map(|()| Err(SendError::Client(Refusal::BodyTimeout)));
                }
            }
        }
    }

    /// Hashes a piece as it is handed to the engine, and frames it.
    fn piece_for_engine(
        &mut self,
        piece: Option<Bytes>,
        framing: RequestFraming,
        exchange: &mut Exchange<Asked>,
    ) -> Bytes {
        let Some(piece) = piece else {
            self.rest = Rest::Nothing;
            let end: &'static [u8] = if framing == RequestFraming::Chunked { b"0\r\n\r\n" } else { b"" };
            return Bytes::from_static(end);
        };
        exchange.request(&piece);
        if framing != RequestFraming::Chunked {
            return piece;
        }
        let mut framed = BytesMut::with_capacity(piece.len() + 16);
        append_chunk(&mut framed, &piece);
        framed.freeze()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let next = poll_fn(|task| Pin::new(&mut self.payload).poll_next(task));
        let piece = tokio::time::timeout(self.idle, next).await.map_err(|_| Refusal::BodyTimeout)?;
        self.received(piece)
    }

    fn received(&mut self, piece: Option<Result<Bytes, PayloadError>>) -> Result<Option<Bytes>, Refusal> {
        let piece = piece.transpose().map_err(|_| Refusal::BodyIncomplete)?;
        self.received += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        if self.received > self.limit { Err(Refusal::BodyTooLarge) } else { Ok(piece) }
    }
}

/// An empty chunk would end the body.
fn append_chunk(into: &mut BytesMut, bytes: &[u8]) {
    if !bytes.is_empty() {
        into.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
        into.extend_from_slice(bytes);
        into.extend_from_slice(b"\r\n");
    }
}

fn engine(error: io::Error) -> SendError {
    SendError::Engine(HeadError::Io(error))
}
