//! The request's body on its way to the service: small ones as a whole, large ones piece by piece. Either way the
//! witness sees what is sent, and memory does not grow with it.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use jurat_witness::{Asked, Exchange};
use tokio::sync::mpsc;

/// Bodies up to this size are read whole before the service is asked.
const SMALL: usize = 256 << 10;
/// Pieces on their way at once.
const PIECES: usize = 4;

/// The body broke off on the client's side.
#[derive(Debug)]
pub(super) struct Broken;

/// What there is of a body before the service is asked.
pub(super) enum Upload {
    Whole(Bytes),
    /// Its beginning.
    Begun(Bytes),
}

impl Upload {
    /// Reads it as far as it is small.
    pub(super) async fn begin(payload: &mut Payload, exchange: &mut Exchange<Asked>) -> Result<Self, Broken> {
        let mut start = BytesMut::new();
        while start.len() < SMALL {
            let Some(piece) = next(payload).await? else { return Ok(Self::Whole(start.freeze())) };
            exchange.request(&piece);
            start.extend_from_slice(&piece);
        }
        Ok(Self::Begun(start.freeze()))
    }
}

/// Hands the rest on as it comes, until the client has sent everything.
pub(super) async fn rest(
    start: Bytes,
    payload: &mut Payload,
    exchange: &mut Exchange<Asked>,
    to: mpsc::Sender<Piece>,
) -> Result<(), Broken> {
    let mut piece = start;
    loop {
        if to.send(Piece::More(piece)).await.is_err() {
            // Nobody reads on. Why is for whoever waits for the answer to say.
            return std::future::pending().await;
        }
        let Some(more) = next(payload).await? else { break };
        exchange.request(&more);
        piece = more;
    }
    // A body of known length may have been taken for whole already.
    let _ = to.send(Piece::End).await;
    Ok(())
}

async fn next(payload: &mut Payload) -> Result<Option<Bytes>, Broken> {
    poll_fn(|task| Pin::new(&mut *payload).poll_next(task)).await.transpose().map_err(|_| Broken)
}

/// A part of a body under way.
pub(super) enum Piece {
    More(Bytes),
    /// All of it was there. A body that stops without this is broken.
    End,
}

/// The service's side of a body that comes piece by piece.
pub(super) struct Pieces {
    from: mpsc::Receiver<Piece>,
    /// How much is to come, if the client said so.
    left: Option<u64>,
}

impl Pieces {
    /// `length`: the client's Content-Length.
    pub(super) fn new(length: Option<u64>) -> (mpsc::Sender<Piece>, Self) {
        let (to, from) = mpsc::channel(PIECES);
        (to, Self { from, left: length })
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.from.poll_recv(task).map(|piece| match piece {
            Some(Piece::More(bytes)) => {
                self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
                Some(Ok(Frame::data(bytes)))
            }
            Some(Piece::End) => None,
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        })
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests;
