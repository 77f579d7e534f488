//! Whose a receipt is, where receipts are scoped to owners: the bearer of a token, known by its digest alone.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use jurat_proto::{Digest, sha256};

/// Keeps the digest apart from any other of the same bytes.
const DOMAIN: &[u8] = b"jurat-owner-v1\0";
/// Where clients of `/v1/messages` put it.
pub(crate) const API_KEY: &str = "x-api-key";

/// Digest of the request's bearer token (RFC 6750, section 2.1), or of its `x-api-key`, as clients of `/v1/messages` name
/// it; `None` if it brings neither.
pub(crate) fn of(headers: &HeaderMap) -> Option<Digest> {
    presented(headers).map(|token| sha256(&[DOMAIN, token].concat()))
}

/// The token that a request brings.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&[u8]> {
    let token = bearer(headers).or_else(|| headers.get(API_KEY).map(HeaderValue::as_bytes))?;
    (!token.is_empty()).then_some(token)
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests;
