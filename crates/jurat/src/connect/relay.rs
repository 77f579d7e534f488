//! One request, from its head to the body of its answer.

use std::{collections::VecDeque, future::poll_fn, pin::Pin, sync::Arc};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::BodySize,
    http::StatusCode,
    web::{self, Bytes, BytesMut, Payload},
};
use http_body::Body as _;
use jurat_proto::{End, Nonce};
use jurat_proxy::{Oath, Route};
use jurat_witness::{Answering, Asked, Exchange, Seen, Shape};
use reqwest::{Response, header as onward};

use super::{
    Proxy, UnderWay,
    body::{Flowing, Manner},
    case::{Case, heard},
    headers,
    refusal::Refusal,
    trust::Trusted,
    unsworn,
    upload::{self, Broken, Pieces, Upload},
};
use crate::{
    answer::{self, Ruling},
    selfcheck::fresh_nonce,
    service::now,
};

/// Relays a request of the table.
pub(super) async fn relay(
    proxy: web::Data<Proxy>,
    request: &HttpRequest,
    payload: Payload,
    route: &Route,
) -> Result<HttpResponse, Refusal> {
    let nonce = match headers::challenge(request.headers()) {
        Some(Ok(own)) => own,
        Some(Err(())) => return Err(Refusal::NonceInvalid),
        None => fresh_nonce().map_err(|failure| Refusal::Unreachable(failure.to_string()))?,
    };
    let trusted = proxy.trust.current().await.map_err(Refusal::Untrusted)?;
    let endpoint = format!("{} {}", request.method(), route.path);
    let exchange = Exchange::open(endpoint, now(), answer::challenge(&nonce));
    let mut asking = Asking { proxy, request, trusted, exchange, nonce };
    let response = asking.send(payload).await?;
    match route.oath {
        Oath::Sworn => asking.sworn(response, route).await,
        Oath::Relayed => Ok(unsworn::pass(response, UnderWay::of(&asking.proxy))),
    }
}

/// A request on its way.
struct Asking<'a> {
    proxy: web::Data<Proxy>,
    request: &'a HttpRequest,
    trusted: Arc<Trusted>,
    exchange: Exchange<Asked>,
    nonce: Nonce,
}

impl Asking<'_> {
    async fn send(&mut self, mut payload: Payload) -> Result<Response, Refusal> {
        let begun = Upload::begin(&mut payload, &mut self.exchange).await;
        match begun.map_err(|Broken| Refusal::BodyIncomplete)? {
            Upload::Whole(body) => match self.onward(body.clone()).send().await {
                // Nothing was sent yet, and the service shows another key since it started anew.
                Err(error) if error.is_connect() && self.renewed().await => {
                    self.onward(body).send().await.map_err(|error| unreachable(&error))
                }
                other => other.map_err(|error| unreachable(&error)),
            },
            Upload::Begun(start) => match self.send_by_pieces(start, payload).await {
                Err(Unsent::Broken) => Err(Refusal::BodyIncomplete),
                Err(Unsent::Failed(error)) => {
                    // What was read of it is gone, but the next request should find the way.
                    let _ = error.is_connect() && self.renewed().await;
                    Err(unreachable(&error))
                }
                Ok(response) => Ok(response),
            },
        }
    }

    async fn send_by_pieces(&mut self, start: Bytes, mut payload: Payload) -> Result<Response, Unsent> {
        let (to, pieces) = Pieces::new(declared_length(self.request));
        let sending = self.onward(reqwest::Body::wrap(pieces)).send();
        let rest = upload::rest(start, &mut payload, &mut self.exchange, to);
        tokio::pin!(sending, rest);
        let early = tokio::select! {
            sent = &mut rest => sent.map(|()| None).map_err(|Broken| Unsent::Broken)?,
            // The service does not want to know the rest.
            response = &mut sending => Some(response),
        };
        let response = match early {
            Some(response) => response,
            None => sending.await,
        };
        response.map_err(Unsent::Failed)
    }

    fn onward(&self, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
        let request = self.request;
        let path = request.uri().path().trim_start_matches('/');
        let url = self.proxy.trust.base.route(path.split('/'), request.uri().query());
        // invariant: the table has two methods, and both are the other library's too
        let method = reqwest::Method::from_bytes(request.method().as_str().as_bytes()).unwrap_or_default();
        let onward = self.trusted.relay.request(method.clone(), url);
        let onward = onward.headers(headers::request(request.headers(), &self.nonce));
        if method == reqwest::Method::GET { onward } else { onward.body(body) }
    }

    /// Whether the service is trusted over another channel than the one that failed.
    async fn renewed(&mut self) -> bool {
        let trust = &self.proxy.trust;
        let _ = trust.renew(trust.verifications()).await;
        match trust.current().await {
            Ok(trusted) if !Arc::ptr_eq(&trusted, &self.trusted) => {
                self.trusted = trusted;
                true
            }
            _ => false,
        }
    }

    /// An answer that must have a receipt.
    async fn sworn(self, response: Response, route: &Route) -> Result<HttpResponse, Refusal> {
        let status = response.status().as_u16();
        let Some(id) = answer::receipt_id(response.headers()) else {
            if status >= 400 {
                return Err(unsworn::error(response).await);
            }
            let ruling = Ruling::refused("receipt.absent", "the answer names no receipt");
            self.proxy.verdicts.rule_nameless(&ruling);
            return Err(ruling.into());
        };
        let given = response.headers().clone();
        let head = answer::head(status, &given, route.family);
        let exchange = self.exchange.answering(head);
        let credentials = headers::credentials(self.request.headers());
        let case = Case::open(self.proxy.clone(), self.trusted, id, credentials);
        let answering = Answered { proxy: self.proxy, status: response.status(), given, exchange, case };
        let body = reqwest::Body::from(response);
        match head.shape {
            Shape::Events => Ok(answering.stream(body, route)),
            _ => answering.hold(body).await,
        }
    }
}

