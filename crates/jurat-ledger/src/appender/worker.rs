//! The appender's thread.

use std::{
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use jurat_witness::Signer;
use tokio::sync::oneshot;

use super::{
    ChainSource, Clock, HEAD_EVERY, Health, Job, OnFailure, Shared,
    pace::{Arrivals, PATIENCE, Troubles},
    queue::Work,
};
use crate::{
    archive::Progress,
    memory::MemoryStore,
    store::{Entry, Grouping, Pruned, Store, StoreError},
};

/// How often a batch that the store refused is tried again before its answers are given up.
const TRIES: u32 = 4;
/// Pause before the second try; it grows fourfold with each, and at most to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the thread sleeps when nothing comes; retention goes on meanwhile.
const IDLE: Duration = Duration::from_secs(1);
/// How often a thread that waits looks whether the process is ending.
const GLANCE: Duration = Duration::from_millis(20);
/// Statements that must be expected within a linger to make it worth while.
const WORTH_LINGERING: f64 = 4.0;

type Replies = Vec<oneshot::Sender<()>>;

pub(super) struct Worker {
    shared: Arc<Shared>,
    signer: Signer,
    clock: Clock,
    on_failure: OnFailure,
    chains: ChainSource,
    probe: Probe,
    troubles: Troubles,
    arrivals: Arrivals,
    head_kept: (Instant, u64),
}

/// Why the thread ends.
struct Ended;

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        signer: Signer,
        clock: Clock,
        on_failure: OnFailure,
        chains: ChainSource,
    ) -> Self {
        let now = Instant::now();
        let head_kept = (now, 0);
        let arrivals = Arrivals::since(now);
        let troubles = Troubles::default();
        let probe = Probe::Due(now + PATIENCE);
        Self { shared, signer, clock, on_failure, chains, probe, troubles, arrivals, head_kept }
    }

    pub(super) fn run(mut self) {
        // An error is in the log, and the drop below tells everybody who waits.
        let ended_well = self.work().is_ok();
        self.leave_nothing_in_memory();
        if ended_well {
            // Else the chain may be signed further than it is kept, and a head would say that its end was cut off.
            self.keep_head();
        }
    }

    fn work(&mut self) -> Result<(), Ended> {
        let shared = Arc::clone(&self.shared);
        let Grouping { records, linger } = shared.archive.store().grouping();
        let most = records.max(1);
        loop {
            match shared.queue.next(most, IDLE) {
                Work::Append(mut jobs) => {
                    if !linger.is_zero() && self.arrivals.within(linger) >= WORTH_LINGERING {
                        let more_to_come = || shared.slots.load(Ordering::Relaxed) > 0;
                        shared.queue.linger(&mut jobs, most, linger, more_to_come);
                    }
                    self.arrivals.count(jobs.len());
                    self.append(jobs)?;
                    self.prune();
                }
                Work::Heads(replies) => {
                    let head = self.signer.sign_head((self.clock)());
                    for reply in replies {
                        // Whoever asked may be gone.
                        let _ = reply.send(head.clone());
                    }
                }
                Work::Idle => while self.prune() == Pruned::More && !shared.queue.has_work() {},
                Work::End => return Ok(()),
            }
            self.look_after_store();
            if self.head_kept.0.elapsed() >= HEAD_EVERY {
                self.keep_head();
            }
        }
    }

    fn append(&mut self, jobs: Vec<Job>) -> Result<(), Ended> {
        let mut replies = Replies::with_capacity(jobs.len());
        let mut batch = Vec::with_capacity(jobs.len());
        for job in jobs {
            let record = self.signer.sign(job.statement, job.id);
            batch.push(Arc::new(Entry { record, owner: job.owner }));
            replies.extend(job.reply);
        }
        match self.commit(&batch, TRIES) {
            Ok(()) => release(replies),
            Err(error) => {
                self.troubles.count();
                match self.on_failure {
                    OnFailure::Refuse => {
                        // In this order: whoever learns of the failure finds nothing admitted any more.
                        self.shared.queue.set_health(Health::Failing);
                        drop(replies);
                        self.wait_for_store(&batch, &error)?;
                    }
                    OnFailure::Memory(bounds) => {
                        let memory = Arc::new(MemoryStore::new(bounds));
                        // invariant: memory refuses nothing
                        let _ = memory.commit(&batch);
                        self.shared.archive.fall(memory);
                        release(replies);
                        self.stand_in()?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Commits a batch where receipts go at the moment. Another try is made only where nothing was done.
    fn commit(&self, batch: &[Arc<Entry>], tries: u32) -> Result<(), StoreError> {
        if let Some(memory) = self.shared.archive.stopgap() {
            return memory.commit(batch);
        }
        let mut pause = FIRST_PAUSE;
        let mut tries_left = tries;
        loop {
            let error = match self.shared.archive.store().commit(batch) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            tries_left = tries_left.saturating_sub(1);
            tracing::error!(%error, receipts = batch.len(), tries_left, "receipts not stored");
            if tries_left == 0 || !matches!(error, StoreError::Unavailable(_)) {
                return Err(error);
            }
            std::thread::sleep(pause);
            pause = (pause * 4).min(LONGEST_PAUSE);
            // It may want to be opened anew before it takes anything; the next try tells.
            let _ = self.shared.archive.store().recover();
        }
    }

    /// The answers are given up, not the receipts: their places in the chain are signed and must be filled before
    /// any later one. Until then nothing new is admitted.
    fn wait_for_store(&mut self, batch: &[Arc<Entry>], error: &StoreError) -> Result<(), Ended> {
        let shared = Arc::clone(&self.shared);
        let mut unknown = !matches!(error, StoreError::Unavailable(_));
        loop {
            let closing = self.pause(self.troubles.patience()).is_err();
            let tried = shared.archive.store().recover().and_then(|()| self.commit(batch, 1));
            match tried {
                // No new chain is begun for the last few: they were given up, and the chain is whole without them.
                Ok(()) if unknown && closing => return Err(Ended),
                // The batch is there, whatever became of it before: the chain can be closed without a gap.
                Ok(()) if unknown => match self.begin_chain() {
                    Ok(()) => break,
                    Err(reason) => tracing::error!(reason, "no new chain could be begun"),
                },
                Ok(()) => break,
                Err(error) => unknown |= !matches!(error, StoreError::Unavailable(_)),
            }
            if closing {
                tracing::error!(receipts = batch.len(), "closed before the store took the last receipts");
                return Err(Ended);
            }
        }
        tracing::info!("the store takes receipts again");
        shared.queue.set_health(Health::Well);
        Ok(())
    }

    /// Memory has taken the store's place. What is signed keeps its places; what follows goes to a chain of its own.
    fn stand_in(&mut self) -> Result<(), Ended> {
        tracing::error!("receipts are kept in memory until the store is well again");
        self.probe = Probe::Due(Instant::now() + self.troubles.patience());
        while let Err(reason) = self.begin_chain() {
            tracing::error!(reason, "no new chain could be begun");
            self.shared.queue.set_health(Health::Failing);
            self.pause(LONGEST_PAUSE)?;
        }
        self.shared.queue.set_health(Health::InMemory);
        Ok(())
    }

    /// Sleeps, but not past the end of the process.
    fn pause(&self, time: Duration) -> Result<(), Ended> {
        let until = Instant::now() + time;
        loop {
            if self.shared.queue.is_closed() {
                return Err(Ended);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    /// Closes the chain with a head of its own and begins another, under claims that name it. The report that bears
    /// them is kept first: a receipt is worth no more than what is known of its signer.
    fn begin_chain(&mut self) -> Result<(), String> {
        self.keep_head();
        let chain = (self.chains)()?;
        if let Some(report) = &chain.report {
            self.shared.archive.keep_report(report).map_err(|error| error.to_string())?;
        }
        tracing::warn!(closed = %self.signer.chain(), begun = %chain.name, "a new chain begins");
        self.signer.begin_chain(chain.name, &chain.claims);
        self.head_kept = (Instant::now(), 0);
        Ok(())
    }

    /// At the end: one last try to bring to the store what memory keeps for it.
    fn leave_nothing_in_memory(&mut self) {
        if self.shared.archive.stopgap().is_none() {
            return;
        }
        let mut progress = Progress::default();
        if let Probe::Running(thread) = std::mem::replace(&mut self.probe, Probe::Due(Instant::now()))
            && let Ok(Ok(copied)) = thread.join()
        {
            progress = copied;
        }
        match self.shared.archive.store().recover() {
            Ok(()) => self.climb(progress),
            Err(error) => tracing::error!(%error, "the store is still down at the end"),
        }
    }

    /// While memory stands in: tries the store now and then, on a thread of its own, as it may take its time.
    fn look_after_store(&mut self) {
        if self.shared.archive.stopgap().is_none() {
            return;
        }
        let patience = self.troubles.patience();
        let later = || Probe::Due(Instant::now() + patience);
        self.probe = match std::mem::replace(&mut self.probe, later()) {
            Probe::Due(at) if at <= Instant::now() => Probe::start(&self.shared),
            Probe::Running(thread) if thread.is_finished() => {
                if let Ok(Ok(progress)) = thread.join() {
                    self.climb(progress);
                }
                later()
            }
            waiting => waiting,
        };
    }

    /// Copies what came to memory meanwhile, and goes on with the store.
    fn climb(&self, mut progress: Progress) {
        match self.shared.archive.copy_back(&mut progress) {
            Ok(()) => {
                self.shared.archive.climb();
                self.shared.queue.set_health(Health::Well);
                tracing::info!("the store takes receipts again; those in memory were copied to it");
            }
            Err(error) => tracing::warn!(%error, "the store fell again"),
        }
    }

    fn prune(&mut self) -> Pruned {
        let (now, signer) = ((self.clock)(), &self.signer);
        let mut sign = |point| signer.sign_prune_point(point);
        if let Some(memory) = self.shared.archive.stopgap() {
            self.bound(&memory);
            return Pruned::Enough;
        }
        let pruned = self.shared.archive.store().prune(now, &mut sign);
        pruned.unwrap_or_else(|error| {
            tracing::warn!(%error, "retention could not go on");
            Pruned::Enough
        })
    }

    /// Memory that stands in gives nothing up, since all of it is owed to the store: when it is full, nothing more
    /// is admitted.
    fn bound(&self, memory: &MemoryStore) {
        let OnFailure::Memory(bounds) = self.on_failure else { return };
        if memory.usage().bytes > bounds.bytes && self.shared.queue.health() == Health::InMemory {
            tracing::error!("memory is full, and the store is still down: nothing more is admitted");
            self.shared.queue.set_health(Health::Failing);
        }
    }

    /// Keeps a head, so that a tail cut off later shows.
    fn keep_head(&mut self) {
        let now = Instant::now();
        if self.signer.sequence() == self.head_kept.1 {
            self.head_kept.0 = now;
            return;
        }
        let head = self.signer.sign_head((self.clock)());
        match self.shared.archive.keep_head(&head) {
            Ok(()) => self.head_kept = (now, head.head.sequence),
            Err(error) => {
                tracing::warn!(%error, "a head could not be kept");
                self.head_kept.0 = now;
            }
        }
    }
}

impl Drop for Worker {
    /// Also when a store or the signer panics: nothing is admitted any more, and whoever waits learns it.
    fn drop(&mut self) {
        self.shared.queue.abandon();
    }
}

fn release(replies: Replies) {
    for reply in replies {
        // Whoever waited may be gone: the receipt is kept all the same.
        let _ = reply.send(());
    }
}

/// A try of the store that memory stands in for.
enum Probe {
    Due(Instant),
    Running(JoinHandle<Result<Progress, StoreError>>),
}

impl Probe {
    /// Most of what waits is copied back on that thread, while receipts go on into memory.
    fn start(shared: &Arc<Shared>) -> Self {
        let shared = Arc::clone(shared);
        let probing = move || {
            shared.archive.store().recover()?;
            let mut progress = Progress::default();
            shared.archive.copy_back(&mut progress)?;
            Ok(progress)
        };
        match std::thread::Builder::new().name("jurat-probe".into()).spawn(probing) {
            Ok(thread) => Self::Running(thread),
            Err(_) => Self::Due(Instant::now() + PATIENCE),
        }
    }
}
