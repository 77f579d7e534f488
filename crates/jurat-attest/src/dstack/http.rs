//! One HTTP/1.1 exchange on a connection of its own, bounded in bytes and in time.
//!
//! Deliberately absent: redirects, keep-alive, compression. The peer is one known service on this machine.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use zeroize::Zeroizing;

/// Status line and headers.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
const PIECE: usize = 16 * 1024;

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    /// After transfer-decoding. Wiped when dropped.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Why nothing did.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("no connection: {0}")]
    Connect(io::Error),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Io(io::Error),
    #[error("it closed the connection in the middle of its answer")]
    Cut,
    #[error("its answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("its answer is no HTTP: {0}")]
    Malformed(&'static str),
}

/// Posts `body` as JSON and reads the whole answer, of `limit` bytes at most, until `deadline`.
pub(super) fn post(
    socket: &Path,
    path: &str,
    body: &str,
    limit: usize,
    deadline: Instant,
) -> Result<Answer, HttpError> {
    // Connecting does not block unless the agent's queue of connections is full; whoever calls is watched.
    let mut connection = UnixStream::connect(socket).map_err(HttpError::Connect)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: dstack\r\nContent-Type: application/json\r\nAccept: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.set_write_timeout(Some(left(deadline)?)).map_err(HttpError::Io)?;
    connection.write_all(request.as_bytes()).map_err(broken)?;
    let mut bytes = Bytes {
        connection,
        deadline,
        buffer: Zeroizing::new(Vec::with_capacity(LONGEST_HEAD + limit.min(64 * 1024))),
    };
    let head = read_head(&mut bytes)?;
    bytes.drop_first(head.length);
    let body = match head.framing {
        Framing::Length(length) if length > limit => return Err(HttpError::TooLong(limit)),
        Framing::Length(length) => {
            bytes.fill(length)?;
            bytes.buffer.truncate(length);
            bytes.buffer
        }
        Framing::Chunked => read_chunks(bytes, limit)?,
        Framing::UntilClose => {
            while bytes.more()? {
                if bytes.buffer.len() > limit {
                    return Err(HttpError::TooLong(limit));
                }
            }
            bytes.buffer
        }
    };
    Ok(Answer { status: head.status, body })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

#[derive(Debug)]
struct Head {
    status: u16,
    framing: Framing,
    length: usize,
}

fn read_head(bytes: &mut Bytes) -> Result<Head, HttpError> {
    loop {
        if let Some(head) = parse_head(&bytes.buffer)? {
            return Ok(head);
        }
        if bytes.buffer.len() > LONGEST_HEAD {
            return Err(HttpError::Malformed("its head does not end"));
        }
        if !bytes.more()? {
            return Err(HttpError::Cut);
        }
    }
}

fn parse_head(bytes: &[u8]) -> Result<Option<Head>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(HttpError::Malformed("its head cannot be parsed")),
    };
    let status = response.code.ok_or(HttpError::Malformed("it has no status"))?;
    if status < 200 {
        return Err(HttpError::Malformed("it is provisional"));
    }
    let mut framing = Framing::UntilClose;
    for header in response.headers.iter() {
        let value = header.value.trim_ascii();
        if header.name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(HttpError::Malformed("its transfer coding is not chunked"));
            }
            framing = Framing::Chunked;
        } else if header.name.eq_ignore_ascii_case("content-length") && framing != Framing::Chunked {
            let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            framing = Framing::Length(length.ok_or(HttpError::Malformed("its length is no number"))?);
        }
    }
    Ok(Some(Head { status, framing, length }))
}

/// Decodes in place, so that nothing of a key is left in another buffer.
fn read_chunks(mut bytes: Bytes, limit: usize) -> Result<Zeroizing<Vec<u8>>, HttpError> {
    let mut whole = 0;
    loop {
        let (line, size) = loop {
            match httparse::parse_chunk_size(bytes.buffer.get(whole..).unwrap_or_default()) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => {
                    if bytes.buffer.len() > whole + LONGEST_HEAD {
                        return Err(HttpError::Malformed("a chunk's head does not end"));
                    }
                    if !bytes.more()? {
                        return Err(HttpError::Cut);
                    }
                }
                Err(_) => return Err(HttpError::Malformed("a chunk has no size")),
            }
        };
        bytes.buffer.drain(whole..whole + line);
        if size == 0 {
            bytes.buffer.truncate(whole);
            return Ok(bytes.buffer);
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= limit - whole);
        let size = size.ok_or(HttpError::TooLong(limit))?;
        bytes.fill(whole + size + 2)?;
        if bytes.buffer.get(whole + size..whole + size + 2) != Some(b"\r\n") {
            return Err(HttpError::Malformed("a chunk does not end where it says"));
        }
        bytes.buffer.drain(whole + size..whole + size + 2);
        whole += size;
    }
}

/// The connection and what has been read of it and not yet used.
struct Bytes {
    connection: UnixStream,
    deadline: Instant,
    buffer: Zeroizing<Vec<u8>>,
}

impl Bytes {
    /// Reads one piece; `false` when the peer has closed.
    fn more(&mut self) -> Result<bool, HttpError> {
        let before = self.buffer.len();
        reserve(&mut self.buffer, PIECE);
        self.buffer.resize(before + PIECE, 0);
        let read = loop {
            // Set anew for every read: a peer that drips has no more time than one that is silent.
            self.connection.set_read_timeout(Some(left(self.deadline)?)).map_err(HttpError::Io)?;
            match self.connection.read(self.buffer.get_mut(before..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        read.map(|read| read > 0).map_err(broken)
    }

    fn fill(&mut self, length: usize) -> Result<(), HttpError> {
        while self.buffer.len() < length {
            if !self.more()? {
                return Err(HttpError::Cut);
            }
        }
        Ok(())
    }

    fn drop_first(&mut self, length: usize) {
        let length = length.min(self.buffer.len());
        self.buffer.drain(..length);
    }
}

/// Grows by copying and wiping: a plain reallocation would leave the old bytes behind.
fn reserve(buffer: &mut Zeroizing<Vec<u8>>, more: usize) {
    if buffer.capacity() - buffer.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (buffer.len() + more)));
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
}

fn left(deadline: Instant) -> Result<Duration, HttpError> {
    // A time-out of zero would mean none.
    Some(deadline.saturating_duration_since(Instant::now()))
        .filter(|left| !left.is_zero())
        .ok_or(HttpError::TimedOut)
}

fn broken(error: io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => HttpError::TimedOut,
        _ => HttpError::Io(error),
    }
}

#[cfg(test)]
mod tests;