/// Why a large request did not get through.
enum Unsent {
    /// Its client broke off.
    Broken,
    Failed(reqwest::Error),
}

/// An answer whose body is coming.
struct Answered {
    proxy: web::Data<Proxy>,
    status: reqwest::StatusCode,
    given: onward::HeaderMap,
    exchange: Exchange<Answering>,
    case: Case,
}

impl Answered {
    fn stream(self, body: reqwest::Body, route: &Route) -> HttpResponse {
        let manner = Manner::Stream {
            family: route.family,
            end: self.proxy.ending,
            most_held: self.proxy.most_held as u64,
        };
        let mut builder = builder(self.status, &self.given, "pending");
        let flowing = Flowing::new(
            body,
            manner,
            BodySize::Stream,
            self.exchange,
            self.case,
            VecDeque::new(),
            UnderWay::of(&self.proxy),
        );
        builder.body(flowing)
    }

    /// Holds the body until it is judged, or lets it flow if it is too large for that.
    async fn hold(mut self, mut body: reqwest::Body) -> Result<HttpResponse, Refusal> {
        let (mut read, mut total) = (VecDeque::new(), 0);
        let end = loop {
            if total > self.proxy.most_held {
                return Ok(self.flow(body, read));
            }
            match poll_fn(|task| Pin::new(&mut body).poll_frame(task)).await {
                Some(Ok(frame)) => {
                    let Ok(mut bytes) = frame.into_data() else { continue };
                    let seen = self.exchange.observe(&bytes);
                    if let Seen::Whole { surplus, .. } = seen {
                        bytes.truncate(bytes.len() - surplus);
                    }
                    total += bytes.len();
                    read.push_back(bytes);
                    if matches!(seen, Seen::Whole { .. }) {
                        break End::Complete;
                    }
                }
                Some(Err(_)) => break End::EngineTruncated,
                None => break End::Complete,
            }
        };
        let ruling = heard(self.case.close(self.exchange.finish(end, now())).await);
        if !ruling.is_trusted() {
            return Err(ruling.into());
        }
        let mut builder = builder(self.status, &self.given, "trusted");
        Ok(match self.status.as_u16() {
            204 | 304 => builder.finish(),
            _ => builder.body(joined(read, total)),
        })
    }

    fn flow(self, body: reqwest::Body, read: VecDeque<Bytes>) -> HttpResponse {
        let size = answer::length(&self.given).map_or(BodySize::Stream, BodySize::Sized);
        let mut builder = builder(self.status, &self.given, "pending");
        let under_way = UnderWay::of(&self.proxy);
        builder.body(Flowing::new(body, Manner::Plain, size, self.exchange, self.case, read, under_way))
    }
}

/// The head of an answer that is the service's, with our word on it.
pub(super) fn builder(
    status: reqwest::StatusCode,
    given: &onward::HeaderMap,
    verdict: &'static str,
) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status.as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut builder = HttpResponse::build(status);
    headers::answer(given, verdict, &mut builder);
    builder
}

fn joined(mut read: VecDeque<Bytes>, total: usize) -> Bytes {
    if read.len() == 1 {
        return read.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(total);
    read.iter().for_each(|bytes| whole.extend_from_slice(bytes));
    whole.freeze()
}

fn declared_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get("content-length")?.to_str().ok()?.parse().ok()
}

fn unreachable(error: &reqwest::Error) -> Refusal {
    Refusal::Unreachable(jurat_client::cause(error))
}
