//! The evidence engine: makes reports, one at a time, on a thread of its own.
//!
//! Hardware answers in seconds and only one caller at a time, and whoever can reach the report endpoint can ask.
//! So every request goes through one bounded queue; equal requests share one report; a request that was begun is
//! finished, whoever has left meanwhile, because an answer left behind in a device would be the next caller's.
//!
//! Who has waited too long is answered all the same, by a second thread, which never touches the hardware.
//!
//! `terms` is what callers give and get; `queue` decides what is done next and holds the shared reports; `compose`
//! makes one report; `observed` is for metrics; this file is the threads between them.

mod compose;
mod fabric;
mod observed;
mod queue;
mod reply;
mod terms;

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use jurat_proto::{Binding, Nonce, ReportBody};

use crate::{CheckedGpus, CheckedQuotes, GpuProvider, QuoteProvider, Tee};
use compose::Composer;
use observed::Clock;
pub use observed::{Observed, Part};
use queue::{Next, Queue, Task};
pub use reply::Caller;
use reply::{Callback, Reply};
pub use terms::{Identity, ReportFailure, ReportRequest, Settings, StartError};

/// The nice value of the engine's thread once the first report is made: a tenth of a processor that others want, all of
/// one that nobody does.
const BESIDE: i32 = 10;

/// A handle on the engine, cheap to clone. The engine ends when the last one is gone.
#[derive(Clone)]
pub struct Attester {
    handle: Arc<Handle>,
}

impl Attester {
    /// Starts the engine and waits until it has made its first report, under `jurat-v1`: a second or two, and up to
    /// three times [`Settings::wait`] where the hardware is slow.
    ///
    /// `gpus`: `None` only for a machine that is meant to have none; its reports say so.
    ///
    /// # Errors
    ///
    /// [`StartError::Report`] with what the hardware lacks: an engine that cannot prove anything does not start.
    pub fn start(
        identity: Identity,
        quotes: Box<dyn QuoteProvider>,
        gpus: Option<Box<dyn GpuProvider>>,
        settings: Settings,
    ) -> Result<Self, StartError> {
        let quotes = CheckedQuotes::new(quotes);
        let tee = quotes.tee();
        let clock = Arc::new(Clock::default());
        let gpus = gpus.map(CheckedGpus::new);
        let mut composer = Composer::new(identity.clone(), quotes, gpus, Arc::clone(&clock));
        let engine = Arc::new(Engine {
            queue: Mutex::new(Queue::new(settings, &identity.claims)),
            work: Condvar::new(),
            patience: Condvar::new(),
        });
        let handle = Handle { engine: Arc::clone(&engine), identity, tee, clock, wait: settings.wait };
        let (tell, first) = mpsc::sync_channel(1);
        let watched = Arc::clone(&engine);
        thread::Builder::new().name("jurat-attest".to_owned()).spawn(move || {
            let _end = Abandon(&engine);
            let first = engine.perform(&mut composer, Task::Shared(Binding::JuratV1));
            let good = first.is_ok();
            // Nobody listens only if the starter is gone, and then its handle has stopped the engine.
            let _ = tell.send(first);
            if good {
                // Whoever asks for reports must not keep those waiting whose answers flow. On Linux it is this thread's
                // alone (setpriority(2), C library/kernel differences); where it is forbidden, reports just cost more.
                let _ = rustix::process::setpriority_process(None, BESIDE);
                engine.run(&mut composer);
            }
        })?;
        let patience = settings.wait.saturating_mul(3);
        first.recv_timeout(patience).unwrap_or_else(|error| match error {
            RecvTimeoutError::Timeout => Err(ReportFailure::TimedOut { retry_after: patience }),
            RecvTimeoutError::Disconnected => Err(ReportFailure::Stopped),
        })?;
        thread::Builder::new()
            .name("jurat-patience".to_owned())
            .spawn(move || watched.dismiss_the_overdue())?;
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Asks for a report.
    ///
    /// `reply` is called exactly once: here and now if the answer is at hand (a shared report, a refusal), else from
    /// the engine's thread, which waits for it; so it should hand the answer on and return.
    pub fn request(
        &self,
        request: ReportRequest,
        reply: impl FnOnce(Result<Arc<ReportBody>, ReportFailure>) + Send + 'static,
    ) {
        self.request_for(request, Callback(reply));
    }

    /// Asks for a report for somebody who may leave before it is there; otherwise as [`Attester::request`].
    pub fn request_for(&self, request: ReportRequest, caller: impl Caller + 'static) {
        let now = Instant::now();
        let reply = Reply::new(caller, now + self.handle.wait);
        if request.binding == Binding::DstackV2 && self.handle.identity.tls_spki.is_none() {
            return reply.send(Err(ReportFailure::TlsOff));
        }
        let engine = &self.handle.engine;
        let mut queue = engine.lock();
        let task = match request.nonce {
            Some(nonce) => Task::Fresh(request.binding, nonce),
            None => match queue.shared(request.binding, now) {
                Some(body) => {
                    drop(queue);
                    return reply.send(Ok(body));
                }
                None => Task::Shared(request.binding),
            },
        };
        let refused = queue.push(task, reply);
        drop(queue);
        match refused {
            Ok(()) => {
                engine.work.notify_one();
                engine.patience.notify_one();
            }
            Err((reply, failure)) => reply.send(Err(failure)),
        }
    }

    /// From now on reports carry these claims: the signer has begun another chain.
    pub fn renew_claims(&self, claims: String) {
        self.handle.engine.lock().renew_claims(claims);
    }

    /// What the engine has done so far, for metrics.
    pub fn observe(&self) -> Observed {
        let observed::Parts { quotes, gpus, switches } = self.handle.clock.parts();
        Observed { quotes, gpus, switches, ..self.handle.engine.lock().observe(Instant::now()) }
    }

    /// Whose key the reports are about.
    pub fn identity(&self) -> &Identity {
        &self.handle.identity
    }

    /// What kind of machine the reports speak for.
    pub fn tee(&self) -> Tee {
        self.handle.tee
    }

    /// Ends the engine: what is under way is finished and answered, what waits is answered with
    /// [`ReportFailure::Stopped`]. Returns at once.
    pub fn stop(&self) {
        self.handle.engine.stop();
    }
}

impl fmt::Debug for Attester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attester").field("tee", &self.handle.tee).finish_non_exhaustive()
    }
}

