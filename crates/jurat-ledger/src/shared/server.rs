//! The server as the store sees it: asked within a deadline, left alone while it is known to be down.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    circuit::{Circuit, jittered},
    dial::Dialer,
    durability,
    link::{Failure, Link, Request},
    resp::{Args, Reply},
    settings::SharedSettings,
};
use crate::store::StoreError;

/// Connections beside the one for commits.
const POOLED: usize = 8;
/// Pause before a commit's second try; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What became of a request that failed, if it was one to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing, whatever happened.
    Read,
    /// It may have been carried out.
    Write,
}

/// A server, its connections and what is known of its health.
pub(super) struct Server {
    dialer: Dialer,
    timeout: Duration,
    wait_replicas: u8,
    probe_key: String,
    circuit: Circuit,
    committing: Mutex<Option<Link>>,
    pool: Mutex<Pool>,
    freed: Condvar,
    /// What was last said in the log about the server's durability.
    warned: Mutex<Option<Vec<durability::Weakness>>>,
}

#[derive(Default)]
struct Pool {
    idle: Vec<Link>,
    busy: usize,
}

impl Server {
    pub(super) fn new(settings: &SharedSettings) -> Self {
        Self {
            dialer: Dialer::new(settings.clone()),
            timeout: settings.timeout,
            wait_replicas: settings.wait_replicas.unwrap_or(0),
            probe_key: format!("{}:probe", settings.prefix),
            circuit: Circuit::default(),
            committing: Mutex::default(),
            pool: Mutex::default(),
            freed: Condvar::new(),
            warned: Mutex::default(),
        }
    }

    /// Asks once, on any connection. One that was idle may have been closed meanwhile: then on another, as
    /// everything that is asked may be asked twice.
    pub(super) fn ask(&self, kind: Kind, request: &Request) -> Result<Reply, StoreError> {
        let deadline = self.admitted()?;
        let mut place = self.place(deadline)?;
        loop {
            let idle = place.link.take();
            let was_idle = idle.is_some();
            let asked = idle.map_or_else(|| self.dialer.dial(deadline), Ok).and_then(|mut link| {
                let reply = link.call(request, deadline);
                if !reply.as_ref().is_err_and(Failure::ends_link) {
                    place.link = Some(link);
                }
                reply
            });
            match asked {
                Ok(reply) => {
                    self.circuit.close();
                    return Ok(reply);
                }
                Err(failure) => {
                    let cut_off = matches!(failure, Failure::Unsent(_) | Failure::Lost(_));
                    if cut_off && was_idle && Instant::now() < deadline {
                        continue;
                    }
                    self.note(&failure);
                    let outcome = if kind == Kind::Read { Outcome::Nothing } else { Outcome::of(&failure) };
                    return Err(outcome.error(failure));
                }
            }
        }
    }

