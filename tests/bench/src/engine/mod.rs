//! The engine of a measurement: a process of its own, scripted, fast enough never to be what is measured.
//!
//! It writes as vLLM under uvicorn does, each event with a `write` of its own, and paces each stream by
//! itself, in random phase.

mod answer;
mod connection;

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io,
    net::{SocketAddr, TcpListener},
};

use crate::{
    clock::Nanos,
    engine::connection::{Connection, Next},
    reactor::{Interest, Reactor},
};

/// The listener's token; connections have those below.
const LISTENER: usize = usize::MAX;

/// Serves for ever.
pub(crate) fn serve(address: SocketAddr, threads: usize) -> io::Result<()> {
    let listener = listen(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut serving = Vec::new();
    for number in 0..threads {
        let listener = listener.try_clone()?;
        serving.push(std::thread::spawn(move || Worker::new(listener, number as u64)?.run()));
    }
    serving.into_iter().try_for_each(|thread| thread.join().expect("a worker does not panic"))
}

/// Thousands of streams begin at once: the standard library's backlog would drop some.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{AddressFamily, SocketType, bind, listen, socket, sockopt::set_socket_reuseaddr};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, 16_384)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

struct Worker {
    listener: TcpListener,
    reactor: Reactor,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Nanos, usize, u64)>>,
    /// Streams that go as fast as their sockets take them.
    busy: Vec<(usize, u64)>,
    /// Connections seen: the newest one's number, by which a timer knows whether its connection is still there.
    born: u64,
    ids: u64,
}

impl Worker {
    fn new(listener: TcpListener, number: u64) -> io::Result<Self> {
        let reactor = Reactor::new()?;
        reactor.add(&listener, LISTENER, Interest::Accept)?;
        Ok(Self {
            listener,
            reactor,
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            busy: Vec::new(),
            born: 0,
            ids: number << 48,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            let deadline = match self.busy.is_empty() {
                true => self.timers.peek().map(|Reverse((at, ..))| *at),
                false => Some(Nanos(0)),
            };
            self.reactor.wait(deadline, &mut ready)?;
            for &token in &ready {
                match token {
                    LISTENER => self.accept()?,
                    token => self.drive(token, Connection::ready),
                }
            }
            for (token, born) in std::mem::take(&mut self.busy) {
                self.drive_same(token, born);
            }
            let now = Nanos::now();
            while let Some(Reverse((at, token, born))) = self.timers.peek().copied()
                && at <= now
            {
                self.timers.pop();
                self.drive_same(token, born);
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            socket.set_nonblocking(true)?;
            socket.set_nodelay(true)?;
            let token = self.free.pop().unwrap_or(self.connections.len());
            self.reactor.add(&socket, token, Interest::Read)?;
            self.born += 1;
            let connection = Connection::new(socket, self.born);
            match self.connections.get_mut(token) {
                Some(place) => *place = Some(connection),
                None => self.connections.push(Some(connection)),
            }
        }
    }

    /// Goes on with a stream, if its connection is the one that asked for it.
    fn drive_same(&mut self, token: usize, born: u64) {
        if self.connections[token].as_ref().is_some_and(|connection| connection.born == born) {
            self.drive(token, Connection::write_on);
        }
    }

    fn drive(&mut self, token: usize, step: impl FnOnce(&mut Connection, &mut u64) -> io::Result<Next>) {
        let Some(connection) = &mut self.connections[token] else { return };
        let next = step(connection, &mut self.ids);
        let born = connection.born;
        if let Some(interest) = connection.change_of_interest() {
            self.reactor.change(&connection.socket, token, interest).expect("an open socket can be watched");
        }
        match next {
            Ok(Next::Wait) => {}
            Ok(Next::At(at)) => self.timers.push(Reverse((at, token, born))),
            Ok(Next::AtOnce) => self.busy.push((token, born)),
            // Whoever reads has gone: nothing to report, clients of a benchmark come and go.
            Ok(Next::Gone) | Err(_) => {
                self.connections[token] = None;
                self.free.push(token);
            }
        }
    }
}
