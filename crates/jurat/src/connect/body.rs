//! The answer's body on its way to the client: polled by the client's connection, observed, and never ahead of what a
//! refusal could still take back.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    body::{BodySize, MessageBody},
    web::Bytes,
};
use http_body::Body as _;
use jurat_proto::End;
use jurat_proxy::Cut;
use jurat_witness::{Answering, Exchange, Family, Seen};
use tokio::{
    task::JoinHandle,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{
    UnderWay,
    case::{Case, heard},
    events::Events,
    refusal,
};
use crate::{answer::Ruling, service::now};

/// How long the end of a stream waits for its verdict where it may leave without one: receipts come at once, and a service
/// that shows another signer can be verified anew meanwhile.
const MOMENT: Duration = Duration::from_secs(10);
/// Most bytes of an event without its end that are kept; of a larger one the oldest go.
const MOST_OPEN: u64 = 1 << 20;
/// How long the last bytes of a cut answer have to leave: actix-http discards what it has not written when a body ends in
/// an error.
const FLUSH: Duration = Duration::from_millis(250);

/// How a body's end is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Events flow at once; the completing one waits for the verdict, for a moment or as long as it takes. A refusal is
    /// an event of its own.
    Stream { family: Family, end: Ending, most_held: u64 },
    /// Too large to be held: it flows, but for its last piece. A refusal cuts it off.
    Plain,
}

/// Whether completing bytes may leave before the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// After a moment.
    AfterAMoment,
    /// Never.
    Held,
}

/// The body.
pub(super) struct Flowing {
    service: reqwest::Body,
    manner: Manner,
    size: BodySize,
    open: Option<(Exchange<Answering>, Case)>,
    events: Events,
    /// Observed and not released; the last `kept` bytes of it stay for now.
    waiting: VecDeque<Bytes>,
    waiting_bytes: u64,
    kept: u64,
    state: State,
    _under_way: UnderWay,
}

enum State {
    Flowing,
    /// The receipt is being checked; at the time given, if any, the rest leaves without it.
    Judging(JoinHandle<Ruling>, Option<Pin<Box<Sleep>>>),
    /// What waits may go; then the body ends.
    Releasing,
    /// The last bytes of a cut answer are being flushed.
    Flushing(Pin<Box<Sleep>>),
}

impl Flowing {
    /// `size`: what the client is told beforehand. `read`: what was observed already.
    pub(super) fn new(
        service: reqwest::Body,
        manner: Manner,
        size: BodySize,
        exchange: Exchange<Answering>,
        case: Case,
        read: VecDeque<Bytes>,
        under_way: UnderWay,
    ) -> Self {
        let waiting_bytes = read.iter().map(|bytes| bytes.len() as u64).sum();
        let kept = read.back().map_or(0, |last| last.len() as u64);
        Self {
            service,
            manner,
            size,
            open: Some((exchange, case)),
            events: Events::default(),
            waiting: read,
            waiting_bytes,
            kept,
            state: State::Flowing,
            _under_way: under_way,
        }
    }

    /// Takes the next piece from the service, or learns that there is none.
    fn poll_service(&mut self, task: &mut Context<'_>) -> Poll<()> {
        match ready!(Pin::new(&mut self.service).poll_frame(task)) {
            Some(Ok(frame)) => {
                if let Ok(bytes) = frame.into_data() {
                    self.observe(bytes);
                }
            }
            Some(Err(_)) => self.finish(End::EngineTruncated),
            None => self.finish(End::Complete),
        }
        Poll::Ready(())
    }

    fn observe(&mut self, mut bytes: Bytes) {
        let Some((exchange, _)) = &mut self.open else { return };
        let (held, whole) = match exchange.observe(&bytes) {
            Seen::Flowing { held } => (held, false),
            Seen::Whole { held, surplus } => {
                // Behind the end nothing is sworn to, and nothing is relayed.
                bytes.truncate(bytes.len() - surplus);
                (held, true)
            }
        };
        self.kept = match self.manner {
            Manner::Stream { .. } => {
                let open = self.events.feed(&bytes);
                held.max(if open > MOST_OPEN { 0 } else { open })
            }
            Manner::Plain if bytes.is_empty() => self.kept,
            Manner::Plain => bytes.len() as u64,
        };
        self.wait(bytes);
        match self.manner {
            _ if whole => self.finish(End::Complete),
            Manner::Stream { most_held, .. } if held > most_held => {
                let ruling = Ruling::undecided("answer.held", "its completing event is too large to be held");
                if let Some((_, case)) = self.open.take() {
                    case.give_up(&ruling);
                }
                self.refuse(&ruling);
            }
            _ => {}
        }
    }

    fn wait(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.waiting_bytes += bytes.len() as u64;
            self.waiting.push_back(bytes);
        }
    }

    /// The next bytes that may leave while the last `kept` stay.
    fn release(&mut self) -> Option<Bytes> {
        let free = self.waiting_bytes.saturating_sub(self.kept);
        let front = self.waiting.front_mut().filter(|_| free > 0)?;
        let bytes = if front.len() as u64 <= free {
            self.waiting.pop_front()?
        } else {
            front.split_to(free as usize)
        };
        self.waiting_bytes -= bytes.len() as u64;
        Some(bytes)
    }

    /// The answer has ended; the judge is asked.
    fn finish(&mut self, end: End) {
        let Some((exchange, case)) = self.open.take() else { return };
        let moment = match self.manner {
            Manner::Stream { end: Ending::AfterAMoment, .. } if end == End::Complete => {
                Some(Box::pin(sleep(MOMENT)))
            }
            _ => None,
        };
        self.state = State::Judging(case.close(exchange.finish(end, now())), moment);
    }

    fn poll_judge(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let State::Judging(judge, moment) = &mut self.state else { return Poll::Ready(()) };
        if let Poll::Ready(said) = Pin::new(judge).poll(task) {
            let ruling = heard(said);
            if ruling.is_trusted() {
                self.kept = 0;
                self.state = State::Releasing;
            } else {
                self.refuse(&ruling);
            }
            return Poll::Ready(());
        }
        let Some(sleep) = moment else { return Poll::Pending };
        ready!(sleep.as_mut().poll(task));
        *moment = None;
        self.kept = 0;
        Poll::Ready(())
    }

    /// What waits is withheld for good.
    fn refuse(&mut self, ruling: &Ruling) {
        self.waiting.clear();
        (self.waiting_bytes, self.kept) = (0, 0);
        self.state = match self.manner {
            Manner::Stream { family, .. } => {
                self.wait(refusal::event(family, ruling));
                State::Releasing
            }
            Manner::Plain => State::Flushing(Box::pin(sleep_until(Instant::now() + FLUSH))),
        };
    }

    /// What the service still sends behind the end is its terminating chunk, which frees the connection for the next
    /// request.
    fn glance(&mut self, task: &mut Context<'_>) {
        let _ = Pin::new(&mut self.service).poll_frame(task);
    }
}

impl MessageBody for Flowing {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let this = self.get_mut();
        loop {
            if let Some(bytes) = this.release() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match &mut this.state {
                State::Flowing => ready!(this.poll_service(task)),
                State::Judging(..) => ready!(this.poll_judge(task)),
                State::Releasing => {
                    this.glance(task);
                    return Poll::Ready(None);
                }
                State::Flushing(flushed) => {
                    ready!(flushed.as_mut().poll(task));
                    return Poll::Ready(Some(Err(Cut)));
                }
            }
        }
    }
}
