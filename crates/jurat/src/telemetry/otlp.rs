//! Spans by OTLP over HTTP, one for each sworn exchange (`docs/decisions/0011-otlp.md`).
//!
//! The workers of the data port put figures into a bounded queue and go on; where there is no room they count. A thread
//! of its own looks into the queue four times a second, so that nobody has to wake it, makes spans of what it finds and
//! posts them.

mod span;
mod transport;

use std::{
    mem::take,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use jurat_client::BaseUrl;
use jurat_proxy::{ExchangeDone, Watcher};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    time::timeout,
};

use self::span::Maker;
use crate::exit::Failure;

/// Exchanges that wait to be told of: a quarter of a second of more than a machine signs, at most 13 MiB.
const QUEUE: usize = 16_384;
/// Spans of one request to the collector.
const BATCH: usize = 512;
/// How often the queue is looked into.
const LOOK: Duration = Duration::from_millis(250);
/// How long a collector may take to accept a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end of the process waits for what is still to be told.
const FLUSH: Duration = Duration::from_secs(2);
/// Losses are said once in so long.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What tells a collector of exchanges; without an address, nothing.
pub(crate) struct Export(Option<Exporting>);

struct Exporting {
    queue: Arc<Queue>,
    end: Mutex<Option<End>>,
}

/// The end of the thread: it is told to, and says when it is there.
struct End {
    tell: oneshot::Sender<()>,
    done: oneshot::Receiver<()>,
}

impl Export {
    /// Starts the thread, if an address is named. Nothing is connected before there is something to tell.
    pub(crate) fn start(endpoint: Option<&BaseUrl>) -> Result<Self, Failure> {
        let Some(endpoint) = endpoint else { return Ok(Self(None)) };
        let exporter = transport::exporter(endpoint, PATIENCE)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::unavailable)?;
        let (send, receive) = sync_channel(QUEUE);
        let no_room = Arc::new(AtomicU64::new(0));
        let losses = Losses { no_room: Arc::clone(&no_room), ..Losses::default() };
        let courier = Courier { receive, exporter, maker: Maker::default(), losses };
        let (tell, told) = oneshot::channel();
        let (say, done) = oneshot::channel();
        thread::Builder::new()
            .name("spans".into())
            .spawn(move || {
                attend(runtime, courier, told);
                // Whoever waits may have lost patience.
                let _ = say.send(());
            })
            .map_err(Failure::unavailable)?;
        tracing::warn!(
            %endpoint,
            "otlp_endpoint is set: when each exchange was, how long it took, how large it was and how it ended leave this \
             machine, under its receipt's id and the client's trace id",
        );
        let queue = Arc::new(Queue { send, no_room });
        Ok(Self(Some(Exporting { queue, end: Mutex::new(Some(End { tell, done })) })))
    }

    /// Whom the service tells, if anybody.
    pub(crate) fn watcher(&self) -> Option<Arc<dyn Watcher>> {
        self.0.as_ref().map(|exporting| Arc::clone(&exporting.queue) as Arc<dyn Watcher>)
    }

    /// Gives what is still to be told two seconds to leave.
    pub(crate) async fn flush(&self) {
        let Some(exporting) = &self.0 else { return };
        let end = exporting.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(End { tell, done }) = end else { return };
        // If the thread is gone, so is the other end, and nothing is waited for.
        let _ = tell.send(());
        if timeout(FLUSH, done).await.is_err() {
            tracing::warn!("the collector did not take all spans in time: the others are lost");
        }
    }
}

/// What the data port sees.
struct Queue {
    send: SyncSender<ExchangeDone>,
    /// Exchanges that found no room, since it was last said.
    no_room: Arc<AtomicU64>,
}

impl Watcher for Queue {
    fn over(&self, exchange: ExchangeDone) {
        if self.send.try_send(exchange).is_err() {
            self.no_room.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn attend(runtime: Runtime, courier: Courier, told: oneshot::Receiver<()>) {
    runtime.block_on(courier.run(told));
    // A name that is still being looked up is nothing to wait for.
    runtime.shutdown_background();
}

/// Who carries spans to the collector.
struct Courier {
    receive: Receiver<ExchangeDone>,
    exporter: SpanExporter,
    maker: Maker,
    losses: Losses,
}

impl Courier {
    /// Until it is told to end and has carried what was there then.
    async fn run(mut self, mut told: oneshot::Receiver<()>) {
        let mut ending = false;
        loop {
            let batch: Vec<_> = self.receive.try_iter().take(BATCH).collect();
            let more = batch.len() == BATCH;
            self.carry(batch).await;
            self.losses.say(ending && !more);
            if more {
                continue;
            }
            if ending {
                return;
            }
            ending = timeout(LOOK, &mut told).await.is_ok();
        }
    }

    /// One attempt: a batch that is not taken is lost, and the next one is the next attempt.
    async fn carry(&mut self, batch: Vec<ExchangeDone>) {
        let spans: Vec<_> = batch.into_iter().filter_map(|exchange| self.maker.span(exchange)).collect();
        let count = spans.len();
        if count > 0
            && let Err(error) = self.exporter.export(spans).await
        {
            self.losses.not_taken(count, error.to_string());
        }
    }
}

/// What could not be told, since it was last said.
#[derive(Default)]
struct Losses {
    no_room: Arc<AtomicU64>,
    not_taken: u64,
    reason: String,
    said: Option<Instant>,
}

impl Losses {
    fn not_taken(&mut self, spans: usize, reason: String) {
        self.not_taken += spans as u64;
        self.reason = reason;
    }

    /// Says what there is to say, once a minute and at the end.
    fn say(&mut self, last: bool) {
        if !last && self.said.is_some_and(|at| at.elapsed() < SAY_EVERY) {
            return;
        }
        let no_room = self.no_room.swap(0, Ordering::Relaxed);
        let (not_taken, reason) = (take(&mut self.not_taken), take(&mut self.reason));
        if no_room + not_taken > 0 {
            tracing::warn!(not_taken, no_room, reason, "spans were lost");
            self.said = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests;
