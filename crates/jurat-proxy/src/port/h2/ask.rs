//! A request from its stream, in the terms of HTTP/1.1 where the relay goes by them.

use std::net::SocketAddr;

use actix_http::{Payload, Request};
use actix_web::http::header::{COOKIE, HOST, HeaderMap, HeaderValue};
use h2::RecvStream;
use http::uri::Authority;

/// The request as the application takes it.
pub(super) fn request(request: http::Request<RecvStream>, peer: Option<SocketAddr>) -> Request {
    let (parts, body) = request.into_parts();
    let mut request = Request::with_payload(Payload::from(body));
    let head = request.head_mut();
    let mut headers = HeaderMap::from(parts.headers);
    // RFC 9113 section 8.3.1: whoever goes on in HTTP/1.1 makes Host of the authority, whatever else was sent.
    if let Some(host) = parts.uri.authority().and_then(host) {
        headers.insert(HOST, host);
    }
    join_cookies(&mut headers);
    head.headers = headers;
    head.uri = parts.uri;
    head.method = parts.method;
    head.version = parts.version;
    head.peer_addr = peer;
    request
}

/// Host and port; a user's name before them is nobody's business behind this one.
fn host(authority: &Authority) -> Option<HeaderValue> {
    let host = match authority.port() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    HeaderValue::try_from(host).ok()
}

/// RFC 9113 section 8.2.3: what was split for the sake of compression is one header again.
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs: Vec<_> = headers.get_all(COOKIE).map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}
