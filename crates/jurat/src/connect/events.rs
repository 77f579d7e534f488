//! Where events end in a stream: what is cut off or refused must not leave half an event behind, which a client would
//! read together with what follows.

/// Finds the blank lines of a server-sent event stream, at any split. Lines end in LF, CR or CRLF (HTML standard,
/// section 9.2.6).
#[derive(Debug, Default)]
pub(super) struct Events {
    /// Bytes since the last blank line.
    open: u64,
    line: Line,
    after_cr: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Empty,
    Begun,
}

impl Events {
    /// Takes the next bytes; says how many of the last ones, earlier chunks included, belong to an event without its end.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> u64 {
        for &byte in chunk {
            self.open += 1;
            let within_crlf = std::mem::take(&mut self.after_cr) && byte == b'\n';
            match byte {
                b'\n' if within_crlf => {
                    // the second half of a blank line's own end
                    if self.line == Line::Empty && self.open == 1 {
                        self.open = 0;
                    }
                }
                b'\n' | b'\r' => {
                    self.after_cr = byte == b'\r';
                    if self.line == Line::Empty {
                        self.open = 0;
                    }
                    self.line = Line::Empty;
                }
                _ => self.line = Line::Begun,
            }
        }
        self.open
    }
}

#[cfg(test)]
mod tests;
