//! How the program ends: codes after sysexits.h, messages for people on stderr.

use std::{
    fmt::{self, Display},
    process::ExitCode,
};

/// Exit codes, documented in `docs/operate.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Done = 0,
    Refuted = 1,
    Undecided = 2,
    Usage = 64,
    Unavailable = 69,
    Config = 78,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why the program can't do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn usage(message: impl Display) -> Self {
        Self::new(Code::Usage, message)
    }

    pub(crate) fn unavailable(message: impl Display) -> Self {
        Self::new(Code::Unavailable, message)
    }

    pub(crate) fn config(message: impl Display) -> Self {
        Self::new(Code::Config, message)
    }

    /// Something that was to be proved did not hold; only the demonstration ends so.
    #[cfg(feature = "simulated-tee")]
    pub(crate) fn refuted(message: impl Display) -> Self {
        Self::new(Code::Refuted, message)
    }

    fn new(code: Code, message: impl Display) -> Self {
        Self { code, message: message.to_string(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn report(self) -> ExitCode {
        say(format_args!("error: {}", self.message));
        if let Some(hint) = self.hint {
            say(format_args!("hint: {hint}"));
        }
        self.code.into()
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A line for people. It may quote strangers, from whom a terminal takes no orders.
#[allow(clippy::print_stderr)]
pub(crate) fn say(line: impl Display) {
    eprintln!("jurat: {}", harmless(&line.to_string()));
}

/// Without control characters, but for line feeds and tabs.
pub(crate) fn harmless(text: &str) -> String {
    let shown =
        |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Data, on stdout. A reader that closed the pipe has what it wanted.
pub(crate) fn print(text: impl Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
