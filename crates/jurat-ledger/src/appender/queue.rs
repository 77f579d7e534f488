//! What waits for the appender.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use jurat_proto::{Digest, ReceiptId, SignedHead};
use jurat_witness::Statement;
use tokio::sync::oneshot;

use super::Health;

/// One statement on its way to a receipt.
pub(super) struct Job {
    pub(super) statement: Statement,
    pub(super) id: ReceiptId,
    pub(super) owner: Option<Digest>,
    /// Gone where the answer has been given up already; the receipt is owed all the same.
    pub(super) reply: Option<oneshot::Sender<()>>,
}

/// What the appender is to do next.
pub(super) enum Work {
    /// These statements, in this order.
    Append(Vec<Job>),
    /// Somebody asks how far the chain has come.
    Heads(Vec<oneshot::Sender<SignedHead>>),
    /// Nothing came for a while.
    Idle,
    /// Closed, and empty.
    End,
}

/// Statements, and who asks for a head.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    health: AtomicU8,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    heads: Vec<oneshot::Sender<SignedHead>>,
    closed: bool,
    /// The appender waits on the condition: only then does a notification do anything but cost a system call.
    asleep: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), health: AtomicU8::new(Health::Well as u8) }
    }
}

impl Queue {
    pub(super) fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Well,
            1 => Health::Failing,
            2 => Health::InMemory,
            _ => Health::Stopped,
        }
    }

    /// From `Failing` on, whoever waits for a receipt, or comes to wait, learns at once that it is not stored.
    pub(super) fn set_health(&self, health: Health) {
        let mut waiting = self.lock();
        self.health.store(health as u8, Ordering::Release);
        if health == Health::Failing {
            waiting.jobs.iter_mut().for_each(|job| job.reply = None);
            waiting.heads.clear();
        }
    }

    pub(super) fn push(&self, mut job: Job) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        if self.health() == Health::Failing {
            job.reply = None;
        }
        waiting.jobs.push_back(job);
        self.wake(waiting);
    }

    pub(super) fn ask_head(&self, reply: oneshot::Sender<SignedHead>) {
        let mut waiting = self.lock();
        if waiting.closed || self.health() == Health::Failing {
            return;
        }
        waiting.heads.push(reply);
        self.wake(waiting);
    }

    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        self.wake(waiting);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn has_work(&self) -> bool {
        let waiting = self.lock();
        waiting.closed || !waiting.jobs.is_empty() || !waiting.heads.is_empty()
    }

    /// Closed, with nothing left in it, and nobody left waiting.
    pub(super) fn abandon(&self) {
        self.set_health(Health::Stopped);
        let mut waiting = self.lock();
        waiting.closed = true;
        if !waiting.jobs.is_empty() {
            tracing::error!(statements = waiting.jobs.len(), "the appender ended before these were sworn to");
        }
        waiting.jobs.clear();
        waiting.heads.clear();
    }

    /// Waits up to `idle` for work. Heads go first: they cost next to nothing.
    pub(super) fn next(&self, most: usize, idle: Duration) -> Work {
        let deadline = Instant::now() + idle;
        let mut waiting = self.lock();
        loop {
            if !waiting.heads.is_empty() {
                return Work::Heads(std::mem::take(&mut waiting.heads));
            }
            if !waiting.jobs.is_empty() {
                let count = waiting.jobs.len().min(most);
                return Work::Append(waiting.jobs.drain(..count).collect());
            }
            if waiting.closed {
                return Work::End;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Work::Idle;
            }
            waiting.asleep = true;
            waiting = self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
            waiting.asleep = false;
        }
    }

    /// Waits up to `linger` for more jobs, as long as there are fewer than `most` and `more_to_come` says that
    /// some are on their way.
    pub(super) fn linger(
        &self,
        jobs: &mut Vec<Job>,
        most: usize,
        linger: Duration,
        more_to_come: impl Fn() -> bool,
    ) {
        let deadline = Instant::now() + linger;
        loop {
            let mut waiting = self.lock();
            let count = waiting.jobs.len().min(most.saturating_sub(jobs.len()));
            jobs.extend(waiting.jobs.drain(..count));
            let left = deadline.saturating_duration_since(Instant::now());
            if jobs.len() >= most || waiting.closed || left.is_zero() || !more_to_come() {
                return;
            }
            drop(waiting);
            // Not on the condition: an arrival then costs its sender no system call.
            std::thread::sleep(left.min(SLICE));
        }
    }

    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let asleep = std::mem::take(&mut waiting.asleep);
        drop(waiting);
        if asleep {
            self.arrived.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // A queue of jobs has no state that a panic could leave half-made.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a lingering appender looks up.
const SLICE: Duration = Duration::from_micros(500);
