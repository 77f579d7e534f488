//! Which quote provider this machine has.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use crate::{DSTACK_SOCKETS, DstackAgent, IntelLibrary, QuoteFailure, QuoteProvider, TimelyQuotes};

/// Where the kernel has its report folder.
pub const DEFAULT_TSM_ROOT: &str = "/sys/kernel/config/tsm/report";

/// Beyond the half minute of the kernel and the time that its mailbox may be occupied.
const CONFIGFS_PATIENCE: Duration = Duration::from_secs(60);
/// Beyond an agent's own minute for each of its two calls: the part of connecting that has no time-out.
const DSTACK_PATIENCE: Duration = Duration::from_secs(130);

/// Where quotes come from. A simulated provider is never found by looking: the program puts it in by name.
///
/// The text form is the name, and after a colon the place, if it is not the usual one: `configfs:/mnt/tsm/report`,
/// `library:/opt/intel/libtdx_attest.so.1`, `dstack:/run/agent.sock`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QuoteSource {
    /// The first of the following that answers, at its usual place.
    #[default]
    Auto,
    /// The kernel's configfs-tsm and nothing else; the folder, if it is not [`DEFAULT_TSM_ROOT`].
    Configfs(Option<PathBuf>),
    /// Intel's library and nothing else; the file, if it is not the dynamic linker's to find.
    Library(Option<PathBuf>),
    /// dstack's guest agent and nothing else; the socket, if it is none of [`DSTACK_SOCKETS`].
    Dstack(Option<PathBuf>),
}

impl QuoteSource {
    /// Whether it names a place of its own: for [`QuoteSource::Library`] that is code to be run.
    pub fn names_a_place(&self) -> bool {
        self.place().is_some()
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Configfs(_) => "configfs",
            Self::Library(_) => "library",
            Self::Dstack(_) => "dstack",
        }
    }

    fn place(&self) -> Option<&Path> {
        match self {
            Self::Auto => None,
            Self::Configfs(place) | Self::Library(place) | Self::Dstack(place) => place.as_deref(),
        }
    }
}

impl fmt::Display for QuoteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self.place() {
            Some(place) => write!(f, ":{}", place.display()),
            None => Ok(()),
        }
    }
}

/// A text that names no quote source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown quote source; known are auto, configfs, library and dstack, each but auto with a colon and an absolute \
     path behind it if it lies elsewhere than usual"
)]
pub struct UnknownQuoteSource;

impl FromStr for QuoteSource {
    type Err = UnknownQuoteSource;

    fn from_str(text: &str) -> Result<Self, UnknownQuoteSource> {
        let (name, place) = match text.split_once(':') {
            Some((name, place)) => (name, Some(PathBuf::from(place))),
            None => (text, None),
        };
        if place.as_ref().is_some_and(|place| !place.is_absolute()) {
            return Err(UnknownQuoteSource);
        }
        match (name, place) {
            ("auto", None) => Ok(Self::Auto),
            ("configfs", place) => Ok(Self::Configfs(place)),
            ("library", place) => Ok(Self::Library(place)),
            ("dstack", place) => Ok(Self::Dstack(place)),
            _ => Err(UnknownQuoteSource),
        }
    }
}

/// Finds the quote provider and sees that it answers; no quote is made yet.
///
/// Built without the feature `configfs`, that source is [`TdxAttest`](crate::TdxAttest): it takes no folder and shows
/// only with its first quote whether it answers.
///
/// # Errors
///
/// What is missing and what to do about it: [`QuoteFailure::Unavailable`] in most cases. A source that was named is
/// the only one tried.
pub fn quote_provider(source: &QuoteSource) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let candidates = candidates(source);
    if *source == QuoteSource::Auto {
        return first(candidates);
    }
    // A source that was named is the whole list.
    candidates.into_iter().map(|(_, open)| open()).next().unwrap_or_else(|| first(Vec::new()))
}

/// Tries every source that [`quote_provider`] might: its name, and the provider or what it lacks. For people who want
/// to know why; whoever wants a quote wants [`quote_provider`].
pub fn quote_sources(source: &QuoteSource) -> Vec<(&'static str, Opened)> {
    candidates(source).into_iter().map(|(name, open)| (name, open())).collect()
}

/// What became of trying a source.
pub type Opened = Result<Box<dyn QuoteProvider>, QuoteFailure>;

type Open<'a> = Box<dyn FnOnce() -> Opened + 'a>;

/// The sources in the order in which they are tried, each by its name in [`QuoteSource`].
fn candidates(source: &QuoteSource) -> Vec<(&'static str, Open<'_>)> {
    let one: Open<'_> = match source {
        QuoteSource::Auto => {
            return vec![
                ("configfs", Box::new(|| configfs(DEFAULT_TSM_ROOT.as_ref()))),
                ("library", Box::new(|| library(IntelLibrary::DEFAULT_NAME.as_ref()))),
                ("dstack", Box::new(|| dstack(None))),
            ];
        }
        QuoteSource::Configfs(root) => {
            Box::new(|| configfs(root.as_deref().unwrap_or(DEFAULT_TSM_ROOT.as_ref())))
        }
        QuoteSource::Library(file) => {
            Box::new(|| library(file.as_deref().unwrap_or(IntelLibrary::DEFAULT_NAME.as_ref())))
        }
        QuoteSource::Dstack(socket) => Box::new(|| dstack(socket.as_deref())),
    };
    vec![(source.name(), one)]
}

/// The first source that answers; if none does, what each lacks.
fn first<'a>(
    sources: impl IntoIterator<Item = (&'static str, Open<'a>)>,
) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let mut missing = String::new();
    for (name, open) in sources {
        match open() {
            Ok(provider) => {
                tracing::info!(provider = provider.name(), passed_over = %missing, "quotes");
                return Ok(provider);
            }
            Err(failure) => {
                let reason = failure.to_string();
                let reason = reason.strip_prefix("no quote provider: ").unwrap_or(&reason);
                let separator = if missing.is_empty() { "" } else { "; " };
                missing.push_str(&format!("{separator}{name}: {reason}"));
            }
        }
    }
    Err(QuoteFailure::Unavailable(missing))
}

#[cfg(feature = "configfs")]
fn configfs(root: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let provider = crate::ConfigfsTsm::new(root);
    provider.probe()?;
    timely(provider, CONFIGFS_PATIENCE)
}

#[cfg(not(feature = "configfs"))]
fn configfs(_root: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    timely(crate::TdxAttest, CONFIGFS_PATIENCE)
}

fn library(name: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let library = IntelLibrary::load(name)?;
    library.probe()?;
    timely(library, IntelLibrary::PATIENCE)
}

fn dstack(socket: Option<&Path>) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let agent = match socket {
        Some(socket) => DstackAgent::new(socket),
        None => DstackAgent::find().ok_or_else(|| {
            QuoteFailure::Unavailable(format!(
                "there is no socket of its agent ({})",
                DSTACK_SOCKETS.join(", ")
            ))
        })?,
    };
    agent.probe()?;
    timely(agent, DSTACK_PATIENCE)
}

/// No source may take its caller along, whatever deadlines it has of its own.
fn timely(
    provider: impl QuoteProvider + 'static,
    patience: Duration,
) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    Ok(Box::new(TimelyQuotes::new(Box::new(provider), patience)?))
}

#[cfg(test)]
mod tests;
