//! Logs: on stderr, for people at a terminal and as JSON lines elsewhere. Never a prompt, an answer, a
//! token or a header's value. And, in a build with the feature `otlp`, spans.

#[cfg(feature = "otlp")]
mod otlp;
#[cfg(not(feature = "otlp"))]
mod silent;

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

#[cfg(feature = "otlp")]
pub(crate) use otlp::Export;
#[cfg(not(feature = "otlp"))]
pub(crate) use silent::Export;

/// Starts logging, once. `JURAT_LOG` takes filters such as `jurat_proxy=debug`.
pub(crate) fn start(default: &str) {
    let filter = EnvFilter::try_from_env("JURAT_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start is a test's or the demo's, and keeps the first.
    let _ = match std::io::stderr().is_terminal() {
        true => logs.try_init(),
        false => logs.json().try_init(),
    };
}
