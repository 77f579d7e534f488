//! Which quote provider this machine has.

use std::{fmt, path::Path, str::FromStr};

use crate::{QuoteFailure, QuoteProvider};

/// Where the kernel has its report folder.
pub const DEFAULT_TSM_ROOT: &str = "/sys/kernel/config/tsm/report";

/// Where quotes come from. A simulated provider is never found by looking: the program puts it in by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QuoteSource {
    /// The first of the following that answers.
    #[default]
    Auto,
    /// The kernel's configfs-tsm, and nothing else.
    Configfs,
}

impl fmt::Display for QuoteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Configfs => "configfs",
        })
    }
}

/// A name that is no quote source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown quote source; known are auto and configfs")]
pub struct UnknownQuoteSource;

impl FromStr for QuoteSource {
    type Err = UnknownQuoteSource;

    fn from_str(text: &str) -> Result<Self, UnknownQuoteSource> {
        [Self::Auto, Self::Configfs]
            .into_iter()
            .find(|source| source.to_string() == text)
            .ok_or(UnknownQuoteSource)
    }
}

/// Finds the quote provider and sees that it answers; no quote is made yet.
///
/// `tsm_root` is the kernel's report folder, [`DEFAULT_TSM_ROOT`] on a real machine. Built without the feature
/// `configfs` there is one provider, [`TdxAttest`](crate::TdxAttest): it takes no folder and shows only with its
/// first quote whether it answers.
///
/// # Errors
///
/// [`QuoteFailure::Unavailable`] with what is missing and what to do about it. A source that was named is the only
/// one tried.
pub fn quote_provider(choice: QuoteSource, tsm_root: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    match choice {
        QuoteSource::Configfs => configfs(tsm_root),
        QuoteSource::Auto => configfs(tsm_root).map_err(|failure| match failure {
            QuoteFailure::Unavailable(missing) => QuoteFailure::Unavailable(format!(
                "{missing}{}",
                hints(Path::new("/dev/tdx_guest").exists(), Path::new("/var/run/dstack.sock").exists())
            )),
            other => other,
        }),
    }
}

#[cfg(feature = "configfs")]
fn configfs(root: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    let provider = crate::ConfigfsTsm::new(root);
    provider.probe()?;
    Ok(Box::new(provider))
}

#[cfg(not(feature = "configfs"))]
fn configfs(_root: &Path) -> Result<Box<dyn QuoteProvider>, QuoteFailure> {
    Ok(Box::new(crate::TdxAttest))
}

/// What the surroundings say about a machine without configfs-tsm.
fn hints(tdx_device: bool, dstack_socket: bool) -> String {
    let mut text = String::new();
    if !tdx_device {
        text.push_str(
            "; there is no /dev/tdx_guest either, so this is no TDX guest or its module is not loaded",
        );
    }
    if dstack_socket {
        text.push_str(
            "; this is a dstack VM: its socket is not a quote source of jurat, mount configfs instead",
        );
    }
    text
}

#[cfg(test)]
mod tests;
