//! One relayed request, from its head to the body of its answer.

use std::{future::poll_fn, mem::take, rc::Rc};

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder,
    body::{BoxBody, EitherBody, MessageBody},
    http::{
        Method,
        header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue},
    },
    web,
};
use bytes::BytesMut;
use getrandom::rand_core::TryRng;
use jurat_ledger::{ReserveError, Slot};
use jurat_proto::{End, ReceiptId};
use jurat_witness::{Answer, Answering, Asked, Exchange, Framing, Shape};

use crate::{
    admission::{Credentials, Place},
    context::{Context, ReceiptScope},
    engine::{Connection, EngineBody, HeadError, ResponseHead},
    error::Refusal,
    headers::{self, RequestFraming, Target},
    owner,
    plain::PlainBody,
    routes::{Brings, Oath, Route},
    upload::{Ahead, SendError, Sent, Upload},
    watch::Notes,
    witnessed::WitnessedBody,
};

/// What an answer's body is: sworn to, or not.
pub(crate) type Body = EitherBody<WitnessedBody, BoxBody>;
/// Every answer of the data port.
pub(crate) type Reply = HttpResponse<Body>;

pub(crate) fn own(response: HttpResponse) -> Reply {
    response.map_body(|_, body| EitherBody::right(body))
}

/// Relays a request by its route.
pub(crate) async fn relay(
    context: Rc<Context>,
    request: HttpRequest,
    payload: web::Payload,
    route: Route,
) -> Reply {
    let received_at = context.now();
    let credentials = match context.parts.admission.to_engine(&context, request.headers()) {
        Ok(credentials) => credentials,
        Err(refusal) => return own(refusal.response()),
    };
    let (declared, limit) = match fits(&context, &route, request.headers()) {
        Ok(lengths) => lengths,
        Err(refusal) => return own(refusal.response()),
    };
    let standing = match admit(&context, &route, request.headers()) {
        Ok(standing) => standing,
        Err(refusal) => return own(refusal.response()),
    };
    let (oath, place) = match standing {
        Standing::Sworn(id, slot) => (Some((id, slot)), None),
        Standing::Relayed(place) => (None, Some(place)),
    };
    let notes = match &oath {
        Some(_) => Notes::begin(&context, request.method(), &route.path, request.headers()),
        None => Notes::default(),
    };
    let endpoint = format!("{} {}", request.method(), route.path);
    let exchange = Exchange::open(endpoint, received_at, headers::client_nonce(request.headers()));
    let mut pending = Pending {
        context: Rc::clone(&context),
        exchange: Some(exchange),
        oath,
        notes,
        place,
        credentials,
        upload: Stage::Door,
    };
    match pending.ask(&request, payload, &route, declared, limit).await {
        Ok((head, connection)) => pending.answer(head, connection, &route).await,
        Err(Failure::Door(refusal)) => own(refusal.response()),
        Err(Failure::Engine(refusal)) => pending.refuse(refusal).await,
    }
}

/// An exchange between admission and the body of its answer. Dropped in between, its client has left.
struct Pending {
    context: Rc<Context>,
    exchange: Option<Exchange<Asked>>,
    /// Receipt id and room for the receipt, if the route is sworn.
    oath: Option<(ReceiptId, Slot)>,
    notes: Notes,
    /// A place among those that are relayed only, if it is not.
    place: Option<Place>,
    credentials: Credentials,
    upload: Stage,
}

/// Whether the exchange counts: one whose request never came whole is turned away at the door.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Door,
    Admitted,
}

enum Failure {
    /// No exchange.
    Door(Refusal),
    /// An exchange, refused.
    Engine(Refusal),
}

