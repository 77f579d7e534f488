//! What the client asks the scripted engine for, and what the bytes of such an answer are: known to the byte on
//! both sides, so that the client finds every stamp by its place and notices every altered byte.

use jurat_proto::{Digest, sha256};
use sha2::{Digest as _, Sha256};

use crate::clock::Nanos;

/// Length of `[DONE]`'s event.
pub(crate) const DONE: &[u8] = b"data: [DONE]\n\n";
/// Length of a usual event of a chat stream, bytes.
pub(crate) const EVENT: usize = 256;

const ID: &str = r#"{"id":"chatcmpl-"#;
const STREAM_MIDDLE: &str = r#"","object":"chat.completion.chunk","created":1795359916,"model":"bench-model","choices":[{"index":0,"delta":{"content":""#;
const STREAM_END: &str = "\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
const PLAIN_MIDDLE: &str = r#"","object":"chat.completion","created":1795359916,"model":"bench-model","choices":[{"index":0,"message":{"role":"assistant","content":""#;
const PLAIN_END: &str = r#""},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"total_tokens":17,"completion_tokens":8},"digest":""#;
/// Behind the digest of a plain answer.
const PLAIN_TAIL: &str = "\"}";
const STAMP: usize = 20;
const NUMBER: usize = 8;
const STAMP_AT: usize = "data: ".len() + ID.len() + 32 + STREAM_MIDDLE.len();
const NUMBER_AT: usize = STAMP_AT + STAMP + 1;
const FIXED: usize = NUMBER_AT + NUMBER + STREAM_END.len();
/// The last event but `[DONE]`: a stamp, and the digest of every body byte before the event.
pub(crate) const DIGEST_EVENT: usize = STAMP_AT + STAMP + 1 + 64 + STREAM_END.len();

/// An answer to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Script {
    /// JSON of so many bytes, at once.
    Plain { bytes: usize },
    /// Server-sent events, one a write, then the digest, then `[DONE]`.
    Stream {
        events: u32,
        /// Nanoseconds between events; 0 for as fast as the socket takes them.
        gap: u64,
        /// When the end is to come, if not behind the last event: `CLOCK_MONOTONIC` nanoseconds, else 0.
        end_at: u64,
    },
}

