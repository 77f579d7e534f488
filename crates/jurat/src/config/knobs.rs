//! One value at a time: flag, then environment, then file, then default.

use std::{
    fmt::{self, Display, Formatter},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use jurat_client::BaseUrl;

use crate::{cli::LONGEST_SECONDS, exit::Failure};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Flag or environment; they are one to the command line's parser.
    Command,
    File,
    Default,
}

/// An archive of fewer bytes would give up what it was given a moment ago.
const LEAST_BYTES: u64 = 64 << 10;

/// The knobs settled so far.
pub(super) struct Knobs {
    pub(super) rows: Vec<(&'static str, String, Origin)>,
}

impl Knobs {
    pub(super) fn value<T: Display>(
        &mut self,
        name: &'static str,
        command: Option<T>,
        file: Option<T>,
        default: T,
    ) -> T {
        let (value, origin) = match (command, file) {
            (Some(value), _) => (value, Origin::Command),
            (None, Some(value)) => (value, Origin::File),
            (None, None) => (default, Origin::Default),
        };
        self.rows.push((name, value.to_string(), origin));
        value
    }

    /// One of a few words, of the file alone; the first is the default.
    pub(super) fn choice<T: Copy + Default, const N: usize>(
        &mut self,
        name: &'static str,
        file: Option<&str>,
        words: [(&'static str, T); N],
    ) -> Result<T, Failure> {
        let Some(word) = file else {
            let default = words.first().map_or("", |(word, _)| word);
            self.rows.push((name, default.to_owned(), Origin::Default));
            return Ok(T::default());
        };
        let known = || words.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        let (_, value) = words
            .iter()
            .find(|(known, _)| *known == word)
            .ok_or_else(|| Failure::config(format_args!("{name} `{word}` is none of {}", known())))?;
        self.rows.push((name, word.to_owned(), Origin::File));
        Ok(*value)
    }

    /// A text that may be absent.
    pub(super) fn text(
        &mut self,
        name: &'static str,
        command: Option<&String>,
        file: Option<&String>,
    ) -> Named<String> {
        let named = |text: Option<&String>| text.cloned().map(|text| Named(Some(text)));
        self.value(name, named(command), named(file), Named(None))
    }

    /// A service's address, which may be absent and is never on the command line.
    pub(super) fn url(
        &mut self,
        name: &'static str,
        file: Option<&String>,
    ) -> Result<Option<BaseUrl>, Failure> {
        let parsed = self.text(name, None, file).0.map(|text| text.parse()).transpose();
        parsed.map_err(|error| Failure::config(format_args!("{name}: {error}")))
    }

    /// A path that may be absent.
    pub(super) fn path(
        &mut self,
        name: &'static str,
        command: Option<&PathBuf>,
        file: Option<&PathBuf>,
    ) -> Named<PathBuf> {
        let named = |path: Option<&PathBuf>| path.cloned().map(|path| Named(Some(path)));
        self.value(name, named(command), named(file), Named(None))
    }

    /// A bad value of the newest knob: a flag's is a mistake of usage, a file's one of configuration.
    pub(super) fn refusal(&self, message: impl Display) -> Failure {
        match self.rows.last() {
            Some((_, _, Origin::Command)) => Failure::usage(message),
            _ => Failure::config(message),
        }
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        command: Option<String>,
        file: Option<String>,
        default: &str,
    ) -> Result<T, Failure>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.value(name, command, file, default.to_owned());
        text.parse().map_err(|error| self.refusal(format_args!("{name} `{text}`: {error}")))
    }

    pub(super) fn positive(
        &mut self,
        name: &'static str,
        command: Option<usize>,
        file: Option<usize>,
        default: usize,
    ) -> Result<usize, Failure> {
        let number = self.value(name, command, file, default);
        if number > 0 { Ok(number) } else { Err(self.refusal(format_args!("{name} must not be 0"))) }
    }

    /// A bound in bytes; none that keeps nothing.
    pub(super) fn bytes(
        &mut self,
        name: &'static str,
        command: Option<u64>,
        file: Option<u64>,
        default: u64,
    ) -> Result<u64, Failure> {
        let bytes = self.value(name, command, file, default);
        if bytes >= LEAST_BYTES {
            return Ok(bytes);
        }
        Err(self.refusal(format_args!("{name} must be at least {LEAST_BYTES}")))
    }

    pub(super) fn seconds(
        &mut self,
        name: &'static str,
        command: Option<f64>,
        file: Option<f64>,
        default: f64,
    ) -> Result<Duration, Failure> {
        let seconds = self.value(name, command, file, default);
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|duration| !duration.is_zero() && *duration < Duration::from_secs(LONGEST_SECONDS))
            .ok_or_else(|| {
                self.refusal(format_args!(
                    "{name} `{seconds}` is not between 0 and {LONGEST_SECONDS} seconds"
                ))
            })
    }
}

/// A value that may be absent: printed as `none` then.
pub(super) struct Named<T>(pub(super) Option<T>);

impl Display for Named<String> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("none"))
    }
}

impl Display for Named<PathBuf> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(path) => path.display().fmt(f),
            None => f.write_str("none"),
        }
    }
}
