//! A client on a raw socket: writes the bytes it is told, and tells every byte it saw and how it ended.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{sleep, timeout},
};

use crate::{
    http::{Body, Head, Malformed, Message, find, read_head, read_more},
    stream::Stream,
};

/// Nothing on one machine takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How an answer ended on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its framing said that it is whole.
    Clean,
    /// The connection closed before the framing was satisfied.
    Cut,
    /// The connection was reset before the framing was satisfied.
    Reset,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// How it ended.
    pub ending: Ending,
    /// From the request's last byte to the end of the answer.
    pub took: Duration,
}

impl Answer {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// The receipt id that was announced.
    pub fn receipt_id(&self) -> &str {
        self.header("x-receipt-id").unwrap_or_else(|| {
            panic!("a sworn answer must announce X-Receipt-Id before its first byte: {:?}", self.head.headers)
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("the answer must be JSON ({error}): {:?}", String::from_utf8_lossy(&self.body))
        })
    }

    /// `error.code` of an OpenAI-shaped error; panics if the shape is another.
    pub fn error_code(&self) -> String {
        let body = self.json();
        let error = body["error"].as_object().unwrap_or_else(|| panic!("no error object in {body}"));
        for key in ["message", "type", "param", "code"] {
            assert!(error.contains_key(key), "an error of ours must have the member {key}: {body}");
        }
        body["error"]["code"].as_str().unwrap_or_else(|| panic!("error.code must be a string: {body}")).into()
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    pending: Vec<u8>,
    sent: Instant,
}

impl Client {
    /// Connects.
    pub async fn connect(to: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Stream::plain(to).await?))
    }

    /// Connects from this address of the machine's own.
    pub async fn connect_from(from: IpAddr, to: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Stream::plain_from(from, to).await?))
    }

    /// Connects under TLS, to whoever is there.
    pub async fn connect_secured(to: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(Stream::secured(to, &["http/1.1"]).await?))
    }

    fn over(stream: Stream) -> Self {
        Self { stream, pending: Vec::new(), sent: Instant::now() }
    }

    /// Connects, waiting for a free port where thousands were just used.
    pub async fn connect_patiently(to: SocketAddr) -> io::Result<Self> {
        for _ in 0..200 {
            match Self::connect(to).await {
                Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
                    sleep(Duration::from_millis(50)).await;
                }
                other => return other,
            }
        }
        Err(io::ErrorKind::AddrNotAvailable.into())
    }

    /// Writes exactly these bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let result = self.stream.write_all(bytes).await;
        self.sent = Instant::now();
        result
    }

    /// Reads the head of the next answer; interim (1xx) answers are answers too.
    pub async fn head(&mut self) -> io::Result<Head> {
        patiently(read_head(&mut self.stream, &mut self.pending))
            .await?
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads one whole answer; the connection may be used again if it ended cleanly.
    pub async fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head().await?;
        self.body(head, Message::Answer { to_head: false }).await
    }

    /// Reads the body that belongs to a head.
    pub async fn body(&mut self, head: Head, of: Message) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        let ending = self.stream_body(&head, of, |piece| bytes.extend_from_slice(piece)).await?;
        Ok(Answer { head, body: bytes, ending, took: self.sent.elapsed() })
    }

    /// Reads a body without keeping it.
    pub async fn stream_body(
        &mut self,
        head: &Head,
        of: Message,
        mut out: impl FnMut(&[u8]),
    ) -> io::Result<Ending> {
        let mut body = Body::new(head.framing(of)?);
        loop {
            let taken = body.feed(&self.pending, &mut out)?;
            self.pending.drain(..taken);
            if body.is_done() {
                return Ok(Ending::Clean);
            }
            match patiently(read_more(&mut self.stream, &mut self.pending)).await {
                Ok(0) if body.ends_with_connection() => return Ok(Ending::Clean),
                Ok(0) => return Ok(Ending::Cut),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Ending::Reset),
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads a head and then the body until `needle` has come; gives head and body so far. The caller may
    /// drop the client exactly there.
    pub async fn until(&mut self, needle: &[u8]) -> io::Result<(Head, Vec<u8>)> {
        let head = self.head().await?;
        let (bytes, found) = self.body_until(&head, needle).await;
        found.map(|()| (head, bytes))
    }

    /// Reads the body that belongs to a head until `needle` has come, or an error instead of it; gives what was
    /// read in either case.
    pub async fn body_until(&mut self, head: &Head, needle: &[u8]) -> (Vec<u8>, io::Result<()>) {
        let mut bytes = Vec::new();
        let found = self.find_in_body(head, needle, &mut bytes).await;
        (bytes, found)
    }

    async fn find_in_body(&mut self, head: &Head, needle: &[u8], bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut body = Body::new(head.framing(Message::Answer { to_head: false })?);
        loop {
            let taken = body.feed(&self.pending, |piece| bytes.extend_from_slice(piece))?;
            self.pending.drain(..taken);
            if find(bytes, needle).is_some() {
                return Ok(());
            }
            if body.is_done() {
                return Err(Malformed(format!("the body ended without {needle:?}")).into());
            }
            if patiently(read_more(&mut self.stream, &mut self.pending)).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Closes the sending half.
    pub async fn half_close(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Closes with a reset instead of a FIN.
    pub fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Whether the peer closes within `limit` without another byte.
    pub async fn closes_within(&mut self, limit: Duration) -> bool {
        self.pending.is_empty()
            && matches!(timeout(limit, self.stream.read_buf(&mut self.pending)).await, Ok(Ok(0) | Err(_)))
    }

    /// Reads whatever comes for so long.
    pub async fn drain_for(&mut self, limit: Duration) -> Vec<u8> {
        let until = Instant::now() + limit;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match timeout(left, self.stream.read_buf(&mut self.pending)).await {
                Ok(Ok(1..)) => {}
                _ => break,
            }
        }
        std::mem::take(&mut self.pending)
    }
}

/// For one question after the other: keeps its connection, and takes a new one if that was closed in between.
#[derive(Debug)]
pub struct KeptClient {
    to: SocketAddr,
    kept: Option<Client>,
}

impl KeptClient {
    /// Connects when it is first asked.
    pub fn of(to: SocketAddr) -> Self {
        Self { to, kept: None }
    }

    /// `GET`.
    pub async fn fetch(&mut self, target: &str) -> io::Result<Answer> {
        for attempt in 0..2 {
            let mut client = match self.kept.take() {
                Some(client) => client,
                None => Client::connect_patiently(self.to).await?,
            };
            let answer = match client.send(&request("GET", target, &[], b"")).await {
                Ok(()) => client.answer().await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) if answer.ending == Ending::Clean => {
                    self.kept = Some(client);
                    return Ok(answer);
                }
                Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(_) if attempt == 0 => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::NotConnected.into())
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Composes a request with a Content-Length, if there is a body to count. `headers` are whole lines without CRLF.
pub fn request(method: &str, target: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: jurat.test\r\n").into_bytes();
    for line in headers {
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() || matches!(method, "POST" | "PUT" | "PATCH") {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}