    /// Asks until it is answered or the time is over: for a request that may be carried out twice without harm,
    /// so that a lost answer need not stay unknown.
    pub(super) fn insist(&self, request: &Request) -> Result<Reply, StoreError> {
        let mut link = lock(&self.committing);
        let deadline = self.admitted()?;
        let (mut outcome, mut pause) = (Outcome::Nothing, FIRST_PAUSE);
        loop {
            let failure = match self.try_commit(&mut link, request, deadline) {
                Ok(reply) => {
                    self.circuit.close();
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            outcome = outcome.and(Outcome::of(&failure));
            if failure.ends_link() {
                *link = None;
            }
            if !failure.is_passing() || Instant::now() + pause >= deadline {
                self.note(&failure);
                return Err(outcome.error(failure));
            }
            std::thread::sleep(jittered(pause));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Whether the server takes writes, tried at once and whatever was known of it.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        let mut link = lock(&self.committing);
        let deadline = Instant::now() + self.timeout;
        // The old connection says nothing about whether a new one can be made.
        *link = None;
        let expiry = self.timeout.as_millis().max(60_000).to_string();
        let write = Request::Command(Args::of(&["SET", &self.probe_key, "1", "PX", &expiry]));
        let probed = self.try_commit(&mut link, &write, deadline);
        match probed {
            Ok(_) => {
                self.circuit.close();
                if let Some(link) = link.as_mut() {
                    self.warn_of_weaknesses(link, deadline);
                }
                Ok(())
            }
            Err(failure) => {
                *link = None;
                self.note(&failure);
                Err(StoreError::Unavailable(failure.reason()))
            }
        }
    }

    fn try_commit(
        &self,
        link: &mut Option<Link>,
        request: &Request,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        if link.is_none() {
            *link = Some(self.dialer.dial(deadline)?);
        }
        let Some(link) = link else { return Err(Failure::Unsent("no connection".into())) };
        let reply = link.call(request, deadline)?;
        if self.wait_replicas > 0 {
            self.wait_for_replicas(link, deadline)?;
        }
        Ok(reply)
    }

    /// `WAIT` counts the replicas that have the connection's last write. The request must have made one.
    fn wait_for_replicas(&self, link: &mut Link, deadline: Instant) -> Result<(), Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Its answer must come before the deadline; and 0 would mean for ever.
        let patience = u64::try_from(left.mul_f64(0.8).as_millis()).unwrap_or(u64::MAX).max(1);
        let wait = Args::of(&["WAIT"]).number(self.wait_replicas.into()).number(patience);
        match link.call(&Request::Command(wait), deadline) {
            Ok(Reply::Number(have)) if have >= i64::from(self.wait_replicas) => Ok(()),
            Ok(Reply::Number(have)) => {
                Err(Failure::Behind(format!("{have} replicas have it, not {}", self.wait_replicas)))
            }
            Ok(_) => Err(Failure::Lost("the server does not say how many replicas have it".into())),
            // What it was asked for before this is done.
            Err(Failure::Refused(text)) => Err(Failure::Behind(text)),
            Err(failure) => Err(Failure::Lost(failure.reason())),
        }
    }

    fn warn_of_weaknesses(&self, link: &mut Link, deadline: Instant) {
        let Some(found) = durability::weaknesses(link, deadline) else { return };
        let mut warned = lock(&self.warned);
        if warned.as_ref() != Some(&found) {
            for weakness in &found {
                tracing::warn!("the receipt store is weaker than a file: {weakness}");
            }
            *warned = Some(found);
        }
    }

    /// What a failure says about the server, for the calls to come.
    fn note(&self, failure: &Failure) {
        match failure {
            Failure::Unsent(_) | Failure::Lost(_) => self.circuit.open(Instant::now()),
            // It is there and answers at once: nobody waits for it in vain.
            Failure::Refused(_) | Failure::Behind(_) | Failure::Ours(_) => self.circuit.close(),
        }
        if failure.code() == "READONLY" {
            // Not the primary any more: nothing that it says is current.
            lock(&self.pool).idle.clear();
        }
    }

    fn admitted(&self) -> Result<Instant, StoreError> {
        let now = Instant::now();
        if self.circuit.admits(now, self.timeout) {
            Ok(now + self.timeout)
        } else {
            Err(StoreError::Unavailable("the server has failed and is not tried again yet".into()))
        }
    }

    /// A place among the pooled connections, with one that is idle, if any is.
    fn place(&self, deadline: Instant) -> Result<Pooled<'_>, StoreError> {
        let mut pool = lock(&self.pool);
        while pool.busy >= POOLED {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(StoreError::Unavailable("all connections to the server are busy".into()));
            }
            pool = self.freed.wait_timeout(pool, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        pool.busy += 1;
        Ok(Pooled { server: self, link: pool.idle.pop() })
    }
}

/// A place among the pooled connections; whatever connection is in it at the end goes back.
struct Pooled<'a> {
    server: &'a Server,
    link: Option<Link>,
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let mut pool = lock(&self.server.pool);
        pool.busy = pool.busy.saturating_sub(1);
        pool.idle.extend(self.link.take());
        drop(pool);
        self.server.freed.notify_one();
    }
}

/// What may have been done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Nothing,
    Unknown,
}

impl Outcome {
    fn of(failure: &Failure) -> Self {
        if matches!(failure, Failure::Lost(_) | Failure::Behind(_)) { Self::Unknown } else { Self::Nothing }
    }

    fn and(self, later: Self) -> Self {
        if self == Self::Unknown { self } else { later }
    }

    fn error(self, failure: Failure) -> StoreError {
        // Our scripts' own word, and what the server says where a key has the wrong type.
        let damaged = matches!(failure.code(), "DAMAGED" | "WRONGTYPE");
        let reason = failure.reason();
        match self {
            _ if damaged => StoreError::Damaged(reason),
            Self::Unknown => StoreError::Unknown(reason),
            Self::Nothing => StoreError::Unavailable(reason),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Connections and notes: a panic can at worst leave one out.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
