//! The engine's body, freed of its transfer coding, chunk by chunk as it comes.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use jurat_witness::Framing;

use super::{Connection, Pool};

/// Longest chunk-size line, extensions included, and longest trailer section.
const LONGEST_LINE: usize = 16 << 10;

/// Why a body stopped before its framing said so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BodyError {
    #[error("the engine closed the connection within its answer")]
    Closed,
    #[error("the connection to the engine failed within its answer: {0}")]
    Io(#[from] io::Error),
    #[error("the engine's chunked coding is broken")]
    Malformed,
}

#[derive(Debug, Clone, Copy)]
enum Decode {
    Length(u64),
    ChunkSize,
    ChunkData(u64),
    ChunkEnd,
    Trailers,
    UntilClose,
    Ended,
}

/// The body, and the connection it comes over. Dropping it before its end closes the connection, by which
/// the engine learns that nobody listens any more.
pub(crate) struct EngineBody {
    connection: Option<Connection>,
    decode: Decode,
    /// Where the connection goes at the end, if it can be used again.
    home: Option<Rc<Pool>>,
}

impl EngineBody {
    pub(crate) fn new(connection: Connection, framing: Framing, home: Option<Rc<Pool>>) -> Self {
        let decode = match framing {
            Framing::Empty => Decode::Ended,
            Framing::Length(length) => Decode::Length(length),
            Framing::Chunked => Decode::ChunkSize,
            Framing::UntilClose => Decode::UntilClose,
        };
        let mut body = Self { connection: Some(connection), decode, home };
        if matches!(body.decode, Decode::Ended) {
            body.end();
        }
        body
    }

    /// The next bytes; `None` at the end that the framing names.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
            let buffered = connection.buffer.len();
            let wanted = match self.decode {
                Decode::Ended => {
                    self.end();
                    return Poll::Ready(None);
                }
                Decode::Length(left) | Decode::ChunkData(left) if buffered > 0 => {
                    let taken = left.min(buffered as u64);
                    let bytes = connection.buffer.split_to(taken as usize).freeze();
                    self.took(left - taken);
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Decode::Length(left) | Decode::ChunkData(left) => left,
                Decode::UntilClose if buffered > 0 => {
                    return Poll::Ready(Some(Ok(connection.buffer.split().freeze())));
                }
                Decode::UntilClose => 0,
                Decode::ChunkSize | Decode::ChunkEnd | Decode::Trailers => match self.step() {
                    Ok(true) => continue,
                    Ok(false) => 0,
                    Err(error) => return Poll::Ready(Some(Err(self.fail(error)))),
                },
            };
            let Some(connection) = &mut self.connection else { return Poll::Ready(None) };
            match ready!(connection.poll_fill(cx, wanted)) {
                Ok(0) if matches!(self.decode, Decode::UntilClose) => self.decode = Decode::Ended,
                Ok(0) => return Poll::Ready(Some(Err(self.fail(BodyError::Closed)))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(self.fail(error.into())))),
            }
        }
    }

    /// Bytes were taken; `left` remain of the body or of the chunk.
    fn took(&mut self, left: u64) {
        self.decode = match (self.decode, left) {
            (Decode::Length(_), 0) => Decode::Ended,
            (Decode::Length(_), left) => Decode::Length(left),
            (_, 0) => Decode::ChunkEnd,
            (_, left) => Decode::ChunkData(left),
        };
        if matches!(self.decode, Decode::Ended) {
            self.end();
        }
    }

    /// Takes one piece of chunk framing off the buffer; false if more bytes are needed.
    fn step(&mut self) -> Result<bool, BodyError> {
        let Some(connection) = &mut self.connection else { return Ok(false) };
        let buffer = &mut connection.buffer;
        match self.decode {
            Decode::ChunkSize => match httparse::parse_chunk_size(buffer) {
                Ok(httparse::Status::Complete((length, size))) => {
                    buffer.advance(length);
                    self.decode = if size == 0 { Decode::Trailers } else { Decode::ChunkData(size) };
                    return Ok(true);
                }
                Ok(httparse::Status::Partial) => {}
                Err(_) => return Err(BodyError::Malformed),
            },
            Decode::ChunkEnd => match buffer.get(..2) {
                Some(b"\r\n") => {
                    buffer.advance(2);
                    self.decode = Decode::ChunkSize;
                    return Ok(true);
                }
                Some(_) => return Err(BodyError::Malformed),
                None => return Ok(false),
            },
            Decode::Trailers => {
                // Trailers are not relayed: nothing of the body's meaning may hang on them (RFC 9110 section 6.5.1).
                if let Some(at) = buffer.windows(2).position(|pair| pair == b"\r\n") {
                    buffer.advance(at + 2);
                    if at == 0 {
                        self.decode = Decode::Ended;
                    }
                    return Ok(true);
                }
            }
            Decode::Length(_) | Decode::ChunkData(_) | Decode::UntilClose | Decode::Ended => {}
        }
        if buffer.len() > LONGEST_LINE { Err(BodyError::Malformed) } else { Ok(false) }
    }

    /// The body is over: its connection goes home.
    fn end(&mut self) {
        self.decode = Decode::Ended;
        if let (Some(connection), Some(home)) = (self.connection.take(), self.home.take()) {
            home.give_back(connection);
        }
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.connection = None;
        self.decode = Decode::Ended;
        error
    }

    /// Moves the body out, leaving one that is over.
    pub(crate) fn take(&mut self) -> Self {
        Self { connection: self.connection.take(), decode: self.decode, home: self.home.take() }
    }

    /// Whether nothing more can come.
    pub(crate) fn is_over(&self) -> bool {
        self.connection.is_none()
    }
}