/// What all clones of an [`Attester`] share; gone with the last of them.
struct Handle {
    engine: Arc<Engine>,
    identity: Identity,
    tee: Tee,
    clock: Arc<Clock>,
    wait: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.engine.stop();
    }
}

/// What callers and the engine's thread share.
struct Engine {
    queue: Mutex<Queue>,
    /// There may be something to do.
    work: Condvar,
    /// There may be somebody whose patience is to be watched.
    patience: Condvar,
}

impl Engine {
    /// The thread's life: does what is next, sleeps when nothing is, returns when stopped.
    fn run(&self, composer: &mut Composer) {
        let mut queue = self.lock();
        loop {
            match queue.next(Instant::now()) {
                Next::Run(task) => {
                    drop(queue);
                    // The failure has been told to whoever asked and to the log.
                    let _ = self.perform(composer, task);
                    queue = self.lock();
                }
                Next::Sleep(until) => {
                    let pause = until.saturating_duration_since(Instant::now());
                    queue = self.work.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::End => return,
            }
        }
    }

    /// Makes one report, keeps it if it is to be shared, and answers whoever waits for it.
    fn perform(&self, composer: &mut Composer, task: Task) -> Result<(), ReportFailure> {
        let begun = Instant::now();
        let claims = self.lock().claims();
        let outcome = match task {
            Task::Fresh(binding, nonce) => composer.report(binding, &nonce, &claims),
            Task::Shared(binding) => own_nonce().and_then(|nonce| composer.report(binding, &nonce, &claims)),
        }
        .map(Arc::new);
        let took = begun.elapsed();
        match &outcome {
            Ok(_) => {
                tracing::debug!(binding = %task.binding(), milliseconds = took.as_millis(), "report made")
            }
            Err(error) => tracing::warn!(binding = %task.binding(), %error, "no report"),
        }
        let waiting = self.lock().finish(task, &outcome, begun, Instant::now());
        for reply in waiting {
            reply.send(outcome.clone());
        }
        outcome.map(drop)
    }

    /// The second thread's life: answers whoever has waited as long as any may, so that a device that does not come
    /// back holds nobody. Returns when the engine is stopped and nobody waits.
    fn dismiss_the_overdue(&self) {
        let mut queue = self.lock();
        loop {
            let now = Instant::now();
            let (overdue, failure) = queue.overdue(now);
            if !overdue.is_empty() {
                drop(queue);
                overdue.into_iter().for_each(|reply| reply.send(Err(failure.clone())));
                queue = self.lock();
                continue;
            }
            queue = match queue.next_overdue() {
                Some(at) => {
                    let pause = at.saturating_duration_since(now);
                    self.patience.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None if queue.is_open() => self.patience.wait(queue).unwrap_or_else(PoisonError::into_inner),
                None => return,
            };
        }
    }

    fn stop(&self) {
        let waiting = self.lock().close();
        self.work.notify_one();
        self.patience.notify_one();
        for reply in waiting {
            reply.send(Err(ReportFailure::Stopped));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is whole between any two of its methods, so a panic elsewhere does not spoil it.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However the thread ends, nobody is left waiting.
struct Abandon<'a>(&'a Engine);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        let waiting = self.0.lock().abandon();
        self.0.patience.notify_one();
        for reply in waiting {
            reply.send(Err(ReportFailure::Stopped));
        }
    }
}

fn own_nonce() -> Result<Nonce, ReportFailure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| ReportFailure::Randomness(error.to_string()))?;
    Ok(Nonce::new(bytes))
}

#[cfg(test)]
mod tests;
