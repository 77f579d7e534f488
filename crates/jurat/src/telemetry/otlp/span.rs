//! The span of an exchange, by OpenTelemetry's semantic conventions for HTTP servers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jurat_proto::{End, UnixMillis};
use jurat_proxy::{ExchangeDone, TraceHeaders};
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::service::VERSION;

/// Makes spans.
#[derive(Debug)]
pub(super) struct Maker {
    ids: RandomIdGenerator,
    scope: InstrumentationScope,
}

impl Default for Maker {
    fn default() -> Self {
        let scope = InstrumentationScope::builder("jurat").with_version(VERSION).build();
        Self { ids: RandomIdGenerator::default(), scope }
    }
}

impl Maker {
    /// The span of this exchange; `None` if the client's trace is not to be recorded.
    pub(super) fn span(&self, exchange: ExchangeDone) -> Option<SpanData> {
        let parent = exchange.trace.as_deref().and_then(parent);
        if parent.as_ref().is_some_and(|parent| !parent.is_sampled()) {
            return None;
        }
        let (trace_id, parent_span_id, state) = match &parent {
            Some(parent) => (parent.trace_id(), parent.span_id(), parent.trace_state().clone()),
            None => (self.ids.new_trace_id(), SpanId::INVALID, TraceState::NONE),
        };
        let error = error(&exchange);
        let start_time = time(exchange.received_at);
        Some(SpanData {
            span_context: SpanContext::new(
                trace_id,
                self.ids.new_span_id(),
                TraceFlags::SAMPLED,
                false,
                state,
            ),
            parent_span_id,
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: format!("{} {}", exchange.method, exchange.route).into(),
            start_time,
            // The clock is the host's, and may have gone back.
            end_time: time(exchange.finished_at).max(start_time),
            attributes: attributes(&exchange, error.as_deref()),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if error.is_some() { Status::error("") } else { Status::Unset },
            instrumentation_scope: self.scope.clone(),
        })
    }
}

fn attributes(exchange: &ExchangeDone, error: Option<&str>) -> Vec<KeyValue> {
    let bytes = |length: u64| i64::try_from(length).unwrap_or(i64::MAX);
    let mut attributes = vec![
        KeyValue::new("http.request.method", exchange.method),
        KeyValue::new("http.route", exchange.route),
        KeyValue::new("http.request.body.size", bytes(exchange.request_length)),
        KeyValue::new("http.response.body.size", bytes(exchange.response_length)),
        KeyValue::new("jurat.receipt.id", exchange.id.to_string()),
        KeyValue::new("jurat.end", exchange.end.as_str()),
    ];
    if exchange.status != 0 {
        attributes.push(KeyValue::new("http.response.status_code", i64::from(exchange.status)));
    }
    if let Some(first_byte) = exchange.first_byte {
        attributes.push(KeyValue::new("jurat.time_to_first_byte", first_byte.as_secs_f64()));
    }
    if let Some(error) = error {
        attributes.push(KeyValue::new("error.type", error.to_owned()));
    }
    attributes
}

/// What went wrong on this side: how the answer ended, or the engine's status. A client that asks for the wrong thing, or
/// leaves, is no error of a server.
fn error(exchange: &ExchangeDone) -> Option<String> {
    match exchange.end {
        End::Refused | End::TimedOut | End::EngineFailed | End::EngineTruncated => {
            Some(exchange.end.as_str().to_owned())
        }
        End::Complete | End::ClientLeft => (exchange.status >= 500).then(|| exchange.status.to_string()),
    }
}

fn time(at: UnixMillis) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(at.0)).unwrap_or(UNIX_EPOCH)
}

/// The client's span, if its `traceparent` names one (W3C Trace Context, section 3.2). A `tracestate` that is not
/// well-formed is left out.
fn parent(headers: &TraceHeaders) -> Option<SpanContext> {
    let [trace, span, flags] = fields(headers.parent.trim())?;
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let state = headers.state.parse().unwrap_or_default();
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    Some(SpanContext::new(trace, span, flags, true, state)).filter(SpanContext::is_valid)
}

/// Trace id, span id and flags. The library's own parser takes fields of other lengths, and signs in front of them.
fn fields(parent: &str) -> Option<[&str; 3]> {
    let hex = |field: &str, length: usize| {
        field.len() == length && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (head, rest) = parent.split_at_checked(55)?;
    let mut fields = head.splitn(4, '-');
    let [version, trace, span, flags] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    let well_formed = hex(version, 2) && hex(trace, 32) && hex(span, 16) && hex(flags, 2);
    let known = match version {
        "ff" => false,
        "00" => rest.is_empty(),
        _ => rest.is_empty() || rest.starts_with('-'),
    };
    (well_formed && known).then_some([trace, span, flags])
}
