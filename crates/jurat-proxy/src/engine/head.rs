//! The head of the engine's answer.

use std::{
    io,
    task::{Context, Poll, ready},
};

use actix_web::http::{
    StatusCode, Version,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use bytes::Buf;
use jurat_witness::Framing;

use super::Connection;

const MOST_HEADERS: usize = 128;
/// Longest head that is read; nginx allows 8 KiB, vLLM sends 200 bytes.
const LONGEST: usize = 64 << 10;

/// An answer's head.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
    /// The engine will keep the connection open.
    pub(crate) keeps_alive: bool,
}

/// Why there is no head.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HeadError {
    #[error("the engine closed the connection before it answered")]
    Closed,
    #[error("the connection to the engine failed: {0}")]
    Io(#[from] io::Error),
    #[error("the engine's answer is not HTTP/1.1: {0}")]
    Malformed(&'static str),
}

impl ResponseHead {
    /// Reads until a final (not 1xx) head is there.
    pub(crate) fn poll_read(
        connection: &mut Connection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self, HeadError>> {
        loop {
            while let Some((length, head)) = parse(&connection.buffer)? {
                connection.buffer.advance(length);
                if let Some(head) = head {
                    return Poll::Ready(Ok(head));
                }
            }
            if connection.buffer.len() > LONGEST {
                return Poll::Ready(Err(HeadError::Malformed("its head is too long")));
            }
            if ready!(connection.poll_fill(cx, 0))? == 0 {
                return Poll::Ready(Err(HeadError::Closed));
            }
        }
    }
}

/// The length of a whole head at the buffer's front, with the head itself unless it is interim.
fn parse(buffer: &[u8]) -> Result<Option<(usize, Option<ResponseHead>)>, HeadError> {
    if buffer.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(HeadError::Malformed("its head can't be parsed")),
    };
    let status = response
        .code
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or(HeadError::Malformed("its status is out of range"))?;
    // A switch of protocols was never asked for.
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(HeadError::Malformed("it switches protocols"));
    }
    if status.is_informational() {
        return Ok(Some((length, None)));
    }
    let version = if response.version == Some(1) { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut map = HeaderMap::with_capacity(response.headers.len());
    for header in response.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| HeadError::Malformed("it has a header without a proper name"))?;
        let value = HeaderValue::from_bytes(header.value)
            .map_err(|_| HeadError::Malformed("it has a header without a proper value"))?;
        map.append(name, value);
    }
    let framing = framing(status, &map)?;
    let keeps_alive = keeps_alive(version, &map) && framing != Framing::UntilClose;
    Ok(Some((length, Some(ResponseHead { status, headers: map, framing, keeps_alive }))))
}

/// RFC 9112 section 6.3, for an answer to anything but HEAD and CONNECT.
fn framing(status: StatusCode, headers: &HeaderMap) -> Result<Framing, HeadError> {
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Ok(Framing::Empty);
    }
    let mut encodings = headers.get_all("transfer-encoding");
    if let Some(encoding) = encodings.next() {
        if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::Malformed("its transfer encoding is not `chunked` alone"));
        }
        if headers.contains_key("content-length") {
            return Err(HeadError::Malformed("it has a length and a transfer encoding"));
        }
        return Ok(Framing::Chunked);
    }
    let mut lengths = headers.get_all("content-length");
    let Some(length) = lengths.next() else { return Ok(Framing::UntilClose) };
    let digits = length.as_bytes();
    let proper = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let parsed = length.to_str().ok().filter(|_| proper).and_then(|text| text.parse::<u64>().ok());
    match (parsed, lengths.next()) {
        (Some(0), None) => Ok(Framing::Empty),
        (Some(length), None) => Ok(Framing::Length(length)),
        _ => Err(HeadError::Malformed("its content length is no single number")),
    }
}

fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let says = |word: &str| {
        headers
            .get_all("connection")
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case(word)))
    };
    if version == Version::HTTP_11 { !says("close") } else { says("keep-alive") }
}
