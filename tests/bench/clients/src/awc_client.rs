//! awc, one client a worker.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use awc::ClientResponse;
use bytes::Bytes;
use futures_core::Stream;

use crate::front::{Answered, Asked, Chunks, Client};

pub(crate) struct Awc {
    client: awc::Client,
    base: String,
}

impl Awc {
    pub(crate) fn new(engine: SocketAddr) -> Self {
        let connector = awc::Connector::new().limit(0);
        let client = awc::Client::builder().connector(connector).disable_timeout().disable_redirects();
        Self { client: client.no_default_headers().finish(), base: format!("http://{engine}") }
    }
}

impl Client for Awc {
    type Body = ClientResponse;

    async fn ask(self: Rc<Self>, asked: Asked) -> io::Result<Answered<Self::Body>> {
        let request = self
            .client
            .post(format!("{}{}", self.base, asked.path))
            .no_decompress()
            .insert_header(("content-type", asked.content_type))
            .insert_header(("x-request-id", asked.request_id));
        let response =
            request.send_body(asked.body).await.map_err(|error| io::Error::other(error.to_string()))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        Ok(Answered {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default().to_owned(),
            length: header("content-length").and_then(|text| text.parse().ok()),
            body: response,
        })
    }
}

impl Chunks for ClientResponse {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        Pin::new(self).poll_next(cx).map(|chunk| chunk.map(|chunk| chunk.map_err(io::Error::other)))
    }
}
