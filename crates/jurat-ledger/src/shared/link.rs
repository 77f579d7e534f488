//! One connection: opened, greeted, and then command by command, each within a deadline.

use std::{
    io::{BufReader, Write},
    time::Instant,
};

use super::{
    dial::Stream,
    resp::{self, Args, Reply},
    script::{SCRIPTS, Script},
};

/// What is asked of the server.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// A command of the server's own.
    Command(Args),
    /// A script of ours, with its arguments.
    Script(Script, Args),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No whole command reached the server.
    Unsent(String),
    /// The command went out, and no whole answer came back.
    Lost(String),
    /// The server answered that it did not do it. The first word says why.
    Refused(String),
    /// It was done, but too few of the server's replicas have it yet.
    Behind(String),
    /// A file that the settings name can't be read or used.
    Ours(String),
}

impl Failure {
    /// The server's word for why it refused.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Refused(text) => text.split(' ').next().unwrap_or_default(),
            _ => "",
        }
    }

    /// Whether the connection is of no more use.
    pub(super) fn ends_link(&self) -> bool {
        match self {
            Self::Unsent(_) | Self::Lost(_) | Self::Ours(_) => true,
            Self::Behind(_) => false,
            Self::Refused(_) => self.is_passing() || self.code() == "NOAUTH",
        }
    }

    /// Whether the same may be answered otherwise in a moment: the server starts, has become a replica behind an
    /// address that will name another, lost its scripts, or is held up by one.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unsent(_) | Self::Lost(_) => true,
            // Replicas have been waited for as long as there was time.
            Self::Behind(_) | Self::Ours(_) => false,
            Self::Refused(_) => {
                matches!(
                    self.code(),
                    "LOADING" | "MASTERDOWN" | "READONLY" | "NOSCRIPT" | "BUSY" | "TRYAGAIN"
                )
            }
        }
    }

    pub(super) fn reason(self) -> String {
        match self {
            Self::Unsent(text)
            | Self::Lost(text)
            | Self::Refused(text)
            | Self::Behind(text)
            | Self::Ours(text) => text,
        }
    }
}

/// A connection that has been greeted.
pub(super) struct Link {
    stream: BufReader<Stream>,
    /// The names that the server gave to our scripts, as far as they were needed.
    loaded: [Option<Vec<u8>>; SCRIPTS],
    out: Vec<u8>,
}

impl Link {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream: BufReader::new(stream), loaded: Default::default(), out: Vec::new() }
    }

    /// Asks, and waits for the answer. After a failure see [`Failure::ends_link`].
    pub(super) fn call(&mut self, request: &Request, deadline: Instant) -> Result<Reply, Failure> {
        match request {
            Request::Command(args) => self.command(args, deadline),
            Request::Script(script, args) => {
                let name = self.load(*script, deadline)?;
                self.command(&Args::of(&["EVALSHA"]).bytes(&name).text("0").then(args), deadline)
            }
        }
    }

    /// The server's name for a script. Nothing of the request itself has been sent when this fails.
    fn load(&mut self, script: Script, deadline: Instant) -> Result<Vec<u8>, Failure> {
        if let Some(name) = self.loaded.get(script as usize).cloned().flatten() {
            return Ok(name);
        }
        let name = match self.command(&Args::of(&["SCRIPT", "LOAD", script.text()]), deadline) {
            Ok(Reply::Bytes(name)) => name,
            Ok(_) => return Err(Failure::Unsent("the server gave a script no name".into())),
            Err(Failure::Lost(text)) => return Err(Failure::Unsent(text)),
            Err(failure) => return Err(failure),
        };
        if let Some(slot) = self.loaded.get_mut(script as usize) {
            *slot = Some(name.clone());
        }
        Ok(name)
    }

    fn command(&mut self, args: &Args, deadline: Instant) -> Result<Reply, Failure> {
        if !self.stream.buffer().is_empty() {
            return Err(Failure::Unsent("the server sent what nobody asked for".into()));
        }
        self.out.clear();
        args.command(&mut self.out);
        let stream = self.stream.get_mut();
        stream.set_deadline(deadline);
        // One command, and not all of it written: the server can't have carried it out.
        let sent = stream.write_all(&self.out).and_then(|()| stream.flush());
        sent.map_err(|error| Failure::Unsent(error.to_string()))?;
        match resp::read(&mut self.stream) {
            Ok(Reply::Refused(text)) => Err(Failure::Refused(text)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(Failure::Lost(error.to_string())),
        }
    }
}