impl Script {
    /// A request's body that asks for it: a chat request of usual size, the script at its end.
    pub(crate) fn request(self) -> Vec<u8> {
        let stream = matches!(self, Self::Stream { .. });
        let script = match self {
            Self::Plain { bytes } => format!(r#"[{bytes}]"#),
            Self::Stream { events, gap, end_at } => format!("[{events},{gap},{end_at}]"),
        };
        let prompt = "What follows stands for a conversation of a few turns. ".repeat(14);
        format!(
            r#"{{"model":"bench-model","messages":[{{"role":"system","content":"You are a benchmark."}},{{"role":"user","content":"{prompt}"}}],"temperature":0.7,"max_tokens":256,"stream":{stream},"script":{script}}}"#
        )
        .into_bytes()
    }

    /// Reads it back.
    pub(crate) fn of_request(body: &[u8]) -> Option<Self> {
        let text = body.strip_suffix(b"}")?;
        let at = text.iter().rposition(|byte| *byte == b'[')?;
        let numbers: Vec<u64> = serde_json::from_slice(&text[at..]).ok()?;
        Some(match numbers[..] {
            [bytes] => Self::Plain { bytes: usize::try_from(bytes).ok()? },
            [events, gap, end_at] => Self::Stream { events: u32::try_from(events).ok()?, gap, end_at },
            _ => return None,
        })
    }
}

/// Writes the event of this number, stamped with now.
pub(crate) fn write_event(into: &mut Vec<u8>, id: &str, number: u32) {
    begin_event(into, id);
    into.extend_from_slice(format!(" {number:0NUMBER$}").as_bytes());
    into.extend(std::iter::repeat_n(b'x', EVENT - FIXED));
    into.extend_from_slice(STREAM_END.as_bytes());
}

/// Writes the event with the digest of all before it.
pub(crate) fn write_digest(into: &mut Vec<u8>, id: &str, digest: &Digest) {
    begin_event(into, id);
    into.extend_from_slice(format!(" {digest}").as_bytes());
    into.extend_from_slice(STREAM_END.as_bytes());
}

fn begin_event(into: &mut Vec<u8>, id: &str) {
    into.extend_from_slice(b"data: ");
    for part in [ID, id, STREAM_MIDDLE] {
        into.extend_from_slice(part.as_bytes());
    }
    into.extend_from_slice(format!("{:0STAMP$}", Nanos::now().0).as_bytes());
}

/// A plain answer of `bytes` bytes, its digest in its own last member.
pub(crate) fn plain(id: &str, bytes: usize) -> Vec<u8> {
    let fixed = ID.len() + id.len() + PLAIN_MIDDLE.len() + PLAIN_END.len() + 64 + PLAIN_TAIL.len();
    let mut body = [ID, id, PLAIN_MIDDLE].concat().into_bytes();
    body.extend(std::iter::repeat_n(b'y', bytes.saturating_sub(fixed)));
    body.extend_from_slice(PLAIN_END.as_bytes());
    let digest = sha256(&body).to_string();
    body.extend_from_slice(digest.as_bytes());
    body.extend_from_slice(PLAIN_TAIL.as_bytes());
    body
}

/// Checks a plain answer against its own digest.
pub(crate) fn plain_is_right(body: &[u8]) -> bool {
    let digest = body.len().checked_sub(64 + PLAIN_TAIL.len());
    digest.is_some_and(|at| {
        let (covered, rest) = body.split_at(at);
        rest.strip_suffix(PLAIN_TAIL.as_bytes()) == Some(sha256(covered).to_string().as_bytes())
    })
}

/// A stream's body as it comes in, checked event by event, in constant memory.
pub(crate) struct Reading {
    events: u32,
    seen: u32,
    event: Vec<u8>,
    hash: Sha256,
    length: usize,
}

/// What an event was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// One of the answer, or the one with the digest, and when the engine wrote it.
    Stamped(Nanos),
    /// `[DONE]`.
    Done,
}

impl Reading {
    pub(crate) fn new(events: u32) -> Self {
        Self { events, seen: 0, event: Vec::with_capacity(EVENT), hash: Sha256::new(), length: 0 }
    }

    /// Takes bytes of the body; hands every event on; says what is wrong with one that is.
    pub(crate) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut seen: impl FnMut(u32, Event),
    ) -> Result<(), &'static str> {
        while !bytes.is_empty() {
            let whole = match self.seen {
                number if number < self.events => EVENT,
                number if number == self.events => DIGEST_EVENT,
                number if number == self.events + 1 => DONE.len(),
                _ => return Err("bytes behind [DONE]"),
            };
            let (now, later) = bytes.split_at(bytes.len().min(whole - self.event.len()));
            bytes = later;
            self.event.extend_from_slice(now);
            if self.event.len() == whole {
                let event = self.event(whole)?;
                seen(self.seen, event);
                self.seen += 1;
                self.length += whole;
                self.hash.update(&self.event);
                self.event.clear();
            }
        }
        Ok(())
    }

    fn event(&self, whole: usize) -> Result<Event, &'static str> {
        let event = &self.event;
        if whole == DONE.len() {
            return if event == DONE { Ok(Event::Done) } else { Err("no [DONE] where it should be") };
        }
        if whole == DIGEST_EVENT {
            let digest = Digest::new(self.hash.clone().finalize().into()).to_string();
            if event[NUMBER_AT..NUMBER_AT + 64] != *digest.as_bytes() {
                return Err("the digest in the stream is not that of its bytes");
            }
        } else if number(&event[NUMBER_AT..NUMBER_AT + NUMBER]) != Some(self.seen.into()) {
            return Err("an event out of order");
        }
        number(&event[STAMP_AT..NUMBER_AT - 1]).map(|stamp| Event::Stamped(Nanos(stamp))).ok_or("no stamp")
    }

    /// Digest and length of all whole events.
    pub(crate) fn finish(self) -> (Digest, usize) {
        (Digest::new(self.hash.finalize().into()), self.length)
    }

    /// Whether `[DONE]` has been seen.
    pub(crate) fn is_whole(&self) -> bool {
        self.seen == self.events + 2
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
