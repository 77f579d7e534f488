//! Two listeners, given and not opened here: the data port and the admin listener.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::Server, web};
use rustls::ServerConfig;

use crate::{
    admin,
    context::{Context, Parts},
    data, secure,
};

/// How long a connection is kept without a request.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head, its target and headers together.
pub(crate) const MOST_HEAD: u32 = 64 << 10;

/// How the listeners are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Worker threads of the data port.
    pub workers: usize,
    /// Connections a worker accepts before it leaves new ones to others.
    pub connections: usize,
}

/// What actix-web leaves off or on by default, each seen to cost an answer or a receipt. A macro, as the
/// server's type can't be named without actix-web's inner crates.
macro_rules! configured {
    ($server:expr) => {
        $server
            // Without it a stream's first event waits 40 ms for a delayed acknowledgement.
            .tcp_nodelay(true)
            // A client that half-closes has left; otherwise its leaving would go unnoticed.
            .h1_allow_half_closed(false)
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(HEAD_TIMEOUT)
            // The program decides what a signal means.
            .disable_signals()
    };
}

/// The data port's server, under TLS if there are settings for it; it runs when awaited.
pub fn data_server(
    parts: Parts,
    listener: TcpListener,
    serving: Serving,
    tls: Option<Arc<ServerConfig>>,
) -> std::io::Result<Server> {
    if let Some(tls) = tls {
        return secure::server(parts, listener, serving, tls);
    }
    let server = HttpServer::new(move || {
        App::new().app_data(Context::new(parts.clone())).default_service(web::to(data::dispatch))
    });
    Ok(configured!(server.workers(serving.workers).max_connections(serving.connections))
        .listen(listener)?
        .run())
}

/// The admin listener's server; it runs when awaited.
pub fn admin_server(parts: Parts, listener: TcpListener) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new().app_data(Context::new(parts.clone())).default_service(web::to(admin::dispatch))
    });
    Ok(configured!(server.workers(1)).listen(listener)?.run())
}
