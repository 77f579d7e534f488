//! Just enough HTTP/1.1 to see where messages begin and end, byte by byte.

use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that are not the HTTP/1.1 they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed HTTP: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

impl From<Malformed> for io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// The head of a request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Request line or status line, without CRLF.
    pub start_line: String,
    /// Names as sent, values trimmed; in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// Every byte, the empty line included.
    pub bytes: Vec<u8>,
}

impl Head {
    /// Parses a head that ends in an empty line.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        // Latin-1, so that any byte has a character and nothing is lost.
        let text: String = bytes.iter().map(|&byte| byte as char).collect();
        let text = text.strip_suffix("\r\n\r\n").ok_or_else(|| Malformed("head without its end".into()))?;
        let mut lines = text.split("\r\n");
        let start_line = lines.next().unwrap_or_default().to_owned();
        let headers = lines
            .map(|line| {
                let (name, value) =
                    line.split_once(':').ok_or_else(|| Malformed(format!("header line {line:?}")))?;
                Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
            })
            .collect::<Result<_, Malformed>>()?;
        Ok(Self { start_line, headers, bytes: bytes.to_vec() })
    }

    /// The first value of a header, by name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(at, _)| at.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of a header.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(at, _)| at.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// The status of an answer; 0 if this is none.
    pub fn status(&self) -> u16 {
        let word = self.start_line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
        word.and_then(|word| word.parse().ok()).unwrap_or(0)
    }

    /// Method and target of a request.
    pub fn method_and_target(&self) -> (&str, &str) {
        let mut words = self.start_line.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Whether a comma-separated header names a token.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        let values = self.all(name);
        values.iter().flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
    }

    /// How the body behind this head ends.
    pub fn framing(&self, of: Message) -> Result<Framing, Malformed> {
        if let Message::Answer { to_head } = of {
            let status = self.status();
            if to_head || status == 204 || status == 304 || (100..200).contains(&status) {
                return Ok(Framing::Length(0));
            }
        }
        if self.has_token("transfer-encoding", "chunked") {
            return Ok(Framing::Chunked);
        }
        if let Some(value) = self.header("content-length") {
            let length = value.parse().map_err(|_| Malformed(format!("content-length {value:?}")))?;
            return Ok(Framing::Length(length));
        }
        Ok(match of {
            Message::Request => Framing::Length(0),
            Message::Answer { .. } => Framing::UntilClose,
        })
    }
}

/// What kind of message a head begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request,
    /// An answer.
    Answer {
        /// To a HEAD request: no body whatever the headers say.
        to_head: bool,
    },
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With the terminating chunk.
    Chunked,
    /// With the connection.
    UntilClose,
}

/// Undoes a body's framing, piece by piece, keeping nothing.
#[derive(Debug)]
pub struct Body {
    state: State,
}

#[derive(Debug)]
enum State {
    Length(u64),
    UntilClose,
    ChunkSize(Vec<u8>),
    ChunkData(u64),
    ChunkEnd(u8),
    Trailers(Vec<u8>),
    Done,
}

impl Body {
    /// A body that is framed so.
    pub fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::ChunkSize(Vec::new()),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state }
    }

    /// Whether the framing has said that the body is over.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Whether the connection's end is this body's end.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Takes bytes from the wire, hands the body's bytes on, and says how many it took: fewer than there
    /// are when the body ended among them.
    pub fn feed(&mut self, input: &[u8], mut out: impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            match &mut self.state {
                State::Done => break,
                State::UntilClose => {
                    out(rest);
                    at = input.len();
                }
                State::Length(left) => {
                    let take = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    out(&rest[..take]);
                    at += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::Done;
                    }
                }
                State::ChunkSize(line) => {
                    at += 1;
                    line.push(rest[0]);
                    if line.ends_with(b"\r\n") {
                        self.state = match chunk_size(line)? {
                            0 => State::Trailers(Vec::new()),
                            size => State::ChunkData(size),
                        };
                    } else if line.len() > 256 {
                        return Err(Malformed("a chunk size line without end".into()));
                    }
                }
                State::ChunkData(left) => {
                    let take = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    out(&rest[..take]);
                    at += take;
                    *left -= take as u64;
                    if *left == 0 {
                        self.state = State::ChunkEnd(0);
                    }
                }
                State::ChunkEnd(seen) => {
                    if rest[0] != b"\r\n"[usize::from(*seen)] {
                        return Err(Malformed("no CRLF behind a chunk".into()));
                    }
                    at += 1;
                    *seen += 1;
                    if *seen == 2 {
                        self.state = State::ChunkSize(Vec::new());
                    }
                }
                State::Trailers(lines) => {
                    at += 1;
                    lines.push(rest[0]);
                    if lines == b"\r\n" || lines.ends_with(b"\r\n\r\n") {
                        self.state = State::Done;
                    }
                }
            }
        }
        Ok(at)
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let text = std::str::from_utf8(line).map_err(|_| Malformed("chunk size line is not text".into()))?;
    let digits = text.trim_end().split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| Malformed(format!("chunk size {digits:?}")))
}

/// Reads up to and with an empty line. `pending` holds bytes read before and keeps what came behind.
/// `None` if the connection ended before the first byte.
pub async fn read_head<R: AsyncRead + Unpin>(
    from: &mut R,
    pending: &mut Vec<u8>,
) -> io::Result<Option<Head>> {
    loop {
        if let Some(at) = find(pending, b"\r\n\r\n") {
            let rest = pending.split_off(at + 4);
            let bytes = std::mem::replace(pending, rest);
            return Ok(Some(Head::parse(&bytes)?));
        }
        if pending.len() > 1 << 20 {
            return Err(Malformed("a head over 1 MiB".into()).into());
        }
        if from.read_buf(pending).await? == 0 {
            return match pending.is_empty() {
                true => Ok(None),
                false => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
    }
}

/// Room for one read of a body.
const READ: usize = 16 << 10;

/// Reads once; 0 at the end of the stream. A vector that is emptied after each read offers but 64 bytes by itself.
pub(crate) async fn read_more<R: AsyncRead + Unpin>(
    from: &mut R,
    pending: &mut Vec<u8>,
) -> io::Result<usize> {
    pending.reserve(READ);
    from.read_buf(pending).await
}

/// Where `needle` begins in `hay`.
pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
