//! The one appender: assigns places, signs, commits, and only then releases, in order.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread::JoinHandle,
    time::Duration,
};

use jurat_proto::{Address, Digest, ReceiptId, SignedHead, UnixMillis};
use jurat_witness::{Signer, Statement};
use tokio::sync::oneshot;

use crate::{
    archive::Archive,
    memory::MemoryStore,
    store::{ArchivedReport, Bounds, Store},
};

mod pace;
mod queue;
mod worker;

use queue::{Job, Queue};
use worker::Worker;

/// Where the program reads the time.
pub type Clock = fn() -> UnixMillis;

/// A chain to begin, and what proves its signer.
pub struct NewChain {
    /// 32 random bytes.
    pub name: Digest,
    /// The `claims` string under which its receipts are signed.
    pub claims: String,
    /// The report that bears these claims; kept before anything is signed under them.
    pub report: Option<ArchivedReport>,
}

/// Begins a chain, where one had to be closed. May take as long as the hardware does; on an error it is asked again.
pub type ChainSource = Box<dyn FnMut() -> Result<NewChain, String> + Send>;

/// What happens when the store does not take receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing new is admitted until it does.
    Refuse,
    /// Receipts are kept in memory, within these bounds, and copied to the store when it is well again.
    Memory(Bounds),
}

/// Whether the store can be used when the appender starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAtStart {
    /// Yes.
    Well,
    /// No: memory stands in for it from the first receipt on. Only with [`OnFailure::Memory`].
    Down,
}

/// How the appender works.
pub struct Settings {
    /// Exchanges that may be under way.
    pub capacity: usize,
    /// What to do without the store.
    pub on_failure: OnFailure,
    /// Whether the store is there to begin with.
    pub store: StoreAtStart,
    /// Where new chains come from.
    pub chains: ChainSource,
}

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

/// The receipt is not stored, or not yet: the answer's last bytes must not be released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the receipt could not be stored")]
pub struct AppendError;

/// Whether receipts can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// Yes.
    Well,
    /// The store refuses, and nothing new is admitted; the appender keeps trying.
    Failing,
    /// The store refuses; receipts are kept in memory.
    InMemory,
    /// The appender is gone.
    Stopped,
}

/// A handle on the appender. Cheap to clone; the thread ends when [`Appender::close`] is called or the last
/// handle is dropped.
#[derive(Clone)]
pub struct Appender {
    shared: Arc<Shared>,
    /// Dropped with the last handle: closes the queue.
    closer: Arc<Closer>,
}

struct Shared {
    queue: Queue,
    slots: AtomicUsize,
    capacity: usize,
    archive: Archive,
    address: Address,
}

struct Closer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Appender {
    /// Starts the appender's thread.
    pub fn start(
        signer: Signer,
        store: Arc<dyn Store>,
        clock: Clock,
        settings: Settings,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Queue::default(),
            slots: AtomicUsize::new(0),
            capacity: settings.capacity,
            archive: Archive::new(store),
            address: signer.address(),
        });
        if let (StoreAtStart::Down, OnFailure::Memory(bounds)) = (settings.store, settings.on_failure) {
            shared.archive.fall(Arc::new(MemoryStore::new(bounds)));
            shared.queue.set_health(Health::InMemory);
        }
        let worker = Worker::new(Arc::clone(&shared), signer, clock, settings.on_failure, settings.chains);
        let thread = std::thread::Builder::new().name("jurat-appender".into()).spawn(move || worker.run())?;
        let closer = Closer { shared: Arc::clone(&shared), thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, closer: Arc::new(closer) })
    }

    /// The signer's address.
    pub fn address(&self) -> Address {
        self.shared.address
    }

    /// For lookups and exports. Its methods block on disk or network.
    pub fn archive(&self) -> &Archive {
        &self.shared.archive
    }

    /// Whether receipts can be kept.
    pub fn health(&self) -> Health {
        self.shared.queue.health()
    }

    /// How many exchanges are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.slots.load(Ordering::Relaxed)
    }

    /// Reserves the place that an exchange's receipt will need, so that it can be kept even if nobody is
    /// left to wait for it.
    ///
    /// `owner` is the digest of the bearer token under which alone the receipt may be fetched, if receipts are
    /// scoped to owners.
    pub fn reserve(&self, owner: Option<Digest>) -> Result<Slot, ReserveError> {
        if !matches!(self.health(), Health::Well | Health::InMemory) {
            return Err(ReserveError::Unavailable);
        }
        let slots = &self.shared.slots;
        slots
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |taken| {
                (taken < self.shared.capacity).then_some(taken + 1)
            })
            .map_err(|_| ReserveError::Full)?;
        Ok(Slot { shared: Arc::clone(&self.shared), owner })
    }

    /// Swears to how far the live chain has come. An error while the store does not take receipts: what is
    /// signed is then ahead of what is kept.
    pub async fn head(&self) -> Result<SignedHead, AppendError> {
        let (reply, head) = oneshot::channel();
        self.shared.queue.ask_head(reply);
        head.await.map_err(|_| AppendError)
    }

    /// Appends what is queued, then ends the thread. Later statements are lost: drain first.
    ///
    /// Says how many receipts end with the process although they were to outlive it: those that memory kept for a
    /// store that is still down.
    pub fn close(&self) -> u64 {
        self.closer.close();
        self.shared.archive.stopgap().map_or(0, |memory| memory.usage().receipts)
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
    owner: Option<Digest>,
}

impl Slot {
    /// Hands a statement over. It is appended whether or not the returned future is awaited.
    pub fn append(self, statement: Statement, id: ReceiptId) -> Appended {
        let (reply, stored) = oneshot::channel();
        let owner = self.owner;
        self.shared.queue.push(Job { statement, id, owner, reply: Some(reply) });
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

impl Closer {
    fn close(&self) {
        self.shared.queue.close();
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

/// How long a head may be old before a new one is kept beside the receipts, while the chain grows.
const HEAD_EVERY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
