//! `GET /attestation/report`: the evidence that the signing key lives in the hardware.

mod prepared;

use std::sync::Arc;

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, HeaderValue},
    },
};
use bytes::Bytes;
use jurat_ledger::ReportKey;
use jurat_proto::{Address, Binding, Digest, Nonce, Report, ReportBody};
use serde_json::value::RawValue;

use crate::{
    archive,
    context::{Context, ReportRefusal, ReportReply},
    error::Refusal,
    headers,
    query::Query,
};

pub(crate) use prepared::Prepared;

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
    of: Of,
    event_log: EventLogForm,
}

/// Whose report.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    /// The live signer's, under its present claims.
    Now { binding: Binding, nonce: Option<Nonce> },
    /// One from the archive, of this signer if one is named.
    Then { key: ReportKey, signer: Option<Address> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventLogForm {
    Text,
    Array,
}

/// Serves a report.
pub(crate) async fn serve(context: &Context, path: Path, query: &Query<'_>) -> HttpResponse {
    let live = (context.parts.appender.address(), context.parts.reporter.claims_hash());
    let ask = match parse(path, query, &live) {
        Ok(ask) => ask,
        Err(refusal) => return refusal.response(),
    };
    let report = match ask.of {
        Of::Now { binding, nonce } => fetch(context, binding, nonce).await.and_then(|body| match nonce {
            Some(_) => render(&body, ask.event_log),
            // Many are given the same.
            None => context.prepared.bytes(&body, ask.event_log),
        }),
        Of::Then { key, signer } => {
            recall(context, key, signer).await.and_then(|body| render(&body, ask.event_log))
        }
    };
    match report {
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

fn parse(path: Path, query: &Query<'_>, live: &(Address, Digest)) -> Result<Ask, Refusal> {
    if query.has_wrong_algorithm() {
        return Err(Refusal::InvalidSigningAlgo);
    }
    let signer: Option<Address> = query
        .value("signing_address")
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| Refusal::SignerUnknown)?;
    let claims: Option<Digest> = query
        .value("claims_hash")
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| Refusal::InvalidClaimsHash)?;
    let nonce =
        query.value("nonce").map(|nonce| nonce.parse()).transpose().map_err(|_| Refusal::InvalidNonce)?;
    let event_log = match query.value("event_log_format").as_deref() {
        Some("array") => EventLogForm::Array,
        _ => EventLogForm::Text,
    };
    let (address, claims_now) = live;
    let other = signer.filter(|signer| signer != address);
    let past = match (other, claims.filter(|claims| claims != claims_now)) {
        (_, Some(claims)) => Some(ReportKey::Claims(claims)),
        (Some(signer), None) => Some(ReportKey::Signer(signer)),
        (None, None) => None,
    };
    let of = match past {
        None => Of::Now { binding: binding(path, query)?, nonce },
        // What is no more answers no challenge.
        Some(_) if nonce.is_some() => return Err(Refusal::SignerUnknown),
        // Of the past one layout is kept, whatever the path's own.
        Some(_) if binding(Path::Bare, query)? != Binding::JuratV1 => return Err(Refusal::SignerUnknown),
        Some(key) => Of::Then { key, signer },
    };
    Ok(Ask { of, event_log })
}

/// Which binding a request gets; `None` for a report of the past.
#[cfg(fuzzing)]
pub(crate) fn binding_asked(
    path: Path,
    query: &Query<'_>,
    live: &(Address, Digest),
) -> Result<Option<Binding>, Refusal> {
    parse(path, query, live).map(|ask| match ask.of {
        Of::Now { binding, .. } => Some(binding),
        Of::Then { .. } => None,
    })
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
    // A client that leaves drops the receiver with this future.
    let (reply, receive) = ReportReply::channel();
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

/// A report from the archive, marked as one.
async fn recall(context: &Context, key: ReportKey, signer: Option<Address>) -> Result<ReportBody, Refusal> {
    let found = archive::ask(context, move |archive| archive.report(&key)).await.map_err(|error| {
        tracing::error!(%error, "an archived report could not be looked up");
        Refusal::StoreUnavailable
    })?;
    let report = found
        .filter(|report| signer.is_none_or(|signer| signer == report.signing_address))
        .ok_or(Refusal::SignerUnknown)?;
    let body: ReportBody = serde_json::from_str(&report.report).map_err(|error| {
        tracing::error!(%error, "an archived report can't be read");
        Refusal::StoreUnavailable
    })?;
    let age = context.now().0.saturating_sub(report.made_at.0) / 1_000;
    Ok(ReportBody {
        archived: Some(true),
        archived_at: Some(report.made_at),
        report_age_seconds: Some(age),
        ..body
    })
}

fn render(body: &ReportBody, form: EventLogForm) -> Result<Bytes, Refusal> {
    let mut body = body.clone();
    if form == EventLogForm::Array
        && let Some(array) = body.event_log.as_deref().and_then(as_array)
    {
        body.event_log = Some(array);
    }
    serde_json::to_vec(&Report::from(body)).map(Bytes::from).map_err(|error| {
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
