//! One HTTP/2 connection (RFC 9113). Its streams are tasks that end with it, so that a client that leaves is noticed
//! at once, whether it resets a stream or closes the connection.

mod answer;
mod ask;

use std::{net::SocketAddr, rc::Rc, time::Duration};

use actix_http::Request;
use actix_service::Service;
use actix_web::{body::BoxBody, dev::ServiceResponse};
use h2::server::Builder;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::HANDSHAKE;
use crate::{
    context::Context,
    server::{KEEP_ALIVE, MOST_HEAD},
};

/// Streams of one connection that may be open at once.
const STREAMS: u32 = 256;
/// How much of an upload may be on its way: a stream's, and a connection's.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// How much of an answer may wait for its client, beside what the socket holds.
const MOST_UNSENT: usize = 64 << 10;
/// How long a connection that is told to go may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves the connection to its end.
///
/// `first`: how long it may have no request to begin with.
pub(super) async fn serve<T, S>(
    io: T,
    peer: Option<SocketAddr>,
    app: Rc<S>,
    context: Rc<Context>,
    first: Duration,
) where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    let handshake = Builder::new()
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(MOST_HEAD)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(MOST_UNSENT)
        .handshake(io);
    let Ok(Ok(mut connection)) = timeout(HANDSHAKE, handshake).await else { return };
    // Dropped with the connection, and every exchange under way with it.
    let mut streams = JoinSet::new();
    let idle = sleep(first);
    tokio::pin!(idle);
    let mut going = Going::No;
    loop {
        tokio::select! {
            accepted = connection.accept() => {
                let Some(Ok((request, respond))) = accepted else { return };
                if context.parts.latches.is_draining() {
                    connection.graceful_shutdown();
                }
                streams.spawn_local(answer::one(Rc::clone(&app), request, respond, peer, Rc::clone(&context)));
            }
            Some(_) = streams.join_next() => {
                if streams.is_empty() {
                    idle.as_mut().reset(Instant::now() + KEEP_ALIVE);
                }
            }
            () = idle.as_mut(), if streams.is_empty() => {
                if going == Going::Yes {
                    return;
                }
                going = Going::Yes;
                connection.graceful_shutdown();
                idle.as_mut().reset(Instant::now() + GOODBYE);
            }
        }
    }
}

/// Whether the client has been told that nothing more is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    No,
    Yes,
}
