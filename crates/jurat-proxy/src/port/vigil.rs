//! Over a connection of HTTP/1.1 that has no request under way: one that dawdles over the head of its next is closed.
//!
//! actix-http bounds the first head of a connection alone. Behind it, a head of which one byte has come puts out its
//! keep-alive timer and starts no other, so that whoever asks once could hold a connection for ever. And the rest of a
//! chunked body that was refused is read and thrown away for as long as it comes; one with a length is not.

use std::{
    cell::Cell,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use super::GOODBYE;
use crate::server::KEEP_ALIVE;

/// More bytes than actix-http takes for a head: what comes beyond is the body of a request that was refused.
const NO_HEAD: usize = 256 << 10;

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct Vigil {
    under_way: Cell<usize>,
    idle_since: Cell<Instant>,
    /// When the first byte came of a head that is not whole.
    begun: Cell<Option<Instant>>,
    /// Bytes since then.
    came: Cell<usize>,
    head_timeout: Duration,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Rc<Vigil>);

impl Vigil {
    fn new(head_timeout: Duration) -> Rc<Self> {
        let (under_way, idle_since, begun) = (Cell::new(0), Cell::new(Instant::now()), Cell::new(None));
        Rc::new(Self { under_way, idle_since, begun, came: Cell::new(0), head_timeout })
    }

    /// A head has come.
    pub(crate) fn request(self: &Rc<Self>) -> UnderWay {
        self.under_way.set(self.under_way.get() + 1);
        self.begun.set(None);
        self.came.set(0);
        UnderWay(Rc::clone(self))
    }

    /// Notes bytes of no request under way; whether it is enough of them. A sender that never pauses is looked at here
    /// alone, as no read of its socket has to wait.
    fn bytes_came(&self, count: usize) -> bool {
        if self.under_way.get() > 0 {
            return false;
        }
        let now = Instant::now();
        let begun = self.begun.get().unwrap_or(now);
        self.begun.set(Some(begun));
        self.came.set(self.came.get().saturating_add(count));
        let goes_on = self.came.get() > NO_HEAD && now >= begun + GOODBYE;
        goes_on || self.is_overdue(now)
    }

    /// Whether enough is enough. What came of a head while an answer was under way is not told from silence.
    fn is_overdue(&self, now: Instant) -> bool {
        let dawdles = self.begun.get().is_some_and(|begun| now >= begun + self.head_timeout);
        let sleeps = now >= self.idle_since.get() + KEEP_ALIVE + self.head_timeout;
        self.under_way.get() == 0 && (dawdles || sleeps)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get().saturating_sub(1));
        self.0.idle_since.set(Instant::now());
    }
}

/// A connection that is watched. Looked at now and then, and not whenever something happens: a request costs no timer.
pub(super) struct Watched<T> {
    io: T,
    vigil: Rc<Vigil>,
    next_look: Pin<Box<Sleep>>,
}

impl<T> Watched<T> {
    pub(super) fn new(io: T, head_timeout: Duration) -> Self {
        Self { io, vigil: Vigil::new(head_timeout), next_look: Box::pin(sleep(head_timeout)) }
    }

    pub(super) fn vigil(&self) -> &Rc<Vigil> {
        &self.vigil
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Task<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(task, into) {
            let came = into.filled().len() - before;
            if came > 0 && this.vigil.bytes_came(came) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            return Poll::Ready(read);
        }
        loop {
            ready!(this.next_look.as_mut().poll(task));
            let now = Instant::now();
            if this.vigil.is_overdue(now) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            this.next_look.as_mut().reset(now + this.vigil.head_timeout);
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Task<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(task, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Task<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(task, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(task)
    }
}

/// An answer's body: while it is there, its request is under way.
pub(crate) struct Attended<B> {
    body: B,
    _under_way: Option<UnderWay>,
}

impl<B> Attended<B> {
    pub(crate) fn new(body: B, under_way: Option<UnderWay>) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl<B: MessageBody + Unpin> MessageBody for Attended<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_next(task)
    }

    /// What is at hand is all but sent.
    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let Self { body, _under_way } = self;
        body.try_into_bytes().map_err(|body| Self { body, _under_way })
    }
}
