//! Recognises line starts, blank lines and completing events of a server-sent event stream at any split.
//!
//! Lines end in LF, CR or CRLF (HTML standard, section 9.2.6). Memory: the first bytes of the current line.

use crate::{
    Family,
    pattern::{Effect, PREFIX, Verdict, judge},
    scan::Scanner,
};

/// Where the bytes begin that must be held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing is held.
    Nothing,
    /// From this offset of the chunk.
    From(usize),
    /// From an offset of an earlier chunk: all of this one too.
    Carried,
}

/// What one chunk brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fed {
    pub(crate) hold: Hold,
    /// Offset behind the completing event's blank line.
    pub(crate) end: Option<usize>,
}

/// How far the stream has come towards its completing event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Flowing,
    /// Within the completing event. `sure` once no further byte is needed to know that the answer is whole.
    Completing {
        sure: bool,
    },
    /// Behind its blank line.
    Whole,
}

/// Whether the current line can still become one that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Judged,
}

/// The machine.
pub(crate) struct Sse {
    family: Family,
    prefix: [u8; PREFIX],
    prefix_len: usize,
    line: Line,
    line_is_empty: bool,
    after_cr: bool,
    /// Where the current line begins, were it to be held back.
    line_start: Hold,
    hold: Hold,
    /// The blank line has been seen as CR; an LF may still belong to it.
    blank_cr: bool,
    progress: Progress,
    failed: bool,
    scanner: Option<Scanner>,
}

impl Sse {
    pub(crate) fn new(family: Family, scanner: Scanner) -> Self {
        Self {
            family,
            prefix: [0; PREFIX],
            prefix_len: 0,
            line: Line::Open,
            line_is_empty: true,
            after_cr: false,
            line_start: Hold::Nothing,
            hold: Hold::Nothing,
            blank_cr: false,
            progress: Progress::Flowing,
            failed: false,
            scanner: Some(scanner),
        }
    }

    /// An event said that the engine failed.
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    /// The bytes so far let a client know that the answer is whole.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.progress, Progress::Whole | Progress::Completing { sure: true }) || self.blank_cr
    }

    /// What the scanner found, if it ever finished.
    pub(crate) fn into_scanner(self) -> Option<Scanner> {
        self.scanner
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Fed {
        for hold in [&mut self.hold, &mut self.line_start] {
            if *hold != Hold::Nothing {
                *hold = Hold::Carried;
            }
        }
        let end = self.lines(chunk);
        let open_line =
            if self.line == Line::Open && !self.line_is_empty && self.progress == Progress::Flowing {
                match judge(self.family, &self.prefix[..self.prefix_len], false) {
                    Verdict::Hold => self.line_start,
                    Verdict::Wait | Verdict::Is(_) => Hold::Nothing,
                }
            } else {
                Hold::Nothing
            };
        let hold = if self.hold == Hold::Nothing { open_line } else { self.hold };
        Fed { hold, end }
    }

    /// Walks the chunk line by line; gives the offset behind the completing event, if it ends here.
    fn lines(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&first) = chunk.get(at) {
            if core::mem::take(&mut self.after_cr) {
                if first == b'\n' {
                    at += 1;
                }
                if core::mem::take(&mut self.blank_cr) {
                    self.progress = Progress::Whole;
                    return Some(at);
                }
                continue;
            }
            let rest = &chunk[at..];
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            if length > 0 {
                self.extend_line(&rest[..length], at);
            }
            let Some(&terminator) = rest.get(length) else { break };
            at += length + 1;
            self.after_cr = terminator == b'\r';
            if self.end_line() {
                if self.after_cr {
                    self.blank_cr = true;
                } else {
                    self.progress = Progress::Whole;
                    return Some(at);
                }
            }
        }
        None
    }

    /// Takes bytes of the current line, `at` their offset in the chunk.
    fn extend_line(&mut self, bytes: &[u8], at: usize) {
        if core::mem::take(&mut self.line_is_empty) {
            self.line_start = Hold::From(at);
        }
        let known = self.prefix_len;
        let taken = bytes.len().min(PREFIX - known);
        self.prefix[known..known + taken].copy_from_slice(&bytes[..taken]);
        self.prefix_len += taken;
        if self.line == Line::Open {
            match judge(self.family, &self.prefix[..self.prefix_len], false) {
                Verdict::Is(effect) => self.settle(effect),
                Verdict::Hold | Verdict::Wait => {}
            }
        }
        if let Some(scanner) = &mut self.scanner
            && self.prefix[..self.prefix_len].starts_with(b"data:")
        {
            // Bytes of the field's name may lie in this piece or in an earlier one.
            scanner.feed(&bytes[5usize.saturating_sub(known).min(bytes.len())..]);
        }
    }

    /// Ends the current line; true if it is the blank line of the completing event.
    fn end_line(&mut self) -> bool {
        let blank = core::mem::replace(&mut self.line_is_empty, true);
        if !blank && self.line == Line::Open {
            match judge(self.family, &self.prefix[..self.prefix_len], true) {
                Verdict::Is(effect) => self.settle(effect),
                Verdict::Hold | Verdict::Wait => {}
            }
        }
        if let Some(scanner) = &mut self.scanner {
            if blank {
                scanner.next_document();
            } else if self.prefix[..self.prefix_len].starts_with(b"data:") {
                scanner.feed(b"\n");
            }
        }
        self.line = Line::Open;
        self.prefix_len = 0;
        self.line_start = Hold::Nothing;
        blank && self.progress != Progress::Flowing
    }

    fn settle(&mut self, effect: Option<Effect>) {
        self.line = Line::Judged;
        let Some(effect) = effect else { return };
        self.failed |= matches!(effect, Effect::Failure | Effect::CompletingFailure);
        if effect == Effect::Failure {
            return;
        }
        if self.progress == Progress::Flowing {
            self.hold = self.line_start;
            self.progress = Progress::Completing { sure: effect == Effect::Done };
        }
    }
}
