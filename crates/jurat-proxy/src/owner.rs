//! Whose a receipt is, where receipts are scoped to owners: the bearer of a token, known by its digest alone.

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use jurat_proto::{Digest, sha256};

/// Keeps the digest apart from any other of the same bytes.
const DOMAIN: &[u8] = b"jurat-owner-v1\0";

/// Digest of the request's bearer token (RFC 6750, section 2.1); `None` if it brings none.
pub(crate) fn of(headers: &HeaderMap) -> Option<Digest> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    let token = token.trim_ascii();
    let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty();
    is_bearer.then(|| sha256(&[DOMAIN, token].concat()))
}

#[cfg(test)]
mod tests;
