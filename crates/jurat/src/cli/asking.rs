//! Options of the commands that ask a service for answers.

use std::net::SocketAddr;

use clap::{Args, builder::RangedU64ValueParser};

use super::{JudgingOptions, TokenOptions};

/// No time is as long: 136 years. A point in time that lies so far ahead can still be computed; one of 2^64 seconds
/// cannot.
pub(crate) const LONGEST_SECONDS: u64 = 1 << 32;

/// Whole seconds, at least so many.
pub(super) fn seconds(least: u64) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(least..LONGEST_SECONDS)
}

#[derive(Debug, Args)]
pub(crate) struct ChatOptions {
    /// The service's base URL
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// What to ask (`-`: standard input)
    #[arg(value_name = "PROMPT")]
    pub(crate) prompt: String,
    /// The model to ask for
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// What to tell the model beforehand
    #[arg(long, value_name = "TEXT")]
    pub(crate) system: Option<String>,
    /// Print words as they come; the verdict comes behind them
    #[arg(long)]
    pub(crate) stream: bool,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectOptions {
    /// The service's base URL
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Where to listen; clients get http://IP:PORT/v1 as their base URL
    #[arg(long, env = "JURAT_CONNECT_LISTEN", default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    pub(crate) listen: SocketAddr,
    /// Allow addresses that other machines reach, though tokens and prompts pass there in the clear
    #[arg(long)]
    pub(crate) listen_beyond_this_machine: bool,
    /// Withhold the end of a stream until its receipt was checked, however long that takes
    #[arg(long, env = "JURAT_HOLD")]
    pub(crate) hold: bool,
    /// Seconds after which the service is verified again; at twice that an old verification counts no more
    #[arg(long, env = "JURAT_VERIFY_EVERY", default_value_t = 3600, value_name = "SECONDS",
          value_parser = seconds(1))]
    pub(crate) verify_every: u64,
    /// Most bytes of an answer that are held until it is judged; a larger one flows, and is cut off if refused
    #[arg(long, env = "JURAT_MOST_HELD", default_value_t = 16 << 20, value_name = "BYTES")]
    pub(crate) most_held: usize,
    /// Seconds that answers under way get when the proxy stops
    #[arg(long, env = "JURAT_DRAIN_GRACE", default_value_t = 30, value_name = "SECONDS",
          value_parser = seconds(0))]
    pub(crate) drain_grace: u64,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
}
