//! reqwest, one client a worker, as far as it can be told to stay there.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body as _;

use crate::front::{Answered, Asked, Chunks, Client};

pub(crate) struct Reqwest {
    client: reqwest::Client,
    base: String,
}

impl Reqwest {
    pub(crate) fn new(engine: SocketAddr) -> Self {
        let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).build();
        Self { client: client.expect("nothing in it can fail"), base: format!("http://{engine}") }
    }
}

impl Client for Reqwest {
    type Body = reqwest::Body;

    async fn ask(self: Rc<Self>, asked: Asked) -> io::Result<Answered<Self::Body>> {
        let request = self
            .client
            .post(format!("{}{}", self.base, asked.path))
            .header("content-type", asked.content_type)
            .header("x-request-id", asked.request_id)
            .body(asked.body);
        let response = request.send().await.map_err(io::Error::other)?;
        let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
        Ok(Answered {
            status: response.status().as_u16(),
            content_type: content_type.unwrap_or_default().to_owned(),
            length: response
                .headers()
                .get("content-length")
                .and_then(|value| value.to_str().ok()?.parse().ok()),
            body: http::Response::from(response).into_body(),
        })
    }
}

impl Chunks for reqwest::Body {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match ready!(Pin::new(&mut *self).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                    Err(_) => continue,
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                None => return Poll::Ready(None),
            }
        }
    }
}
