//! The product's own client, with a head written by hand as the product writes it.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use jurat_witness::Framing;

use crate::{
    engine::{EngineAddress, EngineBody, Pool, ResponseHead},
    front::{Answered, Asked, Chunks, Client},
};

pub(crate) struct Ours {
    pool: Rc<Pool>,
    host: String,
}

impl Ours {
    pub(crate) fn new(engine: SocketAddr) -> Self {
        Self { pool: Pool::new(EngineAddress::Tcp(engine)), host: engine.to_string() }
    }
}

impl Client for Ours {
    type Body = EngineBody;

    async fn ask(self: Rc<Self>, asked: Asked) -> io::Result<Answered<EngineBody>> {
        let mut connection = self.pool.lease().await?;
        let Asked { path, content_type, request_id, body } = asked;
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {content_type}\r\nx-request-id: {request_id}\r\n\
             content-length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        let mut request = Bytes::from(request);
        poll_fn(|cx| connection.poll_send(cx, &mut request)).await?;
        let head =
            poll_fn(|cx| ResponseHead::poll_read(&mut connection, cx)).await.map_err(io::Error::other)?;
        let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
        Ok(Answered {
            status: head.status.as_u16(),
            content_type: content_type.unwrap_or_default().to_owned(),
            length: if let Framing::Length(length) = head.framing { Some(length) } else { None },
            body: EngineBody::new(connection, head.framing, head.keeps_alive.then(|| Rc::clone(&self.pool))),
        })
    }
}

impl Chunks for EngineBody {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        EngineBody::poll_chunk(self, cx).map(|chunk| chunk.map(|chunk| chunk.map_err(io::Error::other)))
    }
}
