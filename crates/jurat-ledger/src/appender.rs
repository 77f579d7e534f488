//! The one appender: assigns places, signs, commits, and only then releases, in order.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

use jurat_proto::{Address, ReceiptId, SignatureRecord, UnixMillis};
use jurat_witness::{Signer, Statement};
use tokio::sync::oneshot;

use crate::store::{Grouping, Store};

/// Where the program reads the time.
pub type Clock = fn() -> UnixMillis;

/// How often a batch that the store refused is tried again before its answers are given up.
const TRIES: u32 = 4;
/// Pause before the second try; it grows fourfold with each, and at most to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Why an exchange can't be admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReserveError {
    /// As many exchanges as configured are under way.
    #[error("too many exchanges are under way")]
    Full,
    /// The store does not take receipts.
    #[error("the receipt store is unavailable")]
    Unavailable,
}

/// The receipt was not stored: the answer's last bytes must not be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receipt could not be stored")]
pub struct AppendError;

/// Whether receipts can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Yes.
    Well,
    /// The store refuses; the appender keeps trying.
    Failing,
    /// The appender is gone.
    Stopped,
}

/// A handle on the appender. Cheap to clone; the thread ends when [`Appender::close`] is called or the last
/// handle is dropped.
#[derive(Clone)]
pub struct Appender {
    shared: Arc<Shared>,
    /// Dropped with the last handle: closes the queue.
    _closer: Arc<Closer>,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    slots: AtomicUsize,
    capacity: usize,
    health: AtomicU8,
    store: Arc<dyn Store>,
    clock: Clock,
    address: Address,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Job {
    statement: Statement,
    id: ReceiptId,
    reply: oneshot::Sender<()>,
}

struct Closer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Appender {
    /// Starts the appender's thread. `capacity` bounds the exchanges under way.
    pub fn start(
        signer: Signer,
        store: Arc<dyn Store>,
        clock: Clock,
        capacity: usize,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            arrived: Condvar::new(),
            slots: AtomicUsize::new(0),
            capacity,
            health: AtomicU8::new(Health::Well as u8),
            store,
            clock,
            address: signer.address(),
        });
        let worker = Worker { shared: Arc::clone(&shared), signer };
        let thread = std::thread::Builder::new().name("jurat-appender".into()).spawn(move || worker.run())?;
        let closer = Closer { shared: Arc::clone(&shared), thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, _closer: Arc::new(closer) })
    }

    /// The signer's address.
    pub fn address(&self) -> Address {
        self.shared.address
    }

    /// The store, for lookups.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// Whether receipts can be kept.
    pub fn health(&self) -> Health {
        self.shared.health()
    }

    /// How many exchanges are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.slots.load(Ordering::Relaxed)
    }

    /// Reserves the place that an exchange's receipt will need, so that it can be kept even if nobody is
    /// left to wait for it.
    pub fn reserve(&self) -> Result<Slot, ReserveError> {
        if self.health() != Health::Well {
            return Err(ReserveError::Unavailable);
        }
        let slots = &self.shared.slots;
        slots
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
                (taken < self.shared.capacity).then_some(taken + 1)
            })
            .map_err(|_| ReserveError::Full)?;
        Ok(Slot { shared: Arc::clone(&self.shared) })
    }

    /// Appends what is queued, then ends the thread. Later statements are lost: drain first.
    pub fn close(&self) {
        self._closer.close();
    }
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("address", &self.shared.address)
            .field("health", &self.health())
            .finish()
    }
}

/// Room for one receipt.
pub struct Slot {
    shared: Arc<Shared>,
}

impl Slot {
    /// Hands a statement over. It is appended whether or not the returned future is awaited.
    pub fn append(self, statement: Statement, id: ReceiptId) -> Appended {
        let (reply, stored) = oneshot::channel();
        let mut queue = self.shared.lock();
        if !queue.closed {
            queue.jobs.push_back(Job { statement, id, reply });
            drop(queue);
            self.shared.arrived.notify_one();
        }
        Appended { stored }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.slots.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Resolves when the receipt is stored and visible.
#[must_use = "the answer's last bytes wait for this"]
pub struct Appended {
    stored: oneshot::Receiver<()>,
}

impl Future for Appended {
    type Output = Result<(), AppendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.stored).poll(cx).map(|stored| stored.map_err(|_| AppendError))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A queue of jobs has no state that a panic could leave half-made.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self) -> Health {
        match self.health.load(Ordering::Acquire) {
            0 => Health::Well,
            1 => Health::Failing,
            _ => Health::Stopped,
        }
    }

    fn set_health(&self, health: Health) {
        self.health.store(health as u8, Ordering::Release);
    }
}

impl Closer {
    fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the appender's thread panicked");
        }
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.close();
    }
}

struct Worker {
    shared: Arc<Shared>,
    signer: Signer,
}

impl Worker {
    fn run(mut self) {
        let most = match self.shared.store.grouping() {
            Grouping::Single => 1,
            Grouping::UpTo(most) => most.max(1),
        };
        while let Some(jobs) = self.next_batch(most) {
            self.append(jobs);
        }
    }

    /// Waits for statements; `None` when the queue is closed and empty.
    fn next_batch(&self, most: usize) -> Option<Vec<Job>> {
        let mut queue = self.shared.lock();
        loop {
            if !queue.jobs.is_empty() {
                let count = queue.jobs.len().min(most);
                return Some(queue.jobs.drain(..count).collect());
            }
            if queue.closed {
                return None;
            }
            queue = self.shared.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn append(&mut self, jobs: Vec<Job>) {
        let (records, replies): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .map(|job| (Arc::new(self.signer.sign(job.statement, job.id)), job.reply))
            .unzip();
        if self.commit(&records, TRIES) {
            release(replies);
            return;
        }
        // The answers are given up, not the receipts: their places in the chain are signed and must be filled
        // before any later one. Until then nothing new is admitted.
        drop(replies);
        self.shared.set_health(Health::Failing);
        while !self.commit(&records, 1) {
            if self.shared.lock().closed {
                tracing::error!(receipts = records.len(), "closed before the store took the last receipts");
                return;
            }
            std::thread::sleep(LONGEST_PAUSE);
        }
        self.shared.set_health(Health::Well);
    }

    fn commit(&self, records: &[Arc<SignatureRecord>], tries: u32) -> bool {
        let mut pause = FIRST_PAUSE;
        for left in (0..tries).rev() {
            match self.shared.store.commit(records, (self.shared.clock)()) {
                Ok(()) => return true,
                Err(error) => {
                    tracing::error!(%error, receipts = records.len(), tries_left = left, "receipts not stored")
                }
            }
            if left > 0 {
                std::thread::sleep(pause);
                pause = (pause * 4).min(LONGEST_PAUSE);
            }
        }
        false
    }
}

impl Drop for Worker {
    /// Also when a store or the signer panics: nothing is admitted any more, and whoever waits learns it.
    fn drop(&mut self) {
        self.shared.set_health(Health::Stopped);
        let mut queue = self.shared.lock();
        queue.closed = true;
        queue.jobs.clear();
    }
}

fn release(replies: Vec<oneshot::Sender<()>>) {
    for reply in replies {
        // Whoever waited may be gone: the receipt is kept all the same.
        let _ = reply.send(());
    }
}
