//! Headers on their way: the server speaks one generation of HTTP's types, the client another, and only this file
//! sees both.

use actix_web::{
    HttpResponseBuilder,
    http::header::{HeaderMap, HeaderName, HeaderValue},
};
use jurat_proto::Nonce;
use jurat_proxy::EndToEnd;
use reqwest::header as onward;

use super::refusal::VERDICT;

/// The challenge that a request's receipt must answer.
const NONCE: &str = "x-receipt-nonce";
/// The client's word on these is not passed on: the address is another, the body's length is set by whoever writes it,
/// and what is compressed on the way is not what was sworn to.
const NOT_FORWARDED: [&str; 5] = ["host", "content-length", "accept-encoding", "expect", NONCE];
/// By these a service knows whose a receipt is.
const CREDENTIALS: [&str; 2] = ["authorization", "x-api-key"];

/// The client's own challenge, if it sent one.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Result<Nonce, ()>> {
    let value = headers.get(NONCE)?;
    Some(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or(()))
}

/// What the service gets.
pub(super) fn request(headers: &HeaderMap, nonce: &Nonce) -> onward::HeaderMap {
    let end_to_end = EndToEnd::of(headers.get_all("connection").map(HeaderValue::as_bytes));
    let mut out = onward::HeaderMap::new();
    for (name, value) in headers {
        if end_to_end.passes(name.as_str()) && !NOT_FORWARDED.contains(&name.as_str()) {
            append(&mut out, name, value);
        }
    }
    out.insert(onward::ACCEPT_ENCODING, onward::HeaderValue::from_static("identity"));
    if let Ok(value) = onward::HeaderValue::from_str(&nonce.to_string()) {
        out.insert(onward::HeaderName::from_static(NONCE), value);
    }
    out
}

/// What says to the service who asks.
pub(super) fn credentials(headers: &HeaderMap) -> onward::HeaderMap {
    let mut out = onward::HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| CREDENTIALS.contains(&name.as_str())) {
        append(&mut out, name, value);
    }
    out.values_mut().for_each(|value| value.set_sensitive(true));
    out
}

/// What the client gets: the service's headers, and our word on the answer in place of anybody else's. That pages of any
/// origin may read it is the service's to say of itself, not of a listener on the user's own machine.
pub(super) fn answer(headers: &onward::HeaderMap, verdict: &'static str, builder: &mut HttpResponseBuilder) {
    let connection = headers.get_all("connection");
    let end_to_end = EndToEnd::of(connection.iter().map(onward::HeaderValue::as_bytes));
    for (name, value) in headers {
        let (name, value) = (name.as_str(), value.as_bytes());
        let ours =
            name == "content-length" || name == VERDICT.as_str() || name.starts_with("access-control-");
        if ours || !end_to_end.passes(name) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value)) {
            builder.append_header((name, value));
        }
    }
    builder.insert_header((VERDICT, HeaderValue::from_static(verdict)));
}

fn append(out: &mut onward::HeaderMap, name: &HeaderName, value: &HeaderValue) {
    let name = onward::HeaderName::from_bytes(name.as_str().as_bytes());
    if let (Ok(name), Ok(value)) = (name, onward::HeaderValue::from_bytes(value.as_bytes())) {
        out.append(name, value);
    }
}

#[cfg(test)]
mod tests;