impl Pending {
    /// Sends the request and reads the head of the answer.
    async fn ask(
        &mut self,
        request: &HttpRequest,
        payload: web::Payload,
        route: &Route,
        declared: Option<u64>,
        limit: u64,
    ) -> Result<(ResponseHead, Connection), Failure> {
        let context = Rc::clone(&self.context);
        let limits = &context.parts.limits;
        let Some(exchange) = &mut self.exchange else { return Err(Failure::Engine(Refusal::EngineInvalid)) };
        let demands = &context.parts.demands;
        // A form is one where a route takes forms: elsewhere it is a body by a wrong name, which some engines read as JSON.
        let is_form = route.brings == Brings::Files && is_multipart(request.headers());
        let looked_into = demands.look_into_json() && *request.method() == Method::POST && !is_form;
        let ahead = if looked_into { Ahead::Whole } else { Ahead::Small };
        let mut upload =
            Upload::begin(payload, ahead, limit, limits.idle, exchange).await.map_err(Failure::Door)?;
        let rewritten = if looked_into {
            let owner = owner::of(request.headers());
            demands.meet(&upload.start, route.family, owner.as_ref()).map_err(Failure::Door)?
        } else {
            None
        };
        if let Some(body) = &rewritten {
            upload.replace(body.clone());
        }
        let has_body = declared.is_some() || request.headers().contains_key("transfer-encoding");
        let framing = upload.framing(declared, has_body);
        if upload.is_whole() {
            self.upload = Stage::Admitted;
        }
        let head = self.head(request, route, framing, upload.start.len());
        let Some(exchange) = &mut self.exchange else { return Err(Failure::Engine(Refusal::EngineInvalid)) };
        let mut connection = connect(&context).await?;
        match &rewritten {
            None => exchange.forwarded(),
            Some(body) => exchange.forwarded_instead(body),
        }
        let sent = upload.send(&mut connection, head, framing, exchange).await;
        self.upload = match sent {
            Err(SendError::Client(_)) => Stage::Door,
            _ => Stage::Admitted,
        };
        match sent {
            Ok(Sent::Whole) => {}
            Ok(Sent::Early(mut head)) => {
                exchange.upload_cut();
                // What of the request is still on its way would be taken for the next one.
                head.keeps_alive = false;
                return Ok((head, connection));
            }
            Err(SendError::Client(refusal)) => return Err(Failure::Door(refusal)),
            Err(SendError::Engine(error)) => return Err(unanswered(&error)),
        }
        let head = poll_fn(|task| ResponseHead::poll_read(&mut connection, task));
        match tokio::time::timeout(limits.first_byte, head).await {
            Ok(Ok(head)) => Ok((head, connection)),
            Ok(Err(error)) => Err(unanswered(&error)),
            Err(_) => Err(Failure::Engine(Refusal::EngineTimeout)),
        }
    }

    fn head(&self, request: &HttpRequest, route: &Route, framing: RequestFraming, body: usize) -> BytesMut {
        let target = Target { method: request.method(), path: &route.path, query: request.uri().query() };
        let id = self.oath.as_ref().map(|(id, _)| id);
        let address = self.context.pool.address();
        headers::request_head(target, request.headers(), self.credentials, framing, id, address, body)
    }

    /// Turns the engine's head into the client's.
    async fn answer(mut self, head: ResponseHead, connection: Connection, route: &Route) -> Reply {
        let mut builder = HttpResponse::build(head.status);
        for (name, value) in headers::response_headers(&head) {
            builder.append_header((name.clone(), value.clone()));
        }
        let home = head.keeps_alive.then(|| Rc::clone(&self.context.pool));
        let body = EngineBody::new(connection, head.framing, home);
        let Some((id, slot)) = self.oath.take() else {
            let idle = self.context.parts.limits.idle;
            return finish(
                builder,
                None,
                EitherBody::right(PlainBody::new(body, head.framing, idle, self.place.take()).boxed()),
            );
        };
        let answer = Answer {
            status: head.status.as_u16(),
            family: route.family,
            framing: head.framing,
            shape: shape(&head.headers),
        };
        let Some(exchange) = self.exchange.take() else { return own(Refusal::EngineInvalid.response()) };
        let exchange = exchange.answering(answer);
        if head.framing == Framing::Empty {
            return match self.store(exchange, End::Complete, id, slot).await {
                Ok(()) => finish(builder, Some(&id), EitherBody::right(empty_body(head.status))),
                Err(refusal) => own(refusal.response()),
            };
        }
        let context = Rc::clone(&self.context);
        let notes = take(&mut self.notes);
        let body = WitnessedBody::new(context, body, head.framing, id, exchange, slot, notes);
        let body = body.prepared(answer.shape).await;
        finish(builder, Some(&id), EitherBody::left(body))
    }

    /// Answers for an engine that did not; the refusal is sworn to like any answer.
    async fn refuse(mut self, refusal: Refusal) -> Reply {
        let mut response = refusal.response();
        if let (Some(exchange), Some((id, slot))) = (self.exchange.take(), self.oath.take()) {
            let body = refusal.body();
            let mut exchange = exchange.answering(Answer::own(refusal.status().as_u16(), body.len() as u64));
            let _ = exchange.observe(body.as_bytes());
            if let Err(refusal) = self.store(exchange, End::Refused, id, slot).await {
                return own(refusal.response());
            }
            headers::receipt_id(response.headers_mut(), &id);
        }
        own(response)
    }

