//! One stream: the application's answer, for as long as the client is there for it.

use std::{
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::Poll,
    time::{Duration, UNIX_EPOCH},
};

use actix_http::{Request, Response, ResponseHead};
use actix_service::Service;
use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::{
        Method, StatusCode, Version,
        header::{CONTENT_LENGTH, DATE, HeaderValue, HttpDate, TryIntoHeaderValue},
    },
};
use bytes::Bytes;
use h2::{RecvStream, SendStream, server::SendResponse};
use jurat_proto::UnixMillis;
use tokio::time::timeout;

use super::ask;
use crate::{context::Context, hop::is_hop_by_hop};

/// As much as is asked room for at once: a frame.
const FRAME: usize = 16 << 10;

/// Answers one request. Dropped, or left by its client, it drops the exchange with it.
pub(super) async fn one<S>(
    app: Rc<S>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: Option<SocketAddr>,
    context: Rc<Context>,
) where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error>,
{
    let to_head = request.method() == Method::HEAD;
    let response: Response<BoxBody> = {
        let mut answering = pin!(app.call(ask::request(request, peer)));
        let answered = poll_fn(|task| match respond.poll_reset(task) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => answering.as_mut().poll(task).map(Some),
        });
        match answered.await {
            Some(Ok(response)) => response.into(),
            Some(Err(error)) => error.into(),
            None => return,
        }
    };
    let (response, body) = response.into_parts();
    let head = head(response.head(), body.size(), context.now());
    let bare = to_head || body.size().is_eof() || is_bare(response.status());
    if let Ok(stream) = respond.send_response(head, bare)
        && !bare
    {
        relay(stream, pin!(body), context.parts.limits.idle).await;
    }
}

/// Sends the body as it comes. A body that breaks off leaves its stream unfinished: dropped so, it ends in RST_STREAM
/// behind whatever was sent before.
async fn relay(mut stream: SendStream<Bytes>, mut body: Pin<&mut BoxBody>, idle: Duration) {
    loop {
        let next = poll_fn(|task| match stream.poll_reset(task) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => body.as_mut().poll_next(task).map(Some),
        });
        match next.await {
            Some(Some(Ok(bytes))) => {
                if send(&mut stream, bytes, idle).await.is_none() {
                    return;
                }
            }
            Some(None) => {
                // Refused only if the client has left by now.
                let _ = stream.send_data(Bytes::new(), true);
                return;
            }
            Some(Some(Err(_))) | None => return,
        }
    }
}

/// Sends one piece as the client makes room for it; `None` if it has left, or takes nothing for too long.
async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes, idle: Duration) -> Option<()> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len().min(FRAME));
        let room = timeout(idle, poll_fn(|task| stream.poll_capacity(task))).await.ok()??.ok()?;
        stream.send_data(bytes.split_to(room.min(bytes.len())), false).ok()?;
    }
    Some(())
}

/// The head without what HTTP/2 has no use for (RFC 9113 section 8.2.2).
fn head(response: &ResponseHead, size: BodySize, now: UnixMillis) -> http::Response<()> {
    let mut head = http::Response::new(());
    *head.status_mut() = response.status;
    *head.version_mut() = Version::HTTP_2;
    let headers = head.headers_mut();
    for (name, value) in response.headers() {
        if !is_hop_by_hop(name.as_str()) && name != CONTENT_LENGTH {
            headers.append(name, value.clone());
        }
    }
    if let BodySize::Sized(length) = size
        && !is_bare(response.status)
    {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !headers.contains_key(DATE)
        && let Ok(date) = HttpDate::from(UNIX_EPOCH + Duration::from_millis(now.0)).try_into_value()
    {
        headers.insert(DATE, date);
    }
    head
}

/// Whether answers of this status have no body at all.
fn is_bare(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}
