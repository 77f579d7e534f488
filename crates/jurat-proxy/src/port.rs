//! The data port, plain or under TLS: HTTP/1.1 by actix-http, HTTP/2 by a dispatcher of our own, one application behind
//! both.
//!
//! actix-http's own dispatcher of HTTP/2 does not look whether a client has left while the engine is silent, lets a
//! connection open as many streams as it likes, and lets handlers outlive their connection; see
//! `docs/decisions/0010-tls.md`.

mod h2;
mod settings;
mod vigil;

use std::{
    convert::Infallible,
    fmt::Debug,
    future::ready,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::{HttpService, Request, Response};
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::{
    App,
    body::BoxBody,
    dev::{AppConfig, ServiceResponse},
    rt::net::TcpStream,
    web,
};
use rustls::ServerConfig;
pub use settings::tls_settings;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use vigil::Watched;
pub(crate) use vigil::{Attended, Vigil};

use crate::{
    admission::Seat,
    context::{Context, Parts},
    data,
    server::{KEEP_ALIVE, Serving},
};

/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a client may take to say goodbye; actix-web's own default.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection, as the protocols above TLS meet it.
type Secured = TlsStream<TcpStream>;

/// The data port's server; it runs when awaited.
pub(crate) fn server(
    parts: Parts,
    listener: TcpListener,
    serving: Serving,
    tls: Option<Arc<ServerConfig>>,
) -> std::io::Result<Server> {
    let server = Server::build()
        .workers(serving.workers)
        .max_concurrent_connections(serving.connections)
        // The program decides what a signal means.
        .disable_signals();
    let head_timeout = serving.head_timeout;
    let server = match tls {
        None => server.listen("jurat", listener, move || {
            let parts = parts.clone();
            fn_factory(move || plain(parts.clone(), head_timeout))
        })?,
        Some(tls) => server.listen("jurat", listener, move || {
            let (parts, acceptor) = (parts.clone(), TlsAcceptor::from(Arc::clone(&tls)));
            fn_factory(move || secured(parts.clone(), acceptor.clone(), head_timeout))
        })?,
    };
    Ok(server.run())
}

/// What one worker does with each connection.
async fn plain(
    parts: Parts,
    head_timeout: Duration,
) -> Result<impl Service<TcpStream, Response = (), Error = Infallible>, ()> {
    let context = Context::new(parts);
    let app = Rc::new(application(&context).await?);
    in_the_clear(app, context, head_timeout).await
}

/// The same, for whatever answers.
async fn in_the_clear<S>(
    app: Rc<S>,
    context: Rc<Context>,
    head_timeout: Duration,
) -> Result<impl Service<TcpStream, Response = (), Error = Infallible>, ()>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    let http1 = Rc::new(http1(app, Rc::clone(&context), head_timeout).await?);
    Ok(fn_service(move |io: TcpStream| {
        let (context, http1) = (Rc::clone(&context), Rc::clone(&http1));
        async move {
            let peer = settle(&io);
            let Some(_seat) = seat(&context, peer) else { return Ok(()) };
            context.turns.take().await;
            // How a connection ended is its exchanges' business, and they have said so.
            drop(http1.call((Watched::new(io, head_timeout), peer)).await);
            Ok(())
        }
    }))
}

/// The same, once keys are agreed on.
async fn secured(
    parts: Parts,
    acceptor: TlsAcceptor,
    head_timeout: Duration,
) -> Result<impl Service<TcpStream, Response = (), Error = Infallible>, ()> {
    let context = Context::new(parts);
    let app = Rc::new(application(&context).await?);
    let http1 = Rc::new(http1(Rc::clone(&app), Rc::clone(&context), head_timeout).await?);
    Ok(fn_service(move |io: TcpStream| {
        let acceptor = acceptor.clone();
        let (app, context, http1) = (Rc::clone(&app), Rc::clone(&context), Rc::clone(&http1));
        async move {
            let peer = settle(&io);
            let Some(_seat) = seat(&context, peer) else { return Ok(()) };
            let Some(io) = handshake(&acceptor, io, &context).await else { return Ok(()) };
            match io.get_ref().1.alpn_protocol() {
                Some(b"h2") => h2::serve(io, peer, app, context, head_timeout).await,
                _ => drop(http1.call((Watched::new(io, head_timeout), peer)).await),
            }
            Ok(())
        }
    }))
}

/// What answers, whatever the protocol.
async fn application(
    context: &Rc<Context>,
) -> Result<impl Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + use<>, ()>
{
    let app = App::new().app_data(Rc::clone(context)).default_service(web::to(data::dispatch));
    app.into_factory().new_service(AppConfig::default()).await.map_err(unstarted)
}

/// HTTP/1.1 over whatever carries it. What actix-http leaves off or on by default has cost an answer or a receipt each.
async fn http1<T, S>(
    app: Rc<S>,
    context: Rc<Context>,
    head_timeout: Duration,
) -> Result<impl Service<(Watched<T>, Option<SocketAddr>)>, ()>
where
    T: AsyncRead + AsyncWrite + Unpin + 'static,
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    let app = fn_factory(move || {
        let app = Rc::clone(&app);
        async move { Ok::<_, ()>(app) }
    });
    let service = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(head_timeout)
        .client_disconnect_timeout(GOODBYE)
        // `100 Continue` is for whoever would be admitted: the others learn why not before they have sent their body.
        .expect(fn_service(move |request: Request| ready(continued(&context, request))))
        // A client that half-closes has left; otherwise its leaving would go unnoticed.
        .h1_allow_half_closed(false)
        .on_connect_ext(|io: &Watched<T>, data| drop(data.insert(Rc::clone(io.vigil()))))
        .h1::<_, BoxBody>(app);
    service.new_service(()).await.map_err(unstarted)
}

fn continued(context: &Context, request: Request) -> Result<Request, Response<BoxBody>> {
    match data::expects(context, request.head()) {
        Ok(()) => Ok(request),
        Err(refusal) => {
            let response = refusal.response();
            context.parts.metrics.answered(&response);
            Err(response.into())
        }
    }
}

fn unstarted(error: impl Debug) {
    tracing::error!(?error, "a worker of the data port did not start");
}

/// Who is there, and one thing that their socket must not do.
fn settle(io: &TcpStream) -> Option<SocketAddr> {
    // A stream's first event would wait 40 ms for a delayed acknowledgement.
    let _ = io.set_nodelay(true);
    io.peer_addr().ok()
}

/// Whether this connection is borne. One that is not is closed before a byte of it is read: an answer, and under TLS the
/// handshake before it, would cost what the bound is to save.
fn seat(context: &Context, peer: Option<SocketAddr>) -> Option<Seat> {
    let seat = context.parts.admission.seat(peer);
    if seat.is_none() {
        context.parts.metrics.connection_refused();
    }
    seat
}

async fn handshake(acceptor: &TlsAcceptor, io: TcpStream, context: &Context) -> Option<Secured> {
    let agreed = async {
        // What costs is the answer to the client's first words.
        io.readable().await?;
        context.turns.take().await;
        acceptor.accept(io).await
    };
    match timeout(HANDSHAKE, agreed).await {
        Ok(Ok(io)) => Some(io),
        Ok(Err(_)) | Err(_) => {
            context.parts.metrics.handshake_failed();
            None
        }
    }
}

#[cfg(test)]
mod tests;