    async fn store(
        &mut self,
        exchange: Exchange<Answering>,
        end: End,
        id: ReceiptId,
        slot: Slot,
    ) -> Result<(), Refusal> {
        let statement = exchange.finish(end, self.context.now());
        let notes = take(&mut self.notes);
        self.context.append(statement, id, slot, notes).await.map_err(|error| {
            tracing::error!(%id, %error, "an answer is withheld");
            self.context.parts.metrics.not_stored();
            Refusal::StoreUnavailable
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.upload == Stage::Door {
            return;
        }
        if let (Some(exchange), Some((id, slot))) = (self.exchange.take(), self.oath.take())
            && let Some(end) = self.context.parts.latches.end_of_dropped()
        {
            let statement = exchange.finish(end, self.context.now());
            // Nobody waits for it; it is kept all the same.
            drop(self.context.append(statement, id, slot, take(&mut self.notes)));
        }
    }
}

/// What a request has been admitted to.
enum Standing {
    /// An answer that is sworn to, with its receipt's id and room.
    Sworn(ReceiptId, Slot),
    /// An answer as it comes.
    Relayed(Place),
}

/// Draws a receipt id and reserves room for the receipt, if the route is sworn.
fn admit(context: &Context, route: &Route, headers: &HeaderMap) -> Result<Standing, Refusal> {
    if route.oath == Oath::Relayed {
        return context.parts.admission.place().map(Standing::Relayed);
    }
    let owner = match context.parts.scope {
        ReceiptScope::Anyone => None,
        ReceiptScope::Owner => owner::of(headers),
    };
    let slot = context.parts.appender.reserve(owner).map_err(|error| match error {
        ReserveError::Full => Refusal::Overloaded,
        _ => Refusal::StoreUnavailable,
    })?;
    let mut id = [0; 16];
    getrandom::SysRng.try_fill_bytes(&mut id).map_err(|error| {
        tracing::error!(%error, "the operating system gave no randomness");
        Refusal::StoreUnavailable
    })?;
    Ok(Standing::Sworn(ReceiptId::new(id), slot))
}

async fn connect(context: &Context) -> Result<Connection, Failure> {
    let connecting = context.pool.lease();
    match tokio::time::timeout(std::time::Duration::from_secs(10), connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            tracing::warn!(%error, engine = %context.pool.address(), "the engine could not be reached");
            Err(Failure::Engine(Refusal::EngineUnreachable))
        }
        Err(_) => {
            tracing::warn!(engine = %context.pool.address(), "the engine did not accept a connection in time");
            Err(Failure::Engine(Refusal::EngineUnreachable))
        }
    }
}

fn unanswered(error: &HeadError) -> Failure {
    tracing::warn!(%error, "no answer from the engine");
    Failure::Engine(Refusal::EngineInvalid)
}

fn finish(
    mut builder: HttpResponseBuilder,
    id: Option<&ReceiptId>,
    body: EitherBody<WitnessedBody, BoxBody>,
) -> Reply {
    let mut response = builder.message_body(body).unwrap_or_else(|error| {
        // invariant: every header was parsed as one before
        tracing::error!(%error, "an answer's head could not be built");
        own(Refusal::EngineInvalid.response())
    });
    headers::cors(response.headers_mut());
    if let Some(id) = id {
        headers::receipt_id(response.headers_mut(), id);
    }
    response
}

fn empty_body(status: actix_web::http::StatusCode) -> BoxBody {
    // These two have no body at all, the others one of length zero.
    match status.as_u16() {
        204 | 304 => actix_web::body::None::new().boxed(),
        _ => BoxBody::new(bytes::Bytes::new()),
    }
}

fn shape(headers: &HeaderMap) -> Shape {
    let of = |name| headers.get(name).map(HeaderValue::as_bytes);
    Shape::of(of(CONTENT_TYPE), of(CONTENT_ENCODING))
}

/// The length that a request declares, if it does, and the most that it may have.
pub(crate) fn fits(
    context: &Context,
    route: &Route,
    headers: &HeaderMap,
) -> Result<(Option<u64>, u64), Refusal> {
    let (declared, limit) = (declared_length(headers), body_limit(context, route.brings, headers));
    match declared {
        Some(length) if length > limit => Err(Refusal::BodyTooLarge),
        _ => Ok((declared, limit)),
    }
}

fn body_limit(context: &Context, brings: Brings, headers: &HeaderMap) -> u64 {
    let limits = &context.parts.limits;
    match brings {
        Brings::Nothing => 0,
        Brings::Files if is_multipart(headers) => limits.multipart_body,
        Brings::Text | Brings::Files => limits.body,
    }
}

/// Whether it is a form by every word on it: of two, an engine may take the other.
fn is_multipart(headers: &HeaderMap) -> bool {
    let form = |start: &[u8]| start.eq_ignore_ascii_case(b"multipart/");
    let mut types = headers.get_all(CONTENT_TYPE).peekable();
    types.peek().is_some() && types.all(|value| value.as_bytes().get(..10).is_some_and(form))
}

/// The client's Content-Length; the server has refused anything but one number before.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
