//! The answer's body: polled by the client's connection itself, so that there is no task, no channel and no
//! copy between the engine and the client, and back-pressure is the socket's.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    mem::take,
    pin::Pin,
    rc::Rc,
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use jurat_ledger::{Appended, Slot};
use jurat_proto::{End, ReceiptId};
use jurat_witness::{Answering, Exchange, Framing, Seen, Shape};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use crate::{context::Context, drain, engine::EngineBody, watch::Notes};

/// How long a `[DONE]` waits for its blank line.
const BLANK_LINE: Duration = Duration::from_secs(1);
/// Most bytes of a completing event that are kept; of a larger one the oldest go, never its end.
const MOST_HELD: u64 = 1 << 20;
/// A body of known length up to this size is waited for, for a moment: engines write head and body apart, and both
/// should leave in one write.
const SMALL: u64 = 64 << 10;
const MOMENT: Duration = Duration::from_millis(5);
/// How long a cut answer's last bytes have to leave: actix-http discards what it has not written when a body ends in an error.
const FLUSH: Duration = Duration::from_millis(250);

/// The body of a sworn answer.
pub(crate) struct WitnessedBody {
    context: Rc<Context>,
    engine: EngineBody,
    size: BodySize,
    id: ReceiptId,
    /// The exchange and the room for its receipt, until it is over.
    open: Option<(Exchange<Answering>, Slot)>,
    notes: Notes,
    /// Observed and not yet released; the last `held` bytes of it wait for the receipt.
    waiting: VecDeque<Bytes>,
    waiting_bytes: u64,
    held: u64,
    state: State,
    /// Fires when the engine has been silent for too long. Reset lazily: an event costs no timer.
    timer: Pin<Box<Sleep>>,
    last_heard: Instant,
}

enum State {
    Flowing,
    /// The receipt is being stored.
    Storing(Appended, Last),
    /// Everything may go; then the body ends.
    Releasing(Last),
    /// The last bytes of a cut answer are being flushed.
    Flushing,
}

/// How the body ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Properly,
    CutOff,
}

/// The body ends before it is whole: the connection is closed without a terminating chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer was cut off")]
pub struct Cut;

impl WitnessedBody {
    pub(crate) fn new(
        context: Rc<Context>,
        engine: EngineBody,
        framing: Framing,
        id: ReceiptId,
        exchange: Exchange<Answering>,
        slot: Slot,
        notes: Notes,
    ) -> Self {
        let now = Instant::now();
        context.parts.latches.answer_begins();
        Self {
            timer: Box::pin(sleep_until(now + context.parts.limits.idle)),
            last_heard: now,
            context,
            engine,
            size: match framing {
                Framing::Length(length) => BodySize::Sized(length),
                Framing::Empty | Framing::Chunked | Framing::UntilClose => BodySize::Stream,
            },
            id,
            open: Some((exchange, slot)),
            notes,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            held: 0,
            state: State::Flowing,
        }
    }

    /// Waits a moment for a small answer to be whole and its receipt to be stored, or for whatever comes instead.
    pub(crate) async fn prepared(mut self, shape: Shape) -> Self {
        if matches!(self.size, BodySize::Sized(length) if length <= SMALL) && shape != Shape::Events {
            // Later it goes as it comes.
            let _ = timeout(MOMENT, poll_fn(|task| self.poll_over(task))).await;
        }
        self
    }

    /// Goes on until nothing is to be waited for but the client's socket.
    fn poll_over(&mut self, task: &mut Task<'_>) -> Poll<()> {
        loop {
            match self.state {
                State::Flowing => ready!(self.poll_engine(task)),
                State::Storing(..) => ready!(self.poll_stored(task)),
                State::Releasing(_) | State::Flushing => return Poll::Ready(()),
            }
        }
    }

    /// Takes the next chunk from the engine, or learns that there is none.
    fn poll_engine(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match self.engine.poll_chunk(task) {
            Poll::Ready(Some(Ok(chunk))) => {
                self.last_heard = Instant::now();
                self.notes.heard(self.last_heard);
                self.observe(chunk);
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::info!(id = %self.id, %error, "the engine's answer was cut off");
                self.finish(End::EngineTruncated);
            }
            Poll::Ready(None) => self.finish(End::Complete),
            Poll::Pending => {
                let end = ready!(self.poll_silence(task));
                self.finish(end);
            }
        }
        Poll::Ready(())
    }

