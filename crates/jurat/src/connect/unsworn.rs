//! What passes without a receipt: answers of routes that are not sworn, marked as such, and errors at the service's door.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpResponse,
    body::{BodySize, MessageBody},
    web::Bytes,
};
use http_body::Body as _;
use jurat_proxy::Cut;
use reqwest::{Response, header as onward};
use serde_json::Value;

use super::{UnderWay, refusal::Refusal, relay::builder};
use crate::answer::length;

/// No error needs more to be understood.
const MOST: usize = 64 << 10;
const WORDS: usize = 300;

/// Relays an answer as it is.
pub(super) fn pass(response: Response, under_way: UnderWay) -> HttpResponse {
    let mut builder = builder(response.status(), response.headers(), "unsworn");
    let length = length(response.headers());
    builder.body(Passing { body: response.into(), length, _under_way: under_way })
}

/// An error of the service's on a route that is sworn: turned away at its door, there is no receipt. Its status passes, for
/// clients act upon it; its body could be anybody's, and only its message is quoted.
pub(super) async fn error(mut response: Response) -> Refusal {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(onward::RETRY_AFTER).map(|value| value.as_bytes().to_vec());
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        body.extend_from_slice(&piece);
        if body.len() > MOST {
            break;
        }
    }
    let parsed: Option<Value> = serde_json::from_slice(&body).ok();
    let message = parsed.as_ref().and_then(|body| body["error"]["message"].as_str());
    let said = message.unwrap_or("(no legible message)").chars().take(WORDS);
    let said = said.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    Refusal::Unsworn { status, said, retry_after }
}

/// A body as it comes.
struct Passing {
    body: reqwest::Body,
    length: Option<u64>,
    _under_way: UnderWay,
}

impl MessageBody for Passing {
    type Error = Cut;

    fn size(&self) -> BodySize {
        self.length.map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(task)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Some(Ok(bytes)),
                    Err(_) => continue,
                },
                Some(Err(_)) => Some(Err(Cut)),
                None => None,
            });
        }
    }
}
