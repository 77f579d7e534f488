//! `jurat doctor`: what `serve` would lack on this machine, one line each, and what to do about it.
//!
//! It looks with the same flags, environment and file as `serve`, and beside a running service as well as before the
//! first start. It changes nothing: a file in the state folder is made and removed, one quote and one set of GPU
//! evidence are asked for and thrown away.

mod archive;
mod clock;
mod dstack;
mod engine;
mod gpus;
mod guest;
mod ports;
mod process;
mod quotes;
mod service;

use std::{fmt, time::Duration};

use clap::Args;
use jurat_verify::Status;
use serde::Serialize;

use crate::{
    cli::ServeOptions,
    config::Config,
    exit::{Code, Failure, print},
};

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) serve: ServeOptions,
    /// Print the findings as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How long a peer on this machine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// `jurat doctor`. Nothing failed: 0. Something that is needed is not there: 69. A skip is no failure: it says what
/// could not be looked at, or is not needed.
pub(crate) fn run(options: DoctorOptions) -> Result<Code, Failure> {
    let config = Config::load(&options.serve)?;
    // Of this process, as `serve` does it of its own.
    crate::serve::harden();
    let mut findings =
        Findings { lines: Vec::new(), shown: if options.json { Shown::AtTheEnd } else { Shown::AtOnce } };
    guest::look(&config, &mut findings);
    quotes::look(&config, &mut findings);
    gpus::look(&config, &mut findings);
    engine::look(&config.engine, &mut findings);
    archive::look(&config.receipts, &mut findings);
    clock::look(&mut findings);
    process::look(&config, &mut findings);
    dstack::look(&config, &mut findings);
    ports::look(&config, &mut findings);
    service::look(&config, &mut findings);
    Ok(findings.end())
}

/// What a look at one thing found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Line {
    id: &'static str,
    status: Status,
    finding: String,
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Line {
    fn pass(id: &'static str, finding: impl Into<String>) -> Self {
        Self { id, status: Status::Pass, finding: finding.into(), advice: None }
    }

    fn fail(id: &'static str, finding: impl Into<String>) -> Self {
        Self { status: Status::Fail, ..Self::pass(id, finding) }
    }

    fn skip(id: &'static str, finding: impl Into<String>) -> Self {
        Self { status: Status::Skip, ..Self::pass(id, finding) }
    }

    /// What the operator does about it.
    fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What devices and peers say must not move the cursor.
        let clean = |text: &str| text.replace(char::is_control, " ");
        write!(f, "{} {:<16} {}", self.status, self.id, clean(&self.finding))?;
        match &self.advice {
            Some(advice) => write!(f, "; do: {}", clean(advice)),
            None => Ok(()),
        }
    }
}

/// When lines are printed: some take seconds to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    AtOnce,
    AtTheEnd,
}

/// The lines so far.
struct Findings {
    lines: Vec<Line>,
    shown: Shown,
}

impl Findings {
    fn add(&mut self, line: Line) {
        if self.shown == Shown::AtOnce {
            print(&line);
        }
        self.lines.push(line);
    }

    fn end(self) -> Code {
        let count = |status| self.lines.iter().filter(|line| line.status == status).count();
        let failed = count(Status::Fail);
        match self.shown {
            Shown::AtOnce => print(format_args!(
                "{} passed, {failed} failed, {} skipped",
                count(Status::Pass),
                count(Status::Skip)
            )),
            Shown::AtTheEnd => {
                print(serde_json::json!({ "well": failed == 0, "findings": self.lines }));
            }
        }
        if failed == 0 { Code::Done } else { Code::Unavailable }
    }
}

#[cfg(test)]
mod tests;