    /// Resolves when the engine's silence means something.
    fn poll_silence(&mut self, task: &mut Task<'_>) -> Poll<End> {
        let whole = self.open.as_ref().is_some_and(|(exchange, _)| exchange.is_all_but_whole());
        let (allowed, end) = match whole {
            true => (BLANK_LINE, End::Complete),
            false => (self.context.parts.limits.idle, End::TimedOut),
        };
        let deadline = self.last_heard + allowed;
        if Instant::now() >= deadline {
            return Poll::Ready(end);
        }
        // Only ever armed for a deadline that was right when it was armed; a later one is found when it fires.
        if self.timer.deadline() > deadline || self.timer.is_elapsed() {
            self.timer.as_mut().reset(deadline);
        }
        while self.timer.as_mut().poll(task).is_ready() {
            if Instant::now() >= deadline {
                return Poll::Ready(end);
            }
            self.timer.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    fn observe(&mut self, chunk: Bytes) {
        let Some((exchange, _)) = &mut self.open else { return };
        match exchange.observe(&chunk) {
            Seen::Flowing { held } => {
                self.wait(chunk);
                self.held = held;
                self.let_go_of_the_oldest();
            }
            Seen::Whole { held, surplus } => {
                self.context.parts.metrics.surplus(surplus);
                self.wait(chunk.slice(..chunk.len() - surplus));
                self.held = held;
                self.finish(End::Complete);
            }
        }
    }

    fn wait(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting_bytes += bytes.len() as u64;
            self.waiting.push_back(bytes);
        }
    }

    /// A completing event may be as large as the answer; memory may not.
    fn let_go_of_the_oldest(&mut self) {
        while self.held > MOST_HELD {
            let mut skip = self.waiting_bytes - self.held;
            let Some(oldest) = self.waiting.iter().find(|bytes| match skip.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    skip = left;
                    false
                }
                None => true,
            }) else {
                return;
            };
            let oldest = oldest.slice(skip as usize..);
            if let Some((exchange, _)) = &mut self.open {
                exchange.let_go(&oldest);
            }
            self.held -= oldest.len() as u64;
        }
    }

    /// The next bytes that may be released while the last `held` wait.
    fn release(&mut self) -> Option<Bytes> {
        let free = self.waiting_bytes - self.held;
        let front = self.waiting.front_mut().filter(|_| free > 0)?;
        let bytes = if front.len() as u64 <= free {
            self.waiting.pop_front()?
        } else {
            front.split_to(free as usize)
        };
        self.waiting_bytes -= bytes.len() as u64;
        Some(bytes)
    }

    fn finish(&mut self, end: End) {
        let Some((exchange, slot)) = self.open.take() else { return };
        let statement = exchange.finish(end, self.context.now());
        // A failure that the engine itself framed to its end is relayed to its end.
        let last = match (statement.end(), end) {
            (End::Complete, _) | (End::EngineFailed, End::Complete) => Last::Properly,
            _ => Last::CutOff,
        };
        let notes = take(&mut self.notes);
        self.state = State::Storing(self.context.append(statement, self.id, slot, notes), last);
    }

    /// Waits for the receipt; then everything may go, or nothing more at all.
    fn poll_stored(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let State::Storing(appended, last) = &mut self.state else { return Poll::Ready(()) };
        let last = *last;
        match ready!(Pin::new(appended).poll(task)) {
            Ok(()) => {
                self.held = 0;
                self.state = State::Releasing(last);
            }
            Err(error) => {
                tracing::error!(id = %self.id, %error, "an answer's end is withheld");
                self.context.parts.metrics.not_stored();
                self.waiting.clear();
                (self.waiting_bytes, self.held) = (0, 0);
                self.state = State::Releasing(Last::CutOff);
            }
        }
        Poll::Ready(())
    }

    fn poll(&mut self, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            if let Some(bytes) = self.release() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match self.state {
                State::Flowing => ready!(self.poll_engine(task)),
                State::Storing(..) => ready!(self.poll_stored(task)),
                State::Releasing(Last::Properly) => return Poll::Ready(None),
                State::Releasing(Last::CutOff) => {
                    self.timer.as_mut().reset(Instant::now() + FLUSH);
                    self.state = State::Flushing;
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
                State::Flushing => {
                    ready!(self.timer.as_mut().poll(task));
                    return Poll::Ready(Some(Err(Cut)));
                }
            }
        }
    }
}

impl MessageBody for WitnessedBody {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        self.get_mut().poll(task)
    }
}

impl Drop for WitnessedBody {
    /// Dropped by its connection before it was over: the client left, and its receipt is kept all the same.
    fn drop(&mut self) {
        if self.open.is_some()
            && let Some(end) = self.context.parts.latches.end_of_dropped()
        {
            self.finish(end);
        }
        if matches!(self.state, State::Releasing(Last::Properly)) {
            drain::rest_of(&self.context, &mut self.engine);
        }
        self.context.parts.latches.answer_is_over();
    }
}
