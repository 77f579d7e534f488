//! Fixed-width values of a policy, in hexadecimal.

use std::{fmt, str::FromStr};

/// `N` bytes as they lie in a quote or a certificate. The text form is hexadecimal of either case, optionally behind
/// `0x`; `Display` prints lower case without it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>([u8; N]);

/// A measurement register, SHA-384.
pub type Register = Hex<48>;
/// `TDATTRIBUTES` or `XFAM`, in the order of the quote's bytes: the first has bits 0 to 7.
pub type Flags = Hex<8>;
/// A Platform Provisioning ID, from the platform's PCK certificate.
pub type Ppid = Hex<16>;

impl<const N: usize> Hex<N> {
    /// Wraps the raw bytes.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }
}

/// A text that is not hexadecimal of the right length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hexadecimal digits")]
pub struct NotHex {
    expected: usize,
}

impl<const N: usize> FromStr for Hex<N> {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        let mut bytes = [0; N];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(text), &mut bytes)
            .map_err(|_| NotHex { expected: 2 * N })?;
        Ok(Self(bytes))
    }
}

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl<const N: usize> fmt::Debug for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hex({self})")
    }
}
