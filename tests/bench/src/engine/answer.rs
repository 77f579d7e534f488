//! One answer, write by write.

use std::io::Write;

use jurat_proto::Digest;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Nanos,
    script::{self, Script},
};

const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\nserver: uvicorn\r\n\
    content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

/// An answer that is being given.
pub(crate) struct Answer {
    id: String,
    script: Script,
    step: Step,
    hash: Sha256,
    /// When the next paced event is due; a late one does not put off those behind it.
    due: Nanos,
}

#[derive(Clone, Copy)]
enum Step {
    Head,
    Event(u32),
    Digest,
    Done,
    LastChunk,
    Over,
}

/// When the answer goes on.
pub(crate) enum When {
    /// There is more at once.
    Now,
    /// There is more then.
    At(Nanos),
    /// That was the last of it.
    Never,
}

impl Answer {
    pub(crate) fn new(id: String, script: Script) -> Self {
        Self { id, script, step: Step::Head, hash: Sha256::new(), due: Nanos::now() }
    }

    /// Puts the bytes of the next write into `out`.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>) -> When {
        let (events, gap, end_at) = match self.script {
            Script::Plain { bytes } => {
                self.plain(bytes, out);
                return When::Never;
            }
            Script::Stream { events, gap, end_at } => (events, gap, end_at),
        };
        let mut event = Vec::with_capacity(script::EVENT);
        match self.step {
            Step::Head => {
                out.extend_from_slice(STREAM_HEAD);
                self.step = if events > 0 { Step::Event(0) } else { Step::Digest };
            }
            Step::Event(number) => {
                script::write_event(&mut event, &self.id, number);
                self.hash.update(&event);
                self.step = if number + 1 < events { Step::Event(number + 1) } else { Step::Digest };
                if gap > 0 {
                    self.due.0 += if number == 0 { random() % gap } else { gap };
                }
            }
            Step::Digest => {
                let digest = Digest::new(self.hash.clone().finalize().into());
                script::write_digest(&mut event, &self.id, &digest);
                self.step = Step::Done;
            }
            Step::Done => {
                event.extend_from_slice(script::DONE);
                self.step = Step::LastChunk;
            }
            Step::LastChunk => {
                out.extend_from_slice(b"0\r\n\r\n");
                self.step = Step::Over;
            }
            Step::Over => {}
        }
        if !event.is_empty() {
            // invariant: writing into memory does not fail
            let _ = write!(out, "{:x}\r\n", event.len());
            out.extend_from_slice(&event);
            out.extend_from_slice(b"\r\n");
        }
        match self.step {
            Step::Over => When::Never,
            Step::Event(1..) if gap > 0 => When::At(self.due),
            Step::Digest if end_at > 0 => When::At(Nanos(end_at)),
            Step::Digest if gap > 0 => When::At(self.due),
            _ => When::Now,
        }
    }

    fn plain(&mut self, bytes: usize, out: &mut Vec<u8>) {
        let body = script::plain(&self.id, bytes);
        let length = body.len();
        let _ = write!(
            out,
            "HTTP/1.1 200 OK\r\ndate: Mon, 23 Nov 2026 12:00:00 GMT\r\nserver: uvicorn\r\n\
             content-length: {length}\r\ncontent-type: application/json\r\n\r\n"
        );
        out.extend_from_slice(&body);
    }
}

fn random() -> u64 {
    getrandom::u64().expect("the system has randomness")
}
