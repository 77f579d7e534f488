//! How a connection comes about, and how none of its steps outlasts its deadline.

use std::{
    fs,
    io::{Error, ErrorKind, Read, Result as IoResult, Write},
    net::{TcpStream, ToSocketAddrs},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use rustls::{ClientConnection, StreamOwned};

use super::{
    link::{Failure, Link, Request},
    resp::{Args, Reply},
    settings::{Place, SharedSettings},
    tls,
};

/// Openings that may hang at a time: a name that is not resolved, a socket whose queue is full.
const MOST_OPENINGS: usize = 16;

/// Opens connections.
pub(super) struct Dialer {
    settings: SharedSettings,
    opening: Arc<AtomicUsize>,
}

impl Dialer {
    pub(super) fn new(settings: SharedSettings) -> Self {
        Self { settings, opening: Arc::default() }
    }

    /// A connection that may be used: to a primary, as the user that the settings name.
    pub(super) fn dial(&self, deadline: Instant) -> Result<Link, Failure> {
        let socket = self.open(deadline).map_err(|error| self.unreachable(&error))?;
        let timed = Timed { socket, deadline };
        let stream = match &self.settings.url.place {
            Place::Tls { host, .. } => {
                Stream::Tls(Box::new(StreamOwned::new(tls::client(&self.settings, host)?, timed)))
            }
            Place::Tcp { .. } | Place::Unix(_) => Stream::Plain(timed),
        };
        let mut link = Link::new(stream);
        self.greet(&mut link, deadline).map_err(|failure| match failure {
            // Whatever was lost, it was not what the caller wants to send.
            Failure::Lost(text) | Failure::Unsent(text) => Failure::Unsent(text),
            refused => refused,
        })?;
        Ok(link)
    }

    fn greet(&self, link: &mut Link, deadline: Instant) -> Result<(), Failure> {
        let mut call = |args: Args| link.call(&Request::Command(args), deadline);
        if let Some(path) = &self.settings.password_file {
            let user: Vec<&str> = self.settings.username.as_deref().into_iter().collect();
            call(Args::of(&["AUTH"]).then(&Args::of(&user)).text(&password(path)?))?;
        }
        if self.settings.url.database != 0 {
            call(Args::of(&["SELECT"]).number(self.settings.url.database.into()))?;
        }
        match call(Args::of(&["ROLE"])) {
            Ok(Reply::List(list)) if list.first() == Some(&Reply::Bytes(b"master".to_vec())) => Ok(()),
            Ok(_) => Err(Failure::Refused("READONLY the server is a replica".into())),
            // A user that may not ask: the first write will tell.
            Err(failure) if failure.code() == "NOPERM" => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// The steps that the operating system lets nobody bound (names, a local socket's full queue) are made by a
    /// thread that can be left behind.
    fn open(&self, deadline: Instant) -> IoResult<Socket> {
        let (send, receive) = mpsc::sync_channel(1);
        let (place, opening) = (self.settings.url.place.clone(), Arc::clone(&self.opening));
        if opening.fetch_add(1, Ordering::AcqRel) >= MOST_OPENINGS {
            opening.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::new(ErrorKind::WouldBlock, "too many connections are being opened"));
        }
        let count = Opening(opening);
        std::thread::Builder::new().name("jurat-store-dial".into()).spawn(move || {
            let _count = count;
            // Nobody may be waiting any more.
            let _ = send.send(open(&place, deadline));
        })?;
        let left = deadline.saturating_duration_since(Instant::now());
        receive.recv_timeout(left).map_err(|_| Error::from(ErrorKind::TimedOut))?
    }

    fn unreachable(&self, error: &Error) -> Failure {
        Failure::Unsent(format!("{} can't be reached: {error}", self.settings.url))
    }
}

struct Opening(Arc<AtomicUsize>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn open(place: &Place, deadline: Instant) -> IoResult<Socket> {
    match place {
        Place::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
        Place::Tcp { host, port } | Place::Tls { host, port } => {
            let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
            for address in (host.as_str(), *port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, remaining(deadline)?) {
                    Ok(socket) => {
                        socket.set_nodelay(true)?;
                        return Ok(Socket::Tcp(socket));
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
    }
}

/// Read at every connect: it may have been changed.
fn password(path: &Path) -> Result<String, Failure> {
    let ours = |reason: &dyn std::fmt::Display| {
        Failure::Ours(format!("the store's password file {}: {reason}", path.display()))
    };
    let text = fs::read_to_string(path).map_err(|error| ours(&error))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.is_empty() { Err(ours(&"empty")) } else { Ok(password.to_owned()) }
}

/// A connection's bytes, in the clear or in TLS.
pub(super) enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Stream {
    /// Reads and writes from now on fail at this instant.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(timed) => timed.deadline = deadline,
            Self::Tls(stream) => stream.sock.deadline = deadline,
        }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        match self {
            Self::Plain(timed) => timed.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> IoResult<usize> {
        match self {
            Self::Plain(timed) => timed.write(from),
            Self::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> IoResult<()> {
        match self {
            Self::Plain(timed) => timed.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A socket whose every read and write ends at the deadline, however few bytes come at a time.
pub(super) struct Timed {
    socket: Socket,
    deadline: Instant,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> IoResult<usize> {
        let left = Some(remaining(self.deadline)?);
        match &mut self.socket {
            Socket::Tcp(socket) => socket.set_read_timeout(left).and_then(|()| socket.read(into)),
            Socket::Unix(socket) => socket.set_read_timeout(left).and_then(|()| socket.read(into)),
        }
        .map_err(timed_out)
    }
}

impl Write for Timed {
    fn write(&mut self, from: &[u8]) -> IoResult<usize> {
        let left = Some(remaining(self.deadline)?);
        match &mut self.socket {
            Socket::Tcp(socket) => socket.set_write_timeout(left).and_then(|()| socket.write(from)),
            Socket::Unix(socket) => socket.set_write_timeout(left).and_then(|()| socket.write(from)),
        }
        .map_err(timed_out)
    }

    fn flush(&mut self) -> IoResult<()> {
        Ok(())
    }
}

fn remaining(deadline: Instant) -> IoResult<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(silent()) } else { Ok(left) }
}

/// A socket's time-out has the kind of a read that would block.
fn timed_out(error: Error) -> Error {
    if error.kind() == ErrorKind::WouldBlock { silent() } else { error }
}

fn silent() -> Error {
    Error::new(ErrorKind::TimedOut, "the server did not answer in time")
}
