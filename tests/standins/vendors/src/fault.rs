//! How a service fails, or lies.

use std::str::FromStr;

/// How a service behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// As it should.
    #[default]
    None,
    /// 500 to everything.
    Broken,
    /// 500 to the first question after this was said, then as it should.
    BrokenOnce,
    /// 503, please come back.
    Busy,
    /// 404 to everything.
    Empty,
    /// Closes each connection without a word.
    Mute,
    /// Reads the question and answers after a minute.
    Slow,
    /// Half of the answer, then the end of the connection.
    Cut,
    /// 200 with a web page.
    Page,
    /// 200 with a well-formed answer about something else.
    Other,
    /// 200 with a valid answer that was true once.
    Stale,
    /// 200 with an answer whose content was altered behind its signature.
    Altered,
    /// 200 with a body that does not end for a long time.
    Huge,
    /// 302 to another host.
    Elsewhere,
}

impl Fault {
    /// Each but none.
    pub const ALL: [Self; 13] = [
        Self::Broken,
        Self::BrokenOnce,
        Self::Busy,
        Self::Empty,
        Self::Mute,
        Self::Slow,
        Self::Cut,
        Self::Page,
        Self::Other,
        Self::Stale,
        Self::Altered,
        Self::Huge,
        Self::Elsewhere,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Broken => "broken",
            Self::BrokenOnce => "broken-once",
            Self::Busy => "busy",
            Self::Empty => "empty",
            Self::Mute => "mute",
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Page => "page",
            Self::Other => "other",
            Self::Stale => "stale",
            Self::Altered => "altered",
            Self::Huge => "huge",
            Self::Elsewhere => "elsewhere",
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = [Self::None].into_iter().chain(Self::ALL).find(|fault| fault.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no fault of a service's that is known here"))
    }
}
