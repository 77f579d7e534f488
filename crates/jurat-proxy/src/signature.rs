//! `GET /signature/{id}`: the receipt of an answer.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header::HeaderMap},
};
use jurat_ledger::{Found, StoreError};

use crate::{
    admission::Reach,
    archive,
    context::{Context, ReceiptScope},
    error::Refusal,
    headers, owner,
    query::Query,
};

/// Serves a receipt. The algorithm is judged before the id, as peers do and clients test.
pub(crate) async fn serve(
    context: &Context,
    id: &str,
    query: &Query<'_>,
    request: &HeaderMap,
) -> HttpResponse {
    if query.has_wrong_algorithm() {
        return Refusal::InvalidSigningAlgo.response();
    }
    let reach = match context.parts.admission.to_receipts(context, request) {
        Ok(reach) => reach,
        Err(refusal) => return refusal.response(),
    };
    let (id, now) = (id.to_owned(), context.now());
    let found = archive::ask(context, move |archive| archive.find(&id, now)).await;
    let (result, response) = answer(found, request, reach, context.parts.scope);
    context.parts.metrics.lookup(result);
    response
}

fn answer(
    found: Result<Found, StoreError>,
    request: &HeaderMap,
    reach: Reach,
    scope: ReceiptScope,
) -> (&'static str, HttpResponse) {
    match found {
        // Another's receipt is not there, in the same words as one that never was.
        Ok(Found::Entry(entry))
            if reach == Reach::Own && entry.owner.is_some() && entry.owner != owner::of(request) =>
        {
            ("unknown", Refusal::ReceiptUnknown.response())
        }
        Ok(Found::Entry(entry)) => match serde_json::to_string(&entry.record) {
            Ok(json) => ("found", headers::json(StatusCode::OK, json)),
            Err(error) => {
                tracing::error!(%error, "a record could not be written as JSON");
                ("error", Refusal::StoreUnavailable.response())
            }
        },
        // Of an expired one nobody knows any more whose it was.
        Ok(Found::Expired) if scope == ReceiptScope::Owner => ("expired", Refusal::ReceiptUnknown.response()),
        Ok(Found::Expired) => ("expired", Refusal::ReceiptExpired.response()),
        Ok(Found::Unknown) => ("unknown", Refusal::ReceiptUnknown.response()),
        Err(error) => {
            tracing::error!(%error, "a receipt could not be looked up");
            ("error", Refusal::StoreUnavailable.response())
        }
    }
}
