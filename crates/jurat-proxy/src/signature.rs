//! `GET /signature/{id}`: the receipt of an answer.

use actix_web::{HttpResponse, http::StatusCode};
use jurat_ledger::Found;

use crate::{context::Context, error::Refusal, headers, query::Query};

/// Serves a receipt. The algorithm is judged before the id, as peers do and clients test.
pub(crate) fn serve(context: &Context, id: &str, query: &Query<'_>) -> HttpResponse {
    if query.has_wrong_algorithm() {
        return Refusal::InvalidSigningAlgo.response();
    }
    let (result, response) = lookup(context, id);
    context.parts.metrics.lookup(result);
    response
}

fn lookup(context: &Context, id: &str) -> (&'static str, HttpResponse) {
    match context.parts.appender.store().find(id, context.now()) {
        Ok(Found::Record(record)) => match serde_json::to_string(&*record) {
            Ok(json) => ("found", headers::json(StatusCode::OK, json)),
            Err(error) => {
                tracing::error!(%error, "a record could not be written as JSON");
                ("error", Refusal::StoreUnavailable.response())
            }
        },
        Ok(Found::Expired) => ("expired", Refusal::ReceiptExpired.response()),
        Ok(Found::Unknown) => ("unknown", Refusal::ReceiptUnknown.response()),
        Err(error) => {
            tracing::error!(%error, "a receipt could not be looked up");
            ("error", Refusal::StoreUnavailable.response())
        }
    }
}
