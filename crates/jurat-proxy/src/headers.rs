//! Which headers pass, both ways (`docs/spec/wire.md` section 1).

use actix_web::{
    HttpResponse,
    body::MessageBody,
    http::{
        Method, StatusCode,
        header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    },
};
use bytes::BytesMut;
use jurat_proto::{Digest, ReceiptId};

use crate::{
    admission::Credentials,
    engine::{EngineAddress, ResponseHead},
    hop::EndToEnd,
    owner,
};

/// Never passed on: replaced by ours, or an offer to be believed that is declined.
static NOT_FORWARDED: [&str; 5] =
    ["x-request-id", "x-request-hash", "accept-encoding", "content-length", "expect"];

/// Where a token is looked for; of no use to the engine once the door has taken one.
static CREDENTIALS: [&str; 2] = ["authorization", owner::API_KEY];

/// The client's challenge, sworn into the receipt.
pub(crate) const RECEIPT_NONCE: &str = "x-receipt-nonce";
static ALLOW_HEADERS: &str = "Authorization, Content-Type, X-Receipt-Nonce, *";
static EXPOSE_HEADERS: &str = "ZG-Res-Key, X-Receipt-Id";

/// What is asked of the engine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: Option<&'a str>,
}

/// How the request's body goes to the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestFraming {
    None,
    Length(u64),
    Chunked,
}

/// A request's head for the engine, as bytes, with room for `body` more behind it.
pub(crate) fn request_head(
    target: Target<'_>,
    headers: &HeaderMap,
    credentials: Credentials,
    framing: RequestFraming,
    request_id: Option<&ReceiptId>,
    address: &EngineAddress,
    body: usize,
) -> BytesMut {
    let mut head = BytesMut::with_capacity(1024 + body);
    let mut line = |parts: &[&[u8]]| {
        parts.iter().for_each(|part| head.extend_from_slice(part));
        head.extend_from_slice(b"\r\n");
    };
    let (mark, query) = target.query.map_or(("", ""), |query| ("?", query));
    let [method, path, mark, query] = [target.method.as_str(), target.path, mark, query].map(str::as_bytes);
    line(&[method, b" ", path, mark, query, b" HTTP/1.1"]);
    if !headers.contains_key("host") {
        line(&[b"host: ", address.authority().as_bytes()]);
    }
    let end_to_end = end_to_end(headers);
    for (name, value) in headers {
        let consumed = credentials == Credentials::Consumed && CREDENTIALS.contains(&name.as_str());
        if end_to_end.passes(name.as_str()) && !NOT_FORWARDED.contains(&name.as_str()) && !consumed {
            line(&[name.as_str().as_bytes(), b": ", value.as_bytes()]);
        }
    }
    line(&[b"accept-encoding: identity"]);
    if let Some(id) = request_id {
        line(&[b"x-request-id: ", id.to_string().as_bytes()]);
    }
    match framing {
        RequestFraming::None => {}
        RequestFraming::Length(length) => line(&[b"content-length: ", length.to_string().as_bytes()]),
        RequestFraming::Chunked => line(&[b"transfer-encoding: chunked"]),
    }
    line(&[]);
    head
}

/// The engine's headers that the client gets. The body's length is set by whoever writes the body.
pub(crate) fn response_headers(head: &ResponseHead) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let end_to_end = end_to_end(&head.headers);
    head.headers.iter().filter(move |(name, _)| {
        end_to_end.passes(name.as_str())
            && *name != "content-length"
            && !name.as_str().starts_with("access-control-")
    })
}

/// Headers on every answer of the data port.
pub(crate) fn cors(headers: &mut HeaderMap) {
    headers.insert(HeaderName::from_static("access-control-allow-origin"), HeaderValue::from_static("*"));
    headers.insert(
        HeaderName::from_static("access-control-expose-headers"),
        HeaderValue::from_static(EXPOSE_HEADERS),
    );
}

/// An answer of jurat's own, JSON already written.
pub(crate) fn json(status: StatusCode, body: impl MessageBody + 'static) -> HttpResponse {
    let mut response = HttpResponse::build(status).body(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    cors(response.headers_mut());
    response
}

/// Headers of the answer to a preflight (Fetch standard, section 3.2).
pub(crate) fn preflight(headers: &mut HeaderMap) {
    cors(headers);
    headers.insert(
        HeaderName::from_static("access-control-allow-methods"),
        HeaderValue::from_static("GET, POST, OPTIONS"),
    );
    // The wildcard does not cover `Authorization`: it must be named.
    headers.insert(
        HeaderName::from_static("access-control-allow-headers"),
        HeaderValue::from_static(ALLOW_HEADERS),
    );
    headers.insert(HeaderName::from_static("access-control-max-age"), HeaderValue::from_static("86400"));
}

/// The name under which the answer's receipt can be fetched; 0G's clients look for the second header first.
pub(crate) fn receipt_id(headers: &mut HeaderMap, id: &ReceiptId) {
    // invariant: hexadecimal digits are a header value
    #[allow(clippy::expect_used)]
    let value = HeaderValue::from_str(&id.to_string()).expect("hexadecimal digits");
    headers.insert(HeaderName::from_static("x-receipt-id"), value.clone());
    headers.insert(HeaderName::from_static("zg-res-key"), value);
}

/// The client's nonce, zero if it sent none that is one.
pub(crate) fn client_nonce(headers: &HeaderMap) -> Digest {
    let text = headers.get(RECEIPT_NONCE).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(Digest::ZERO)
}

fn end_to_end(headers: &HeaderMap) -> EndToEnd {
    EndToEnd::of(headers.get_all("connection").map(HeaderValue::as_bytes))
}
