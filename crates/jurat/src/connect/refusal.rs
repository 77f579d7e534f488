//! Answers of the proxy's own: OpenAI-shaped, so that any SDK raises what it raises for a service's errors.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue, RETRY_AFTER},
    },
    web::Bytes,
};
use jurat_witness::Family;
use serde_json::{Value, json};

use crate::answer::Ruling;

/// The verdict on an answer, where its head can know it.
pub(super) const VERDICT: HeaderName = HeaderName::from_static("x-jurat-verdict");
/// Official SDKs try again by themselves upon a 5xx, unless this says no.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Why a request got no answer of the service's.
#[derive(Debug)]
pub(super) enum Refusal {
    RouteUnknown,
    NonceInvalid,
    BodyIncomplete,
    Draining,
    VerdictUnknown,
    /// The service is not trusted: nothing is sent to it.
    Untrusted(String),
    /// It cannot be reached over the channel that was verified.
    Unreachable(String),
    /// It answered with an error that it does not swear to: its status, and what it says.
    Unsworn {
        status: u16,
        said: String,
        retry_after: Option<Vec<u8>>,
    },
    /// Its answer was judged, and is withheld.
    Refused(Box<Ruling>),
}

impl From<Ruling> for Refusal {
    fn from(ruling: Ruling) -> Self {
        Self::Refused(Box::new(ruling))
    }
}

impl Refusal {
    pub(super) fn response(&self) -> HttpResponse {
        let (status, kind, code, message) = self.parts();
        let mut response = HttpResponse::build(status)
            .content_type("application/json")
            .body(error(kind, code, &message).to_string());
        let headers = response.headers_mut();
        let word = match self {
            Self::Refused(ruling) => ruling.outcome.to_string(),
            _ => "unsworn".into(),
        };
        if let Ok(word) = HeaderValue::from_str(&word) {
            headers.insert(VERDICT, word);
        }
        match self {
            // The same request would cost the same again, and prove no more.
            Self::Refused(_) | Self::NonceInvalid | Self::RouteUnknown => {
                headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
            Self::Untrusted(_) | Self::Draining => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            Self::Unsworn { retry_after: Some(value), .. } => {
                if let Ok(value) = HeaderValue::from_bytes(value) {
                    headers.insert(RETRY_AFTER, value);
                }
            }
            _ => {}
        }
        response
    }

    fn parts(&self) -> (StatusCode, &'static str, &'static str, String) {
        use StatusCode as S;
        let invalid = "invalid_request_error";
        match self {
            Self::RouteUnknown => (
                S::NOT_FOUND,
                invalid,
                "route_unknown",
                "jurat connect relays no such route, or not with this method".into(),
            ),
            Self::NonceInvalid => (
                S::BAD_REQUEST,
                invalid,
                "invalid_nonce",
                "X-Receipt-Nonce must be 32 bytes in hexadecimal".into(),
            ),
            Self::BodyIncomplete => {
                (S::BAD_REQUEST, invalid, "body_incomplete", "the request body broke off".into())
            }
            Self::Draining => {
                (S::SERVICE_UNAVAILABLE, "server_error", "draining", "jurat connect is going".into())
            }
            Self::VerdictUnknown => {
                (S::NOT_FOUND, invalid, "verdict_unknown", "no verdict is remembered under this id".into())
            }
            Self::Untrusted(why) => (
                S::SERVICE_UNAVAILABLE,
                "service_untrusted",
                "service_untrusted",
                format!("the service is not trusted, so nothing is sent to it: {why}"),
            ),
            Self::Unreachable(why) => (
                S::BAD_GATEWAY,
                "server_error",
                "service_unreachable",
                format!("the service cannot be reached: {why}"),
            ),
            Self::Unsworn { status, said, .. } => (
                S::from_u16(*status).unwrap_or(S::BAD_GATEWAY),
                "unsworn_error",
                "unsworn_error",
                format!("the service answered {status} without a receipt, so nobody swears to this: {said}"),
            ),
            Self::Refused(ruling) => {
                (S::BAD_GATEWAY, "answer_refused", ruling.code, format!("{}: {}", ruling.code, ruling.reason))
            }
        }
    }
}

fn error(kind: &str, code: &str, message: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}

/// The event that ends a stream whose answer is refused, in the form in which its protocol's clients raise.
pub(super) fn event(family: Family, ruling: &Ruling) -> Bytes {
    let message = format!("{}: {}", ruling.code, ruling.reason);
    let mut data = error("answer_refused", ruling.code, &message);
    match family {
        Family::Chat | Family::Plain => format!("data: {data}\n\n"),
        Family::Responses | Family::Messages => {
            data["type"] = "error".into();
            data["code"] = ruling.code.into();
            data["message"] = message.into();
            format!("event: error\ndata: {data}\n\n")
        }
    }
    .into()
}

#[cfg(test)]
mod tests;
