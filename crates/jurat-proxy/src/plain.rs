//! The body of an answer that is relayed and not sworn.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use jurat_witness::Framing;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{admission::Place, engine::EngineBody, witnessed::Cut};

/// The body, as it comes; silence past the idle limit ends it.
pub(crate) struct PlainBody {
    engine: EngineBody,
    size: BodySize,
    idle: std::time::Duration,
    timer: Pin<Box<Sleep>>,
    /// Held for as long as the answer takes.
    _place: Option<Place>,
}

impl PlainBody {
    pub(crate) fn new(
        engine: EngineBody,
        framing: Framing,
        idle: std::time::Duration,
        place: Option<Place>,
    ) -> Self {
        let size = match framing {
            Framing::Empty => BodySize::Sized(0),
            Framing::Length(length) => BodySize::Sized(length),
            Framing::Chunked | Framing::UntilClose => BodySize::Stream,
        };
        Self { engine, size, idle, timer: Box::pin(sleep_until(Instant::now() + idle)), _place: place }
    }
}

impl MessageBody for PlainBody {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let this = &mut *self;
        if let Poll::Ready(next) = this.engine.poll_chunk(task) {
            let deadline = Instant::now() + this.idle;
            this.timer.as_mut().reset(deadline);
            return Poll::Ready(next.map(|bytes| bytes.map_err(|_| Cut)));
        }
        ready!(this.timer.as_mut().poll(task));
        Poll::Ready(Some(Err(Cut)))
    }
}
