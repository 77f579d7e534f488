//! The server's protocol, version 2: commands out, replies in.
//!
//! Replies come from whoever holds the server. Lengths are bounded before anything is allocated for them, and
//! what breaks the form is an error of the connection.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

/// Most bytes that one reply may have.
const MOST_BYTES: u64 = 64 << 20;
/// Most bytes of a line: a status, an error, a length.
const LONGEST_LINE: u64 = 64 << 10;
/// How deep lists may hold lists.
const DEEPEST: u8 = 4;

/// The arguments of a command, as they go out.
#[derive(Debug, Clone, Default)]
pub(super) struct Args {
    bytes: Vec<u8>,
    count: usize,
}

impl Args {
    /// One of these words.
    pub(super) fn of(words: &[&str]) -> Self {
        words.iter().fold(Self::default(), |args, word| args.text(word))
    }

    /// One more.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.push(bytes);
        self
    }

    /// One more.
    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// One more, in decimal.
    pub(super) fn number(self, number: u64) -> Self {
        self.text(&number.to_string())
    }

    /// One more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(format!("${}\r\n", bytes.len()).as_bytes());
        self.bytes.extend_from_slice(bytes);
        self.bytes.extend_from_slice(b"\r\n");
        self.count += 1;
    }

    /// Those behind these.
    pub(super) fn then(mut self, more: &Self) -> Self {
        self.bytes.extend_from_slice(&more.bytes);
        self.count += more.count;
        self
    }

    /// The command as it is sent.
    pub(super) fn command(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(format!("*{}\r\n", self.count).as_bytes());
        to.extend_from_slice(&self.bytes);
    }
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Nil,
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<Reply>),
    /// An error: its first word is its code.
    Refused(String),
}

/// Reads one reply.
pub(super) fn read(from: &mut impl BufRead) -> Result<Reply> {
    let mut left = MOST_BYTES;
    read_nested(from, &mut left, DEEPEST)
}

fn read_nested(from: &mut impl BufRead, left: &mut u64, depth: u8) -> Result<Reply> {
    let line = read_line(from, left)?;
    let Some((&kind, rest)) = line.split_first() else { return Err(malformed("an empty line")) };
    match kind {
        b'+' => Ok(Reply::Bytes(rest.to_vec())),
        b'-' => Ok(Reply::Refused(printable(rest))),
        b':' => Ok(Reply::Number(number(rest)?)),
        b'$' => match u64::try_from(number(rest)?) {
            Err(_) => Ok(Reply::Nil),
            Ok(length) => read_bulk(from, left, length).map(Reply::Bytes),
        },
        b'*' => match u64::try_from(number(rest)?) {
            Err(_) => Ok(Reply::Nil),
            Ok(_) if depth == 0 => Err(malformed("lists nested too deeply")),
            Ok(length) => {
                // Each takes bytes of what is left, so a false count ends there.
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(read_nested(from, left, depth - 1)?);
                }
                Ok(Reply::List(list))
            }
        },
        _ => Err(malformed("a reply of an unknown kind")),
    }
}

fn read_line(from: &mut impl BufRead, left: &mut u64) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    from.take(LONGEST_LINE.min(*left)).read_until(b'\n', &mut line)?;
    *left = left.saturating_sub(line.len() as u64);
    match line.strip_suffix(b"\r\n") {
        Some(rest) => {
            let length = rest.len();
            line.truncate(length);
            Ok(line)
        }
        None if line.len() as u64 >= LONGEST_LINE || *left == 0 => Err(malformed("a reply too long")),
        None => Err(closed()),
    }
}

fn read_bulk(from: &mut impl BufRead, left: &mut u64, length: u64) -> Result<Vec<u8>> {
    let whole = length.saturating_add(2);
    *left = left.checked_sub(whole).ok_or_else(|| malformed("a reply too long"))?;
    let mut bytes = Vec::new();
    from.take(whole).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != whole {
        return Err(closed());
    }
    if !bytes.ends_with(b"\r\n") {
        return Err(malformed("a string without its end"));
    }
    bytes.truncate(bytes.len() - 2);
    Ok(bytes)
}

fn number(text: &[u8]) -> Result<i64> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| malformed("a number that is none"))
}

/// An error's text goes to the log: what could disturb that is left out, and what is too long.
fn printable(text: &[u8]) -> String {
    text.iter()
        .take(200)
        .map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' })
        .collect()
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the server sent {what}"))
}

fn closed() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the server closed the connection")
}

#[cfg(test)]
mod tests;
