//! A small OpenAI-compatible engine: it says one sentence, plain or word by word.

use std::{
    convert::Infallible,
    future::Future,
    net::TcpListener,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::{BodySize, MessageBody},
    http::header::CONTENT_TYPE,
    web,
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, Sleep, sleep};

use crate::exit::Failure;

const SENTENCE: &str = "I said this, and the machine I ran on swears to it.";

#[derive(Deserialize)]
struct Ask {
    model: String,
    #[serde(default)]
    stream: bool,
}

/// Starts it on a free port and gives its address.
pub(super) fn start() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::unavailable)?;
    let address = listener.local_addr().map_err(Failure::unavailable)?;
    let server = HttpServer::new(|| App::new().route("/v1/chat/completions", web::post().to(chat)))
        .workers(1)
        .tcp_nodelay(true)
        .disable_signals()
        .listen(listener)
        .map_err(Failure::unavailable)?
        .run();
    actix_web::rt::spawn(server);
    Ok(format!("http://{address}"))
}

async fn chat(request: HttpRequest, ask: web::Json<Ask>) -> HttpResponse {
    // Engines name an answer after the request's id, as vLLM does.
    let id = request.headers().get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
    let id = format!("chatcmpl-{id}");
    if !ask.stream {
        let message = json!({ "role": "assistant", "content": SENTENCE });
        let choice = json!({ "index": 0, "message": message, "finish_reason": "stop" });
        return HttpResponse::Ok()
            .json(json!({ "id": id, "object": "chat.completion", "model": ask.model, "choices": [choice] }));
    }
    let words = SENTENCE.split_inclusive(' ').map(|word| {
        let choice = json!({ "index": 0, "delta": { "content": word } });
        let chunk =
            json!({ "id": id, "object": "chat.completion.chunk", "model": ask.model, "choices": [choice] });
        format!("data: {chunk}\n\n")
    });
    let events: Vec<String> = words.chain(["data: [DONE]\n\n".to_owned()]).collect();
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/event-stream")).body(paced(events))
}

/// One event every 20 ms, as a model would speak.
struct Paced {
    events: std::vec::IntoIter<String>,
    pause: Pin<Box<Sleep>>,
}

const PAUSE: Duration = Duration::from_millis(20);

fn paced(events: Vec<String>) -> Paced {
    Paced { events: events.into_iter(), pause: Box::pin(sleep(PAUSE)) }
}

impl MessageBody for Paced {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Infallible>>> {
        ready!(self.pause.as_mut().poll(task));
        self.pause.as_mut().reset(Instant::now() + PAUSE);
        Poll::Ready(self.events.next().map(|event| Ok(event.into())))
    }
}
