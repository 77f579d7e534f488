//! hyper's own connection, polled by the task that writes to the client: no task, no pool of hyper-util's.

use std::{
    cell::RefCell,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::Body;
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{Connection, SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::front::{Answered, Asked, Chunks, Client};

struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
}

pub(crate) struct Hyper {
    engine: SocketAddr,
    host: String,
    idle: RefCell<Vec<Link>>,
}

impl Hyper {
    pub(crate) fn new(engine: SocketAddr) -> Self {
        Self { engine, host: engine.to_string(), idle: RefCell::default() }
    }

    async fn lease(&self) -> io::Result<Link> {
        loop {
            let Some(mut link) = self.idle.borrow_mut().pop() else { break };
            let mut cx = Context::from_waker(Waker::noop());
            if link.connection.as_mut().poll(&mut cx).is_pending() && link.sender.is_ready() {
                return Ok(link);
            }
        }
        let socket = TcpStream::connect(self.engine).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(socket)).await.map_err(io::Error::other)?;
        Ok(Link { sender, connection: Box::pin(connection) })
    }
}

/// The body, and the link that it comes over.
pub(crate) struct Inline {
    body: Incoming,
    link: Option<Link>,
    home: Rc<Hyper>,
}

impl Client for Hyper {
    type Body = Inline;

    async fn ask(self: Rc<Self>, asked: Asked) -> io::Result<Answered<Inline>> {
        let mut link = self.lease().await?;
        let request = http::Request::post(asked.path)
            .header("host", &self.host)
            .header("content-type", asked.content_type)
            .header("x-request-id", asked.request_id)
            .body(Full::new(asked.body))
            .map_err(io::Error::other)?;
        let response = {
            let Link { sender, connection } = &mut link;
            let mut sending = pin!(sender.send_request(request));
            let answered = poll_fn(|cx| {
                // First what the socket has, then what came of it; then whatever this made the connection do.
                let over = connection.as_mut().poll(cx);
                if let Poll::Ready(answer) = sending.as_mut().poll(cx) {
                    return Poll::Ready(answer.map_err(io::Error::other));
                }
                if over.is_ready() || connection.as_mut().poll(cx).is_ready() {
                    return sending.as_mut().poll(cx).map_err(io::Error::other);
                }
                sending.as_mut().poll(cx).map_err(io::Error::other)
            });
            answered.await?
        };
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").unwrap_or_default().to_owned();
        let length = header("content-length").and_then(|text| text.parse().ok());
        let status = response.status().as_u16();
        let body = Inline { body: response.into_body(), link: Some(link), home: self };
        Ok(Answered { status, content_type, length, body })
    }
}

impl Chunks for Inline {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            let polled = Pin::new(&mut self.body).poll_frame(cx);
            match polled {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                    Err(_) => continue,
                },
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(io::Error::other(error)))),
                Poll::Ready(None) => {
                    if let Some(mut link) = self.link.take() {
                        // It learns here that the answer is over.
                        let _ = link.connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                        if link.sender.is_ready() {
                            self.home.idle.borrow_mut().push(link);
                        }
                    }
                    return Poll::Ready(None);
                }
                Poll::Pending => {}
            }
            let Some(link) = &mut self.link else { return Poll::Ready(None) };
            let over = link.connection.as_mut().poll(cx).is_ready();
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                    Err(_) => continue,
                },
                Poll::Pending if over => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(_) => continue,
            }
        }
    }
}
