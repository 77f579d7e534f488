//! Answers of jurat's own that are errors: OpenAI-shaped, from a closed list of codes. What happened inside
//! goes to the log; the client learns what it can act on.

use std::time::Duration;

use actix_web::{
    HttpResponse,
    http::{
        ConnectionType, StatusCode,
        header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use serde_json::json;

use crate::headers;

/// Travels with an answer that is an error of ours, to be counted where it leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reason(pub(crate) &'static str);

/// Every error that jurat itself answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    RouteUnknown,
    UriTooLong,
    HeadersTooLarge,
    TokenRequired,
    TokenInvalid,
    RateLimited(Duration),
    BodyTooLarge,
    BodyIncomplete,
    BodyTimeout,
    BodyUnreadable,
    RequestIdRefused,
    RemoteMediaRefused,
    Overloaded,
    StoreUnavailable,
    Draining,
    EngineUnreachable,
    EngineInvalid,
    EngineTimeout,
    ReceiptUnknown,
    ReceiptExpired,
    InvalidSigningAlgo,
    InvalidNonce,
    InvalidBinding,
    BindingConflict,
    TlsOff,
    NoTlsKey,
    CsrElsewhere,
    CsrFailed,
    InvalidName,
    SignerUnknown,
    InvalidClaimsHash,
    InvalidChain,
    ChainUnknown,
    InvalidPage,
    ReportBusy(Duration),
    ReportUnavailable,
}

impl Refusal {
    /// Status, `type`, `code`, `message`.
    fn parts(self) -> (StatusCode, &'static str, &'static str, &'static str) {
        use StatusCode as S;
        let (invalid, server) = ("invalid_request_error", "server_error");
        match self {
            Self::RouteUnknown => {
                (S::NOT_FOUND, invalid, "route_unknown", "No such route, or not with this method")
            }
            Self::UriTooLong => {
                (S::URI_TOO_LONG, invalid, "uri_too_long", "The request's target is too long")
            }
            Self::HeadersTooLarge => (
                S::REQUEST_HEADER_FIELDS_TOO_LARGE,
                invalid,
                "headers_too_large",
                "The request's headers are too large",
            ),
            Self::TokenRequired => {
                (S::UNAUTHORIZED, "authentication_error", "token_required", "A bearer token is needed here")
            }
            Self::TokenInvalid => (
                S::UNAUTHORIZED,
                "authentication_error",
                "token_invalid",
                "The bearer token is unknown here, or has expired",
            ),
            Self::RateLimited(_) => {
                (S::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limited", "Too many requests; wait a little")
            }
            Self::BodyTooLarge => {
                (S::PAYLOAD_TOO_LARGE, invalid, "body_too_large", "The request body is too large")
            }
            Self::BodyIncomplete => {
                (S::BAD_REQUEST, invalid, "body_incomplete", "The request body broke off")
            }
            Self::BodyTimeout => {
                (S::REQUEST_TIMEOUT, invalid, "body_timeout", "The request body did not come in time")
            }
            Self::BodyUnreadable => (
                S::BAD_REQUEST,
                invalid,
                "body_unreadable",
                "The request body must be a JSON object in UTF-8",
            ),
            Self::RequestIdRefused => {
                (S::BAD_REQUEST, invalid, "request_id_refused", "A `request_id` is not taken here")
            }
            Self::RemoteMediaRefused => (
                S::BAD_REQUEST,
                invalid,
                "remote_media_refused",
                "Nothing is fetched from elsewhere here: send media as `data:` URLs",
            ),
            Self::Overloaded => (
                S::TOO_MANY_REQUESTS,
                "rate_limit_error",
                "overloaded",
                "Too many requests are under way; try again",
            ),
            Self::StoreUnavailable => (
                S::SERVICE_UNAVAILABLE,
                server,
                "store_unavailable",
                "No receipt could be kept for an answer; try again",
            ),
            Self::Draining => {
                (S::SERVICE_UNAVAILABLE, server, "draining", "The service is going; try another")
            }
            Self::EngineUnreachable => {
                (S::BAD_GATEWAY, server, "engine_unreachable", "The engine could not be reached")
            }
            Self::EngineInvalid => {
                (S::BAD_GATEWAY, server, "engine_invalid", "The engine gave no valid answer")
            }
            Self::EngineTimeout => {
                (S::GATEWAY_TIMEOUT, server, "engine_timeout", "The engine gave no answer in time")
            }
            Self::ReceiptUnknown => {
                (S::NOT_FOUND, "chat_id_not_found", "receipt_unknown", "Chat id not found or expired")
            }
            Self::ReceiptExpired => {
                (S::NOT_FOUND, "chat_id_not_found", "receipt_expired", "Chat id not found or expired")
            }
            Self::InvalidSigningAlgo => (
                S::BAD_REQUEST,
                invalid,
                "invalid_signing_algo",
                "Invalid signing algorithm. Must be 'ed25519' or 'ecdsa'",
            ),
            Self::InvalidNonce => {
                (S::BAD_REQUEST, invalid, "invalid_nonce", "The nonce must be 32 bytes in hexadecimal")
            }
            Self::InvalidBinding => (
                S::BAD_REQUEST,
                invalid,
                "invalid_binding",
                "Unknown binding; known are jurat-v1, dstack-v1 and dstack-v2",
            ),
            Self::BindingConflict => {
                (S::BAD_REQUEST, invalid, "binding_conflict", "The query asks for two different bindings")
            }
            Self::TlsOff => (
                S::CONFLICT,
                invalid,
                "tls_off",
                "This binding commits to a TLS key, and TLS does not end inside this enclave",
            ),
            Self::NoTlsKey => (S::CONFLICT, invalid, "tls_off", "TLS does not end inside this enclave"),
            Self::CsrElsewhere => (
                S::CONFLICT,
                invalid,
                "csr_elsewhere",
                "The TLS key is from a file: make the request where that is",
            ),
            Self::CsrFailed => {
                (S::INTERNAL_SERVER_ERROR, server, "csr_failed", "The request could not be made")
            }
            Self::InvalidName => (
                S::BAD_REQUEST,
                invalid,
                "invalid_name",
                "`name` must be a host's name or address, or several between commas",
            ),
            Self::SignerUnknown => {
                (S::NOT_FOUND, invalid, "signer_unknown", "No report of this signing address is kept here")
            }
            Self::InvalidClaimsHash => (
                S::BAD_REQUEST,
                invalid,
                "invalid_claims_hash",
                "The claims hash must be 32 bytes in hexadecimal",
            ),
            Self::InvalidChain => {
                (S::BAD_REQUEST, invalid, "invalid_chain", "The chain must be 32 bytes in hexadecimal")
            }
            Self::ChainUnknown => (S::NOT_FOUND, invalid, "chain_unknown", "Nothing is kept of this chain"),
            Self::InvalidPage => (
                S::BAD_REQUEST,
                invalid,
                "invalid_page",
                "`after` and `limit` must be numbers, `limit` from 1 to 10000",
            ),
            Self::ReportBusy(_) => {
                (S::SERVICE_UNAVAILABLE, server, "report_busy", "Too many reports are being made; try again")
            }
            Self::ReportUnavailable => {
                (S::SERVICE_UNAVAILABLE, server, "report_unavailable", "The hardware gave no evidence")
            }
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        self.parts().0
    }

    /// The body, as bytes.
    pub(crate) fn body(self) -> String {
        let (_, kind, code, message) = self.parts();
        json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }).to_string()
    }

    /// Seconds after which trying again makes sense.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::Overloaded | Self::StoreUnavailable | Self::Draining => Some(1),
            Self::ReportBusy(after) => Some(after.as_secs().max(1)),
            // Rounded up: who waits as told is let in.
            Self::RateLimited(after) => {
                Some(after.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX))
            }
            _ => None,
        }
    }

    pub(crate) fn response(self) -> HttpResponse {
        let mut response = headers::json(self.status(), self.body());
        if self == Self::Draining {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Reason(self.parts().2));
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
