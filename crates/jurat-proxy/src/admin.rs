//! The admin listener: liveness, readiness, metrics, the archive for auditors, and for `jurat attest` the report and requests
//! for certificates. Never environment, bodies or keys.

use std::{rc::Rc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
};
use serde_json::json;

use crate::{
    context::Context,
    csr,
    engine::Connection,
    error::Refusal,
    query::Query,
    readiness::Readiness,
    receipts,
    report::{self, Path},
};

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(crate) async fn dispatch(request: HttpRequest) -> HttpResponse {
    let Some(context) = request.app_data::<Rc<Context>>() else {
        return Refusal::RouteUnknown.response();
    };
    let response = answer(context, &request).await;
    context.parts.metrics.answered(&response);
    response
}

async fn answer(context: &Rc<Context>, request: &HttpRequest) -> HttpResponse {
    // Whoever asks after the process's health has no secrets to bring.
    if !matches!(request.path(), "/livez" | "/readyz")
        && let Err(refusal) = context.parts.admission.to_admin(context, request.headers())
    {
        return refusal.response();
    }
    if *request.method() != Method::GET {
        return Refusal::RouteUnknown.response();
    }
    match request.path() {
        "/livez" => HttpResponse::Ok().content_type("text/plain").body("live\n"),
        "/readyz" => readiness(context).await,
        "/metrics" => {
            let parts = &context.parts;
            let readiness = Readiness::of(&parts.appender, &parts.latches);
            match parts.metrics.text(&parts.appender, &parts.reporter.figures(), &readiness) {
                Ok(text) => HttpResponse::Ok().content_type(OPENMETRICS).body(text),
                Err(_) => HttpResponse::InternalServerError().finish(),
            }
        }
        "/receipts" => receipts::page(context, &Query::new(request.query_string())).await,
        "/receipts/chains" => receipts::chains(context).await,
        "/receipts/head" => receipts::head(context).await,
        "/csr" => csr::serve(context, &Query::new(request.query_string())),
        "/report" => report::serve(context, Path::Bare, &Query::new(request.query_string())).await,
        _ => Refusal::RouteUnknown.response(),
    }
}

/// Ready means: I can prove it. The engine is reported and no latch: it may come and go.
async fn readiness(context: &Context) -> HttpResponse {
    let latches = &context.parts.latches;
    let readiness = Readiness::of(&context.parts.appender, latches);
    let ready = readiness.is_ready();
    let each: serde_json::Map<_, _> =
        readiness.latches().into_iter().map(|(name, green)| (name.to_owned(), green.into())).collect();
    let reachable =
        tokio::time::timeout(Duration::from_millis(500), Connection::open(context.pool.address())).await;
    let body = json!({
        "ready": ready,
        "latches": each,
        "self_check": latches.self_check().to_json(),
        "draining": readiness.is_draining(),
        "engine": { "reachable": matches!(reachable, Ok(Ok(_))) },
    });
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    HttpResponse::build(status).json(body)
}
