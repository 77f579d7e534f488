//! The strings that an answer gives itself: its id and its model, under the rules of `docs/spec/receipt.md`.

use alloc::{string::String, vec::Vec};

/// Longest name that is sworn to, in bytes after JSON decoding.
const LONGEST: usize = 256;

/// A JSON string being decoded, byte by byte, in bounded memory.
#[derive(Default)]
pub(crate) struct Decoder {
    bytes: Vec<u8>,
    escape: Escape,
    /// A high surrogate that waits for its low one.
    high: Option<u16>,
    broken: bool,
}

#[derive(Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    Backslash,
    Unicode {
        digits: u8,
        value: u16,
    },
}

/// What a byte was to the string.
#[derive(PartialEq, Eq)]
pub(crate) enum Step {
    Inside,
    Closed,
}

impl Decoder {
    pub(crate) fn restart(&mut self) {
        self.bytes.clear();
        self.escape = Escape::None;
        self.high = None;
        self.broken = false;
    }

    pub(crate) fn step(&mut self, byte: u8) -> Step {
        match self.escape {
            Escape::None => match byte {
                b'"' => return Step::Closed,
                b'\\' => self.escape = Escape::Backslash,
                // A raw control character is not JSON (RFC 8259 section 7).
                0..0x20 => self.broken = true,
                _ => self.push(byte),
            },
            Escape::Backslash => {
                self.escape = Escape::None;
                match byte {
                    b'"' | b'\\' | b'/' => self.push(byte),
                    b'u' => self.escape = Escape::Unicode { digits: 0, value: 0 },
                    // The other escapes stand for control characters, which no name may hold.
                    _ => self.broken = true,
                }
            }
            Escape::Unicode { digits, value } => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    self.broken = true;
                    self.escape = Escape::None;
                    // The closing quote of `"\u"` must not be swallowed.
                    return if byte == b'"' { Step::Closed } else { Step::Inside };
                };
                // invariant: a hexadecimal digit is below 16
                let value = value << 4 | digit as u16;
                if digits < 3 {
                    self.escape = Escape::Unicode { digits: digits + 1, value };
                } else {
                    self.escape = Escape::None;
                    self.push_unit(value);
                }
            }
        }
        Step::Inside
    }

    /// The decoded string; `None` if it is no name that can be sworn to.
    pub(crate) fn name(&self) -> Option<String> {
        if self.broken || self.high.is_some() {
            return None;
        }
        let text = core::str::from_utf8(&self.bytes).ok()?;
        (!text.chars().any(char::is_control)).then(|| text.into())
    }

    /// Whether the decoded string is `key`.
    pub(crate) fn is(&self, key: &str) -> bool {
        !self.broken && self.high.is_none() && self.bytes == key.as_bytes()
    }

    fn push(&mut self, byte: u8) {
        // A high surrogate must be followed by its low one at once.
        self.broken |= self.high.take().is_some();
        self.append(&[byte]);
    }

    fn push_unit(&mut self, unit: u16) {
        let code = match (self.high.take(), unit) {
            (None, 0xd800..0xdc00) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), 0xdc00..0xe000) => {
                0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00)
            }
            (None, _) => u32::from(unit),
            (Some(_), _) => {
                self.broken = true;
                return;
            }
        };
        match char::from_u32(code) {
            Some(character) => self.append(character.encode_utf8(&mut [0; 4]).as_bytes()),
            None => self.broken = true,
        }
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > LONGEST {
            self.broken = true;
        }
        if !self.broken {
            self.bytes.extend_from_slice(bytes);
        }
    }
}
