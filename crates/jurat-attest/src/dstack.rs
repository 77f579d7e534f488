//! Quotes and keys from dstack's guest agent: JSON over HTTP/1.1 on a unix socket.
//!
//! What the agent says beside a quote (event log, VM configuration, its description of itself) is passed on as it
//! is: whoever verifies needs the very text. Two generations of the agent are spoken to, told apart by the name of
//! the socket: the guest agent (dstack 0.5 and later), and tappd before it.
//!
//! Source: the services `DstackGuest` and `Tappd` of dstack's guest agent API. `http` is the one exchange a
//! connection; `answers` is what comes back; `key` is the key service.

mod answers;
mod http;
mod key;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jurat_proto::ReportData;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::{Quote, QuoteFailure, QuoteProvider};
pub use key::{DerivedKey, KEY_PATH, KEY_PURPOSE};

/// Where agents listen, in the order in which they are looked for: dstack 0.5 and later, then tappd.
pub const DSTACK_SOCKETS: [&str; 3] =
    ["/var/run/dstack/dstack.sock", "/var/run/dstack.sock", "/var/run/tappd.sock"];

/// Longer than the half minute that the kernel may wait for the host, for a quote that queues behind another.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of the time that nothing needs the host for.
const PROBE_PATIENCE: Duration = Duration::from_secs(10);
/// `Info` holds the application's compose file and a certificate with a quote in it, some tens of kilobytes.
const LONGEST_ANSWER: usize = 4 << 20;

/// The agent's generation: names of calls and members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Generation {
    /// `DstackGuest`.
    GuestAgent,
    /// `Tappd`.
    Tappd,
}

/// The guest agent as a quote provider.
#[derive(Debug)]
pub struct DstackAgent {
    socket: PathBuf,
    generation: Generation,
    patience: Duration,
    /// The newest `Info`, with the event log of the quote that it was asked for beside. Asking costs the agent a
    /// quote of its own, and it changes only when something is measured.
    info: Option<(String, Info)>,
}

#[derive(Debug, Clone)]
struct Info {
    object: Box<RawValue>,
    vm_config: Option<String>,
}

impl DstackAgent {
    /// The agent behind `socket`. A file of the name `tappd.sock` is spoken to as tappd.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let socket = socket.into();
        let tappd = socket.file_name().is_some_and(|name| name == "tappd.sock");
        let generation = if tappd { Generation::Tappd } else { Generation::GuestAgent };
        Self { socket, generation, patience: PATIENCE, info: None }
    }

    /// The first of [`DSTACK_SOCKETS`] that exists.
    pub fn find() -> Option<Self> {
        DSTACK_SOCKETS.iter().find(|socket| Path::new(socket).exists()).map(Self::new)
    }

    /// Gives every call this long instead of a minute.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether the agent is there and answers.
    ///
    /// # Errors
    ///
    /// [`QuoteFailure::Unavailable`] if nobody listens, else as for a quote.
    pub fn probe(&self) -> Result<(), QuoteFailure> {
        self.ask_info(self.patience.min(PROBE_PATIENCE)).map(drop)
    }

    fn ask_info(&self, patience: Duration) -> Result<Info, QuoteFailure> {
        let call = match self.generation {
            Generation::GuestAgent => "/Info",
            Generation::Tappd => "/prpc/Tappd.Info?json",
        };
        let body = self.call(call, "{}", LONGEST_ANSWER, patience)?;
        answers::info(&body)
    }

    /// One call. The answer is wiped when dropped: a key may be in it.
    fn call(
        &self,
        path: &str,
        body: &str,
        limit: usize,
        patience: Duration,
    ) -> Result<Zeroizing<Vec<u8>>, QuoteFailure> {
        let deadline = Instant::now() + patience;
        let answer = http::post(&self.socket, path, body, limit, deadline)
            .map_err(|error| self.failure(path, error))?;
        let said = |status| {
            format!("dstack's agent answered {path} with {status}: {}", answers::reason(&answer.body))
        };
        match answer.status {
            200 if answers::is_error(&answer.body) => Err(QuoteFailure::Failed(said("an error"))),
            200 => Ok(answer.body),
            status @ (429 | 503) => Err(QuoteFailure::Busy(said(&status.to_string()))),
            status => Err(QuoteFailure::Failed(said(&status.to_string()))),
        }
    }

    fn failure(&self, path: &str, error: http::HttpError) -> QuoteFailure {
        use http::HttpError;
        let socket = self.socket.display();
        match error {
            HttpError::Connect(error) => QuoteFailure::Unavailable(match error.kind() {
                io::ErrorKind::NotFound => {
                    format!("{socket} does not exist: mount dstack's socket into the container")
                }
                io::ErrorKind::ConnectionRefused => {
                    format!("nobody listens at {socket}: dstack's agent is down")
                }
                io::ErrorKind::PermissionDenied => format!("this process may not open {socket}: {error}"),
                _ => format!("could not connect to {socket}: {error}"),
            }),
            HttpError::TimedOut => {
                QuoteFailure::TimedOut(format!("dstack's agent at {socket} did not answer {path} in time"))
            }
            other => QuoteFailure::Failed(format!("dstack's agent at {socket}, asked for {path}: {other}")),
        }
    }
}

impl QuoteProvider for DstackAgent {
    fn name(&self) -> &'static str {
        "dstack"
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        // All 64 bytes, as the agent would pad fewer.
        let (call, body) = match self.generation {
            Generation::GuestAgent => ("/GetQuote", format!(r#"{{"report_data":"{report_data}"}}"#)),
            // Anything but `raw` would be hashed behind a prefix.
            Generation::Tappd => (
                "/prpc/Tappd.TdxQuote?json",
                format!(r#"{{"report_data":"{report_data}","hash_algorithm":"raw"}}"#),
            ),
        };
        let body = self.call(call, &body, LONGEST_ANSWER, self.patience)?;
        let answer = answers::quote(&body, report_data)?;
        let log = answer.event_log.clone().unwrap_or_default();
        let info = match &self.info {
            Some((of, info)) if *of == log => info.clone(),
            _ => {
                let info = self.ask_info(self.patience)?;
                self.info = Some((log, info.clone()));
                info
            }
        };
        Ok(Quote {
            bytes: answer.bytes,
            event_log: answer.event_log,
            vm_config: answer.vm_config.or(info.vm_config),
            info: Some(info.object),
        })
    }
}

impl fmt::Display for DstackAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dstack's agent at {}", self.socket.display())
    }
}

#[cfg(test)]
mod tests;
