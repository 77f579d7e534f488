//! How an exchange ended: part of what is sworn, so that a cut answer can never pass for a whole one.

use core::{fmt, str::FromStr};

/// The end of an exchange, in the receipt's own words (`docs/spec/receipt.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum End {
    /// The engine's answer came whole and was sworn for release. Not a claim of delivery.
    Complete,
    /// The engine said inside its answer that it failed.
    EngineFailed,
    /// The engine's answer stopped before its own framing or protocol said that it ended.
    EngineTruncated,
    /// Silence past the idle limit, or the drain's grace period over.
    TimedOut,
    /// The client was gone before the completing bytes entered the archive.
    ClientLeft,
    /// The answer is jurat's own, after admission: the engine gave none, or no receipt could be kept.
    Refused,
}

impl End {
    /// Every end, in the order of precedence: the first that applies is sworn.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::ClientLeft,
        Self::TimedOut,
        Self::EngineFailed,
        Self::EngineTruncated,
        Self::Complete,
    ];

    /// The wire form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::EngineFailed => "engine_failed",
            Self::EngineTruncated => "engine_truncated",
            Self::TimedOut => "timed_out",
            Self::ClientLeft => "client_left",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A receipt names an end that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown end")]
pub struct UnknownEnd;

impl FromStr for End {
    type Err = UnknownEnd;

    fn from_str(text: &str) -> Result<Self, UnknownEnd> {
        Self::ALL.into_iter().find(|end| end.as_str() == text).ok_or(UnknownEnd)
    }
}
