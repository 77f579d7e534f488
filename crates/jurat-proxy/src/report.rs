//! `GET /attestation/report`: the evidence that the signing key lives in the hardware.

use std::{cell::RefCell, sync::Arc};

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue},
    },
};
use bytes::Bytes;
use jurat_proto::{Address, Binding, Nonce, Report, ReportBody};
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::{
    context::{Context, ReportRefusal},
    error::Refusal,
    headers,
    query::Query,
};

/// Where a report was asked for, which decides its default binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// `/attestation/report`.
    Bare,
    /// `/v1/attestation/report`, which clients in the field know.
    V1,
}

/// What a report request asks for.
#[derive(Debug, PartialEq, Eq)]
struct Ask {
    binding: Binding,
    nonce: Option<Nonce>,
    event_log: EventLogForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventLogForm {
    Text,
    Array,
}

/// The shared reports as they were last written: who asks without a nonce gets the same bytes until a report is
/// renewed or a second older.
#[derive(Default)]
pub(crate) struct WrittenReports(RefCell<Vec<Written>>);

struct Written {
    /// Held, so that a report that is altered becomes another one and is not taken for this.
    body: Arc<ReportBody>,
    form: EventLogForm,
    json: Bytes,
}

impl WrittenReports {
    /// The report as JSON, written anew only if it is not the one that was written last.
    fn json(&self, body: Arc<ReportBody>, form: EventLogForm) -> Result<Bytes, Refusal> {
        let mut written = self.0.borrow_mut();
        if let Some(same) = written.iter().find(|one| one.form == form && Arc::ptr_eq(&one.body, &body)) {
            return Ok(same.json.clone());
        }
        let json = Bytes::from(render(&body, form)?);
        written.retain(|one| one.form != form || one.body.binding != body.binding);
        written.push(Written { body, form, json: json.clone() });
        Ok(json)
    }
}

/// Serves a report.
pub(crate) async fn serve(context: &Context, path: Path, query: &Query<'_>) -> HttpResponse {
    let ask = match parse(path, query, &context.parts.appender.address()) {
        Ok(ask) => ask,
        Err(refusal) => return refusal.response(),
    };
    let json = fetch(context, ask.binding, ask.nonce).await.and_then(|body| match ask.nonce {
        Some(_) => render(&body, ask.event_log).map(Bytes::from),
        None => context.written_reports.json(body, ask.event_log),
    });
    match json {
        Ok(json) => {
            context.parts.metrics.report("made");
            let mut response = headers::json(StatusCode::OK, json);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(refusal) => {
            context.parts.metrics.report("refused");
            refusal.response()
        }
    }
}

fn parse(path: Path, query: &Query<'_>, signer: &Address) -> Result<Ask, Refusal> {
    if query.has_wrong_algorithm() {
        return Err(Refusal::InvalidSigningAlgo);
    }
    // A past signer's report would come from the archive; there is none before the durable store.
    if let Some(address) = query.value("signing_address")
        && address.parse::<Address>() != Ok(*signer)
    {
        return Err(Refusal::SignerUnknown);
    }
    let nonce =
        query.value("nonce").map(|nonce| nonce.parse()).transpose().map_err(|_| Refusal::InvalidNonce)?;
    let event_log = match query.value("event_log_format").as_deref() {
        Some("array") => EventLogForm::Array,
        _ => EventLogForm::Text,
    };
    Ok(Ask { binding: binding(path, query)?, nonce, event_log })
}

/// `binding=` beats `version=` and `include_tls_fingerprint=`, which beat the path; none may contradict another.
fn binding(path: Path, query: &Query<'_>) -> Result<Binding, Refusal> {
    let named =
        query.value("binding").map(|name| name.parse()).transpose().map_err(|_| Refusal::InvalidBinding)?;
    let version = match query.value("version").as_deref() {
        Some("1") => Some(Binding::DstackV1),
        Some("2") => Some(Binding::DstackV2),
        _ => None,
    };
    let fingerprint = match query.value("include_tls_fingerprint").as_deref() {
        Some("true" | "1") => Some(Binding::DstackV2),
        _ => None,
    };
    let mut asked = [named, version, fingerprint].into_iter().flatten();
    let Some(first) = asked.next() else {
        return Ok(match path {
            Path::Bare => Binding::JuratV1,
            Path::V1 => Binding::DstackV1,
        });
    };
    if asked.all(|other| other == first) { Ok(first) } else { Err(Refusal::BindingConflict) }
}

async fn fetch(
    context: &Context,
    binding: Binding,
    nonce: Option<Nonce>,
) -> Result<Arc<ReportBody>, Refusal> {
    let (send, receive) = oneshot::channel();
    let reply = Box::new(move |result| {
        // Whoever asked may be gone; the evidence was made all the same and never cancelled half-way.
        let _ = send.send(result);
    });
    context.parts.reporter.request(binding, nonce, reply);
    match receive.await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(ReportRefusal::TlsOff)) => Err(Refusal::TlsOff),
        Ok(Err(ReportRefusal::Busy { retry_after })) => Err(Refusal::ReportBusy(retry_after)),
        Ok(Err(ReportRefusal::Unavailable(reason))) => {
            tracing::error!(%reason, "no report");
            Err(Refusal::ReportUnavailable)
        }
        Err(_) => {
            tracing::error!("the evidence engine is gone");
            Err(Refusal::ReportUnavailable)
        }
    }
}

fn render(body: &ReportBody, form: EventLogForm) -> Result<String, Refusal> {
    let mut body = body.clone();
    if form == EventLogForm::Array
        && let Some(array) = body.event_log.as_deref().and_then(as_array)
    {
        body.event_log = Some(array);
    }
    serde_json::to_string(&Report::from(body)).map_err(|error| {
        tracing::error!(%error, "a report could not be written as JSON");
        Refusal::ReportUnavailable
    })
}

/// The array inside the string.
fn as_array(log: &RawValue) -> Option<Box<RawValue>> {
    let text: String = serde_json::from_str(log.get()).ok()?;
    let array: Box<RawValue> = serde_json::from_str(&text).ok()?;
    array.get().starts_with('[').then_some(array)
}

#[cfg(test)]
mod tests;
