//! The clients of a measurement, and what they saw.

mod connection;
mod http;
mod plan;
pub(crate) mod receipts;
mod tally;

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    clock::Nanos,
    load::connection::{Client, Next},
    reactor::{Interest, Reactor},
};
pub(crate) use plan::{Errand, Plan};
pub(crate) use tally::{Seen, Shared};

/// Runs a plan against a target. `at_borders` is called when the window opens and when it closes.
pub(crate) fn run<M>(
    plan: &Plan,
    target: SocketAddr,
    mut at_borders: impl FnMut() -> M,
) -> io::Result<Outcome<M>> {
    let shared = Arc::new(Shared::new(plan.limit));
    let mut threads = Vec::new();
    for number in 0..plan.threads {
        let share = plan.connections / plan.threads + usize::from(number < plan.connections % plan.threads);
        let (plan, shared) = (plan.clone(), Arc::clone(&shared));
        threads.push(std::thread::spawn(move || Worker::new(plan, target, shared, share)?.run()));
    }
    std::thread::sleep(plan.warm);
    let before = (at_borders(), shared.counts(), Nanos::now());
    shared.measuring.store(true, Ordering::Relaxed);
    let window = Nanos(before.2.0 + plan.window.as_nanos() as u64);
    while !shared.stopped() && Nanos::now() < window {
        std::thread::sleep(Duration::from_millis(1));
    }
    shared.measuring.store(false, Ordering::Relaxed);
    let after = (at_borders(), shared.counts(), Nanos::now());
    shared.stop.store(true, Ordering::Relaxed);
    let mut seen = Seen::default();
    for thread in threads {
        seen.add(thread.join().expect("a client does not panic")?);
    }
    Ok(Outcome {
        before: before.0,
        after: after.0,
        answers: after.1.answers - before.1.answers,
        events: after.1.events - before.1.events,
        nanos: after.2.0 - before.2.0,
        seen,
    })
}

/// What came of a plan.
#[derive(Debug)]
pub(crate) struct Outcome<M> {
    pub(crate) before: M,
    pub(crate) after: M,
    /// Whole answers within the window.
    pub(crate) answers: u64,
    /// Events within the window.
    pub(crate) events: u64,
    /// The window's length.
    pub(crate) nanos: u64,
    pub(crate) seen: Seen,
}

impl<M> Outcome<M> {
    pub(crate) fn per_second(&self, count: u64) -> f64 {
        count as f64 * 1e9 / self.nanos as f64
    }
}

/// One thread's clients.
struct Worker {
    plan: Plan,
    shared: Arc<Shared>,
    target: SocketAddr,
    reactor: Reactor,
    clients: Vec<Client>,
    /// When the clients begin, soonest last.
    begins: Vec<(Nanos, usize)>,
    seen: Seen,
}

impl Worker {
    fn new(plan: Plan, target: SocketAddr, shared: Arc<Shared>, share: usize) -> io::Result<Self> {
        let now = Nanos::now();
        let spread = plan.spread.as_nanos() as u64;
        let begin = |number: usize| Nanos(now.0 + spread * number as u64 / share.max(1) as u64);
        let begins = (0..share).rev().map(|number| (begin(number), number)).collect();
        let reactor = Reactor::new()?;
        Ok(Self { plan, shared, target, reactor, clients: Vec::new(), begins, seen: Seen::default() })
    }

    fn run(mut self) -> io::Result<Seen> {
        let mut ready = Vec::new();
        let mut buffer = vec![0; 256 << 10];
        let mut left = self.begins.len();
        while left > 0 && !self.shared.stop.load(Ordering::Relaxed) {
            while let Some((at, _)) = self.begins.last()
                && *at <= Nanos::now()
            {
                self.begins.pop();
                left -= usize::from(self.begin()? == Next::Over);
            }
            // Often enough to see the end of the window.
            let soon = Nanos(Nanos::now().0 + Nanos::SECOND / 50);
            let deadline = self.begins.last().map_or(soon, |(at, _)| soon.min(*at));
            self.reactor.wait(Some(deadline), &mut ready)?;
            for &token in &ready {
                let client = &mut self.clients[token];
                left -= usize::from(
                    client.ready(&mut buffer, &self.plan, &self.shared, &mut self.seen) == Next::Over,
                );
            }
        }
        Ok(self.seen)
    }

    fn begin(&mut self) -> io::Result<Next> {
        let socket = TcpStream::connect(self.target)?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let token = self.clients.len();
        self.reactor.add(&socket, token, Interest::Read)?;
        let mut client = Client::new(socket);
        let next = client.begin(&self.plan, &self.shared, &mut self.seen);
        self.clients.push(client);
        Ok(next)
    }
}

/// A flag that both sides look at and nobody waits for.
type Flag = AtomicBool;
