//! Tokens: made, and shown.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// A hundred years. What lies beyond 2^63 seconds can't be written into a file of tokens.
const MOST_DAYS: u64 = 36_525;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Draw a token: it is shown once on stderr, and its entry for a file of tokens goes to stdout
    New(NewTokenOptions),
}

#[derive(Debug, Args)]
pub(crate) struct NewTokenOptions {
    /// Whose it is, for people
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Days after which it opens nothing any more [default: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=MOST_DAYS))]
    pub(crate) days: Option<u64>,
}

/// What is shown to whoever is asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct TokenOptions {
    /// File with the bearer token to show, where one is asked for
    #[arg(long, env = "JURAT_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}
