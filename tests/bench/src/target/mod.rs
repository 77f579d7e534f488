//! What is measured: nothing between client and engine, two plain reverse proxies, and jurat.

mod client;
mod haproxy;
mod jurat;
mod nginx;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::process::{CpuNanos, Memory, Process};

/// Threads or worker processes of every target, as many as the machine of the published tables has cores.
const WORKERS: usize = 2;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Direct,
    Nginx,
    Haproxy,
    /// A relay that is nothing but an engine client behind an actix-web front, hashes and two signatures.
    Relay(Client),
    /// Another build of it, to tell what a change changed.
    Before,
    Jurat,
    /// Jurat with its receipts on disk.
    Durable,
}

/// The engine client of a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Ours,
    Hyper,
    Awc,
    Reqwest,
}

impl Client {
    /// What the relays' program is told.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Hyper => "hyper",
            Self::Awc => "awc",
            Self::Reqwest => "reqwest",
        }
    }
}

impl Kind {
    /// In the order of the tables' rows.
    pub(crate) const ALL: [Self; 10] = [
        Self::Direct,
        Self::Nginx,
        Self::Haproxy,
        Self::Relay(Client::Ours),
        Self::Relay(Client::Hyper),
        Self::Relay(Client::Awc),
        Self::Relay(Client::Reqwest),
        Self::Before,
        Self::Jurat,
        Self::Durable,
    ];
    /// Those that are a process.
    pub(crate) const PROXIES: [Self; 3] = [Self::Nginx, Self::Haproxy, Self::Jurat];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Relay(Client::Ours) => "relay, jurat's client",
            Self::Relay(Client::Hyper) => "relay, hyper polled inline",
            Self::Relay(Client::Awc) => "relay, awc",
            Self::Relay(Client::Reqwest) => "relay, reqwest",
            Self::Before => "jurat before",
            Self::Jurat => "jurat",
            Self::Durable => "jurat, `--state-dir`",
        }
    }
}

/// Where the programs are and how they are started.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    /// The engine's address.
    pub(crate) engine: SocketAddr,
    /// Our binary.
    pub(crate) jurat: PathBuf,
    /// Another build of it.
    pub(crate) before: Option<PathBuf>,
    /// The relays of `tests/bench/clients`.
    pub(crate) clients: Option<PathBuf>,
    /// More arguments for both.
    pub(crate) arguments: Vec<String>,
    /// A program that runs the target, with its arguments: `strace`, `valgrind`.
    pub(crate) under: Vec<String>,
    /// For configuration files.
    pub(crate) folder: PathBuf,
    /// For receipts, on a disk.
    pub(crate) state: PathBuf,
}

impl Stage {
    /// Whether there is a program to start for it.
    pub(crate) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Before => self.before.is_some(),
            Kind::Relay(_) => self.clients.is_some(),
            Kind::Direct | Kind::Nginx | Kind::Haproxy | Kind::Jurat | Kind::Durable => true,
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut words = self.under.iter().map(PathBuf::from).chain([program.to_path_buf()]);
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }
}

/// A running target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) address: SocketAddr,
    pub(crate) process: Option<Process>,
}

impl Target {
    /// Starts it and waits until it accepts connections.
    pub(crate) fn start(kind: Kind, stage: &Stage) -> io::Result<Self> {
        let (address, process) = match kind {
            Kind::Direct => (stage.engine, None),
            Kind::Nginx => nginx::start(stage)?,
            Kind::Haproxy => haproxy::start(stage)?,
            Kind::Relay(client) => client::start(stage, client)?,
            Kind::Before => jurat::start(stage, stage.before.as_ref().unwrap_or(&stage.jurat), None)?,
            Kind::Jurat => jurat::start(stage, &stage.jurat, None)?,
            Kind::Durable => jurat::start(stage, &stage.jurat, Some(&stage.state))?,
        };
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            if Instant::now() > until {
                return Err(io::Error::other(format!("{} does not listen on {address}", kind.name())));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { kind, address, process })
    }

    /// CPU time so far; none where there is no process between.
    pub(crate) fn cpu(&self) -> CpuNanos {
        self.process.as_ref().map_or(CpuNanos(0), Process::cpu)
    }

    pub(crate) fn memory(&self) -> Memory {
        self.process.as_ref().map_or(Memory::default(), Process::memory)
    }
}

/// A port that was free a moment ago.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// What the targets may open: all that the machine allows.
fn open_files() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.unwrap_or(1 << 20)
}
