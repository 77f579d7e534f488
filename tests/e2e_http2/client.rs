//! An HTTP/2 client that tells how each stream ended.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use jurat_tests::{Sidecar, Stream};
use tokio::{task::JoinHandle, time::timeout};

/// Nothing on one machine takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// END_STREAM.
    EndOfStream,
    /// RST_STREAM.
    Reset(Reason),
    /// The connection went first.
    Broken,
}

/// One connection.
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
    most_streams: Arc<AtomicUsize>,
}

/// A request that was sent.
pub(crate) struct Sent {
    answer: ResponseFuture,
    upload: SendStream<Bytes>,
}

/// An answer that has begun.
pub(crate) struct Answering {
    pub(crate) head: http::Response<()>,
    body: RecvStream,
    upload: SendStream<Bytes>,
    takes: bool,
}

/// A whole answer, or what came of it.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: http::Response<()>,
    pub(crate) body: Vec<u8>,
    pub(crate) last: Last,
}

impl Http2 {
    pub(crate) async fn connect(sidecar: &Sidecar) -> Self {
        Self::with_window(sidecar, 1 << 20).await
    }

    /// A client that lets so many bytes of an answer be on their way.
    pub(crate) async fn with_window(sidecar: &Sidecar, window: u32) -> Self {
        let stream = Stream::secured(sidecar.address(), &["h2"]).await.unwrap();
        assert_eq!(stream.session().unwrap().alpn_protocol(), Some(&b"h2"[..]));
        let (sender, mut connection) = Builder::new()
            .initial_window_size(window)
            // Streams are read one after the other here: none must take another's room.
            .initial_connection_window_size(64 << 20)
            .max_header_list_size(1 << 20)
            .handshake(stream)
            .await
            .unwrap();
        let most_streams = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&most_streams);
        let driver = tokio::spawn(poll_fn(move |task| {
            let done = Pin::new(&mut connection).poll(task).map(drop);
            seen.store(connection.max_concurrent_send_streams(), Ordering::Relaxed);
            done
        }));
        let mut client = Self { sender, driver, most_streams };
        // The server's settings are there with its first answer.
        assert_eq!(client.ask("GET", "/health", &[], b"").await.status, 200);
        client
    }

    /// Sends a request, body and all.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Sent {
        let mut sender = self.sender.clone();
        timeout(PATIENCE, poll_fn(|task| sender.poll_ready(task))).await.unwrap().unwrap();
        let mut request = http::Request::builder().method(method).uri(format!("https://jurat.test{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (answer, mut upload) = sender.send_request(request.body(()).unwrap(), body.is_empty()).unwrap();
        let mut rest = Bytes::copy_from_slice(body);
        while !rest.is_empty() {
            upload.reserve_capacity(rest.len());
            let room = poll_fn(|task| upload.poll_capacity(task));
            // Refused before all was sent.
            let Ok(Some(Ok(room))) = timeout(PATIENCE, room).await else { break };
            let piece = rest.split_to(room.min(rest.len()));
            if upload.send_data(piece, rest.is_empty()).is_err() {
                break;
            }
        }
        Sent { answer, upload }
    }

    /// Sends a request and waits for the answer's head.
    pub(crate) async fn begin(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answering {
        self.send(method, path, headers, body).await.answered().await
    }

    /// One exchange.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut answering = self.begin(method, path, headers, body).await;
        let (body, last) = answering.rest().await;
        Answer { status: answering.head.status().as_u16(), head: answering.head, body, last }
    }

    /// How many streams the server lets one connection have.
    pub(crate) fn most_streams(&self) -> usize {
        self.most_streams.load(Ordering::Relaxed)
    }

    /// Closes the connection as it is.
    pub(crate) fn close(self) {
        self.driver.abort();
    }
}

impl Sent {
    /// Waits for the head.
    pub(crate) async fn answered(self) -> Answering {
        let answer = timeout(PATIENCE, self.answer).await.expect("an answer in time").expect("an answer");
        let (parts, body) = answer.into_parts();
        Answering { head: http::Response::from_parts(parts, ()), body, upload: self.upload, takes: true }
    }
}

impl Answering {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The next DATA frame's bytes, or how the stream ended.
    pub(crate) async fn chunk(&mut self) -> Result<Vec<u8>, Last> {
        match timeout(PATIENCE, self.body.data()).await.expect("the next frame in time") {
            Some(Ok(bytes)) => {
                if self.takes {
                    self.body.flow_control().release_capacity(bytes.len()).unwrap();
                }
                Ok(bytes.to_vec())
            }
            Some(Err(error)) => Err(error.reason().map_or(Last::Broken, |reason| {
                if error.is_reset() { Last::Reset(reason) } else { Last::Broken }
            })),
            None => Err(Last::EndOfStream),
        }
    }

    /// Everything that still comes.
    pub(crate) async fn rest(&mut self) -> (Vec<u8>, Last) {
        let mut body = Vec::new();
        loop {
            match self.chunk().await {
                Ok(bytes) => body.extend(bytes),
                Err(last) => return (body, last),
            }
        }
    }

    /// Makes no more room for what comes.
    pub(crate) fn takes_nothing(&mut self) {
        self.takes = false;
    }

    /// Resets the stream.
    pub(crate) fn reset(mut self, reason: Reason) {
        self.upload.send_reset(reason);
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// `error.code` of an answer of jurat's own.
    pub(crate) fn error_code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("an error is JSON");
        body["error"]["code"].as_str().expect("error.code").to_owned()
    }
}
