//! Whoever stands between a client and a service, and does with their words what he likes.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    answers,
    client::{Answer, Client, request},
    http::{Body, Head, Message, read_head, read_more},
};

/// A request that passes him, and its answer.
#[derive(Debug)]
pub struct Passing {
    /// Request line and headers.
    pub request: Head,
    /// The request's body.
    pub asked: Vec<u8>,
    /// The service's answer, whole.
    pub answer: Answer,
}

impl Passing {
    /// The request's path and query.
    pub fn target(&self) -> &str {
        self.request.method_and_target().1
    }

    /// Whether it asks for a receipt.
    pub fn is_for_a_receipt(&self) -> bool {
        self.target().contains("/signature/")
    }

    /// Whether it asks for a completion.
    pub fn is_for_an_answer(&self) -> bool {
        self.target().contains("/chat/completions")
    }

    /// The answer as it came.
    pub fn unchanged(&self) -> Vec<u8> {
        written(&self.answer.head, &self.answer.body)
    }

    /// The answer with another body.
    pub fn with(&self, body: &[u8]) -> Vec<u8> {
        written(&self.answer.head, body)
    }
}

/// Writes an answer down: the same head, framed as it was.
pub fn written(head: &Head, body: &[u8]) -> Vec<u8> {
    let mut out = format!("{}\r\n", head.start_line).into_bytes();
    let chunked = head.has_token("transfer-encoding", "chunked");
    for (name, value) in &head.headers {
        if !["content-length", "transfer-encoding", "connection"]
            .contains(&name.to_ascii_lowercase().as_str())
        {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    if chunked {
        out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
        out.extend_from_slice(&answers::chunked(body, 1 << 20));
    } else {
        out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        out.extend_from_slice(body);
    }
    out
}

type Meddling = dyn Fn(&Passing) -> Vec<u8> + Send + Sync;

/// Which service gets a request, by its target, and under which target.
type Routing = Mutex<Box<dyn FnMut(&str) -> (SocketAddr, String) + Send>>;

/// The man in the middle; he goes when dropped.
pub struct Middle {
    url: String,
    routing: Arc<Routing>,
    task: JoinHandle<()>,
}

impl Middle {
    /// Listens on loopback in front of a service. `meddle` says what is written in an answer's place.
    pub async fn before(
        service: SocketAddr,
        meddle: impl Fn(&Passing) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind the middle's port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let meddle: Arc<Meddling> = Arc::new(meddle);
        let routing: Arc<Routing> =
            Arc::new(Mutex::new(Box::new(move |target| (service, target.to_owned()))));
        let routed = Arc::clone(&routing);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(pass(stream, Arc::clone(&routed), Arc::clone(&meddle)));
            }
        });
        Self { url, routing, task }
    }

    /// From now on requests go elsewhere.
    pub fn route(&self, routing: impl FnMut(&str) -> (SocketAddr, String) + Send + 'static) {
        *self.routing.lock().expect("no holder panics") = Box::new(routing);
    }

    /// Its base URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut stream: TcpStream, routing: Arc<Routing>, meddle: Arc<Meddling>) {
    let mut pending = Vec::new();
    while let Ok(Some(head)) = read_head(&mut stream, &mut pending).await {
        let Ok(framing) = head.framing(Message::Request) else { return };
        let (mut body, mut asked) = (Body::new(framing), Vec::new());
        loop {
            let Ok(taken) = body.feed(&pending, |piece| asked.extend_from_slice(piece)) else { return };
            pending.drain(..taken);
            if body.is_done() {
                break;
            }
            if !matches!(read_more(&mut stream, &mut pending).await, Ok(1..)) {
                return;
            }
        }
        let dropped = ["host", "content-length", "transfer-encoding", "connection"];
        let lines: Vec<String> = head
            .headers
            .iter()
            .filter(|(name, _)| !dropped.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (method, target) = head.method_and_target();
        let (service, target) = (routing.lock().expect("no holder panics"))(target);
        let Ok(mut client) = Client::connect(service).await else { return };
        if client.send(&request(method, &target, &lines, &asked)).await.is_err() {
            return;
        }
        let Ok(answer) = client.answer().await else { return };
        let answer = meddle(&Passing { request: head, asked, answer });
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}
