//! What a run is told to do.

use std::{io, path::PathBuf};

/// The command line behind the verb.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) jurat: PathBuf,
    /// Another build of it, measured beside it.
    pub(crate) before: Option<PathBuf>,
    /// The relays of `tests/bench/clients`, measured beside it.
    pub(crate) clients: Option<PathBuf>,
    /// Names of scenarios; all if empty.
    only: Vec<String>,
    /// Instead of each scenario's own number.
    rounds: Option<usize>,
    /// For jurat.
    pub(crate) arguments: Vec<String>,
    /// The document whose tables are replaced.
    pub(crate) write: Option<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> io::Result<Self> {
        let mut options = Self {
            jurat: PathBuf::new(),
            before: None,
            clients: None,
            only: Vec::new(),
            rounds: None,
            arguments: Vec::new(),
            write: None,
        };
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| wrong(format!("{word} wants a value")))?;
            match word.as_str() {
                "--jurat" => options.jurat = value.into(),
                "--before" => options.before = Some(value.into()),
                "--clients" => options.clients = Some(value.into()),
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                "--rounds" => {
                    options.rounds =
                        Some(value.parse().map_err(|error| wrong(format!("--rounds: {error}")))?);
                }
                "--argument" => options.arguments.push(value.clone()),
                "--write" => options.write = Some(value.into()),
                other => return Err(wrong(format!("unknown: {other}"))),
            }
        }
        if options.jurat.is_file() { Ok(options) } else { Err(wrong("--jurat names no program".into())) }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == name)
    }

    pub(crate) fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(usual)
    }
}
