//! The data port under TLS: HTTP/1.1 by actix-http, HTTP/2 by a dispatcher of our own, one application behind both.
//!
//! actix-http's own dispatcher of HTTP/2 does not look whether a client has left while the engine is silent, lets a
//! connection open as many streams as it likes, and lets handlers outlive their connection; see `docs/decisions/0010-tls.md`.

mod h2;
mod settings;

use std::{
    convert::Infallible,
    fmt::Debug,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_http::HttpService;
use actix_server::Server;
use actix_service::{IntoServiceFactory, Service, ServiceFactory, fn_factory, fn_service};
use actix_web::{App, body::BoxBody, dev::AppConfig, rt::net::TcpStream, web};
use rustls::ServerConfig;
pub use settings::tls_settings;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{
    context::{Context, Parts},
    data,
    metrics::Metrics,
    server::{HEAD_TIMEOUT, KEEP_ALIVE, Serving},
};

/// How long a client may take to agree on keys.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a client may take to say goodbye; actix-web's own default on a plain port.
const GOODBYE: Duration = Duration::from_secs(1);

/// A connection, as the protocols above TLS meet it.
type Secured = TlsStream<TcpStream>;

/// The data port's server under TLS; it runs when awaited.
pub(crate) fn server(
    parts: Parts,
    listener: TcpListener,
    serving: Serving,
    tls: Arc<ServerConfig>,
) -> std::io::Result<Server> {
    let service = move || {
        let (parts, acceptor) = (parts.clone(), TlsAcceptor::from(Arc::clone(&tls)));
        fn_factory(move || worker(parts.clone(), acceptor.clone()))
    };
    let server = Server::build()
        .workers(serving.workers)
        .max_concurrent_connections(serving.connections)
        .disable_signals()
        .listen("jurat", listener, service)?;
    Ok(server.run())
}

/// What one worker does with each connection.
async fn worker(
    parts: Parts,
    acceptor: TlsAcceptor,
) -> Result<impl Service<TcpStream, Response = (), Error = Infallible>, ()> {
    let metrics = Arc::clone(&parts.metrics);
    let context = Context::new(parts);
    let app = App::new().app_data(Rc::clone(&context)).default_service(web::to(data::dispatch));
    let app = app.into_factory().new_service(AppConfig::default()).await.map_err(unstarted)?;
    let app = Rc::new(app);
    let shared = Rc::clone(&app);
    let http1 = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(GOODBYE)
        .h1_allow_half_closed(false)
        .h1::<_, BoxBody>(fn_factory(move || {
            let shared = Rc::clone(&shared);
            async move { Ok::<_, ()>(shared) }
        }));
    let http1 = Rc::new(http1.new_service(()).await.map_err(unstarted)?);
    Ok(fn_service(move |io: TcpStream| {
        let (acceptor, metrics) = (acceptor.clone(), Arc::clone(&metrics));
        let (app, context, http1) = (Rc::clone(&app), Rc::clone(&context), Rc::clone(&http1));
        async move {
            let Some((io, peer)) = handshake(&acceptor, io, &metrics).await else { return Ok(()) };
            match io.get_ref().1.alpn_protocol() {
                Some(b"h2") => h2::serve(io, peer, app, context).await,
                // How a connection ended is its exchanges' business, and they have said so.
                _ => drop(http1.call((io, peer)).await),
            }
            Ok(())
        }
    }))
}

fn unstarted(error: impl Debug) {
    tracing::error!(?error, "a worker of the data port did not start");
}

async fn handshake(
    acceptor: &TlsAcceptor,
    io: TcpStream,
    metrics: &Metrics,
) -> Option<(Secured, Option<SocketAddr>)> {
    let peer = io.peer_addr().ok();
    // Without it a stream's first event waits 40 ms for a delayed acknowledgement.
    let _ = io.set_nodelay(true);
    match timeout(HANDSHAKE, acceptor.accept(io)).await {
        Ok(Ok(io)) => Some((io, peer)),
        Ok(Err(_)) | Err(_) => {
            metrics.handshake_failed();
            None
        }
    }
}
