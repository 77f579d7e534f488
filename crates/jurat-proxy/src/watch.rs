//! What whoever watches is told of exchanges: figures, and names from closed lists. Nothing of what was asked or answered,
//! and of the client nothing but the two headers by which it says which trace it is in.

use std::{fmt, time::Duration};

use actix_web::http::{
    Method,
    header::{HeaderMap, HeaderName},
};
use jurat_proto::{End, ReceiptId, UnixMillis};
use jurat_witness::Statement;
use tokio::time::Instant;

use crate::{context::Context, routes};

/// Version 0 has 55 bytes; later ones may have more, and begin alike (W3C Trace Context, section 3.2.4).
const MOST_OF_PARENT: usize = 128;
/// As much as everybody has to pass on (W3C Trace Context, section 3.3.1.5).
const MOST_OF_STATE: usize = 512;

/// A sworn exchange that is over: what a span is made of.
#[derive(Debug, Clone)]
pub struct ExchangeDone {
    /// Its receipt's. The receipt may not be stored yet, or ever.
    pub id: ReceiptId,
    /// The request's method.
    pub method: &'static str,
    /// The path at the engine as the table of routes has it: never an id.
    pub route: &'static str,
    /// HTTP status as sent; 0 if the client left before there was one.
    pub status: u16,
    /// How it ended.
    pub end: End,
    /// Bytes of the request's body, as far as it came.
    pub request_length: u64,
    /// Bytes of the answer's body, those that the receipt releases included.
    pub response_length: u64,
    /// When the request's head was there.
    pub received_at: UnixMillis,
    /// When it was over, as the receipt says.
    pub finished_at: UnixMillis,
    /// From the request's head to the first byte of the engine's body; `None` if there was none.
    pub first_byte: Option<Duration>,
    /// The trace that the client says it is in, if it says so.
    pub trace: Option<Box<TraceHeaders>>,
}

/// The client's `traceparent` and `tracestate`, bounded and otherwise as they came: nobody has looked whether they are
/// well-formed.
#[derive(Clone, PartialEq, Eq)]
pub struct TraceHeaders {
    /// `traceparent`, at most 128 bytes.
    pub parent: String,
    /// `tracestate`, several joined by commas, at most 512 bytes; empty if there is none, or a longer one.
    pub state: String,
}

/// Values of headers are for nobody's log.
impl fmt::Debug for TraceHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TraceHeaders(..)")
    }
}

impl TraceHeaders {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all("traceparent");
        // Of two parents neither is believed.
        let (Some(parent), None) = (parents.next(), parents.next()) else { return None };
        let parent = parent.to_str().ok().filter(|parent| parent.len() <= MOST_OF_PARENT)?;
        Some(Self { parent: parent.to_owned(), state: joined(headers, "tracestate").unwrap_or_default() })
    }
}

fn joined(headers: &HeaderMap, name: &'static str) -> Option<String> {
    let mut all = String::new();
    for value in headers.get_all(HeaderName::from_static(name)) {
        let value = value.to_str().ok()?;
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(value);
        if all.len() > MOST_OF_STATE {
            return None;
        }
    }
    Some(all)
}

/// Whoever wants to know of every sworn exchange that is over.
pub trait Watcher: Send + Sync {
    /// Is told on a worker of the data port, while the answer's end waits: it must not wait itself.
    fn over(&self, exchange: ExchangeDone);
}

/// What is noted of an exchange under way. If nobody watches it is a null pointer.
#[derive(Debug, Default)]
pub(crate) struct Notes(Option<Box<Noted>>);

#[derive(Debug)]
struct Noted {
    began: Instant,
    method: &'static str,
    route: &'static str,
    first_byte: Option<Duration>,
    trace: Option<Box<TraceHeaders>>,
}

impl Notes {
    /// Begins with the request's head. `path` is the route's.
    pub(crate) fn begin(context: &Context, method: &Method, path: &str, headers: &HeaderMap) -> Self {
        if context.parts.watcher.is_none() {
            return Self(None);
        }
        let noted = routes::names(method, path).map(|(method, route)| {
            let trace = TraceHeaders::of(headers).map(Box::new);
            Box::new(Noted { began: Instant::now(), method, route, first_byte: None, trace })
        });
        Self(noted)
    }

    /// Bytes of the answer's body came, not necessarily the first.
    pub(crate) fn heard(&mut self, at: Instant) {
        if let Self(Some(noted)) = self {
            noted.first_byte.get_or_insert_with(|| at.duration_since(noted.began));
        }
    }

    pub(crate) fn over(self, statement: &Statement, id: ReceiptId) -> Option<ExchangeDone> {
        let Noted { began: _, method, route, first_byte, trace } = *self.0?;
        Some(ExchangeDone {
            id,
            method,
            route,
            status: statement.status(),
            end: statement.end(),
            request_length: statement.request_length(),
            response_length: statement.response_length(),
            received_at: statement.received_at(),
            finished_at: statement.finished_at(),
            first_byte,
            trace,
        })
    }
}

#[cfg(test)]
mod tests;
