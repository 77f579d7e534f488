//! The data port: which request is whose.

use std::{rc::Rc, sync::Arc};

use actix_http::RequestHead;
use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, StatusCode},
    web,
};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::{
    context::Context,
    error::Refusal,
    headers,
    port::{Attended, Vigil},
    query::Query,
    relay::{self, Body, Reply, own},
    report::{self, Path},
    routes::Route,
    signature,
};

pub(crate) async fn dispatch(request: HttpRequest, payload: web::Payload) -> HttpResponse<Attended<Body>> {
    let under_way = request.conn_data::<Rc<Vigil>>().map(Vigil::request);
    let reply = counted(request, payload).await;
    reply.map_body(|_, body| Attended::new(body, under_way))
}

async fn counted(request: HttpRequest, payload: web::Payload) -> Reply {
    // invariant: every worker's application carries its context
    let Some(context) = request.app_data::<Rc<Context>>().map(Rc::clone) else {
        return own(Refusal::RouteUnknown.response());
    };
    let metrics = Arc::clone(&context.parts.metrics);
    let reply = answer(context, request, payload).await;
    metrics.answered(&reply);
    reply
}

async fn answer(context: Rc<Context>, request: HttpRequest, payload: web::Payload) -> Reply {
    // Whoever asks whether the service lives is told, at any pace.
    let is_health = matches!(request.path(), "/health" | "/v1/health");
    if !is_health && let Err(refusal) = context.parts.admission.knock(&request) {
        return own(refusal.response());
    }
    if *request.method() == Method::OPTIONS {
        let mut response = HttpResponse::NoContent().finish();
        headers::preflight(response.headers_mut());
        return own(response);
    }
    if let Some(response) = own_route(&context, &request).await {
        return own(response);
    }
    match Route::find(request.method(), request.uri().path()) {
        Some(_) if context.parts.latches.is_draining() => own(Refusal::Draining.response()),
        Some(route) => relay::relay(context, request, payload, route).await,
        None => own(Refusal::RouteUnknown.response()),
    }
}

/// Whether a request whose client waits with the body would be admitted, as far as its head tells. Its pace is another
/// question, asked once, when it is answered.
pub(crate) fn expects(context: &Context, head: &RequestHead) -> Result<(), Refusal> {
    let Some(route) = Route::find(&head.method, head.uri.path()) else { return Ok(()) };
    if context.parts.latches.is_draining() {
        return Err(Refusal::Draining);
    }
    context.parts.admission.would_let_in(context, &head.headers)?;
    relay::fits(context, &route, &head.headers).map(drop)
}

/// The routes that are jurat's own, bare and under `/v1`.
async fn own_route(context: &Context, request: &HttpRequest) -> Option<HttpResponse> {
    if *request.method() != Method::GET {
        return None;
    }
    let path = request.uri().path();
    let (name, under) = match path.strip_prefix("/v1/") {
        Some(name) => (name, Path::V1),
        None => (path.strip_prefix('/')?, Path::Bare),
    };
    let query = Query::new(request.query_string());
    match name {
        "attestation/report" => Some(report::serve(context, under, &query).await),
        "health" => Some(headers::json(StatusCode::OK, json!({ "status": "ok" }).to_string())),
        "version" => Some(headers::json(StatusCode::OK, version(context))),
        _ => {
            let id = name.strip_prefix("signature/")?;
            let id = percent_decode_str(id).decode_utf8_lossy();
            Some(signature::serve(context, &id, &query, request.headers()).await)
        }
    }
}

fn version(context: &Context) -> String {
    json!({ "version": context.parts.version, "commit": context.parts.commit }).to_string()
}
