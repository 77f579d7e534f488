//! Two listeners, given and not opened here: the data port and the admin listener.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{App, HttpServer, dev::Server, web};
use rustls::ServerConfig;

use crate::{
    admin,
    context::{Context, Parts},
    port,
};

/// How long a connection is kept without a request.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long a request's head may take on the admin listener.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request's head, its target and headers together.
pub(crate) const MOST_HEAD: u32 = 64 << 10;

/// How the listeners are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serving {
    /// Worker threads of the data port.
    pub workers: usize,
    /// Connections a worker accepts before it leaves new ones to others.
    pub connections: usize,
    /// How long a request's head may take.
    pub head_timeout: Duration,
}

/// The data port's server, under TLS if there are settings for it; it runs when awaited.
pub fn data_server(
    parts: Parts,
    listener: TcpListener,
    serving: Serving,
    tls: Option<Arc<ServerConfig>>,
) -> std::io::Result<Server> {
    port::server(parts, listener, serving, tls)
}

/// The admin listener's server; it runs when awaited. Never under TLS: it listens on loopback, or in a network of the
/// operator's own.
pub fn admin_server(parts: Parts, listener: TcpListener) -> std::io::Result<Server> {
    let server = HttpServer::new(move || {
        App::new().app_data(Context::new(parts.clone())).default_service(web::to(admin::dispatch))
    });
    let server = server
        .workers(1)
        .tcp_nodelay(true)
        .h1_allow_half_closed(false)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        // The program decides what a signal means.
        .disable_signals();
    Ok(server.listen(listener)?.run())
}
