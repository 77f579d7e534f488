//! An engine that says exactly what a test tells it to say, on a raw socket.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use jurat_proto::Digest;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use crate::{
    answers,
    http::{Body, Head, Message, read_head, read_more},
};

/// How many bytes of a request's body are kept; all of them are hashed and counted.
const KEPT: usize = 4 << 20;

/// One thing that the engine does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads the request's body to its end.
    ReadBody,
    /// Writes these bytes and flushes them.
    Send(Vec<u8>),
    /// Writes the same bytes so many times.
    Repeat(Vec<u8>, usize),
    /// Says nothing for so long.
    Sleep(Duration),
    /// Says nothing until the client's side of the connection is closed.
    WaitForClientGone,
    /// Closes the connection with a FIN.
    Close,
    /// Closes the connection with a reset (on a unix socket: plainly).
    Reset,
}

/// What the engine does upon one request; afterwards the connection takes the next.
#[derive(Debug, Clone)]
pub struct Script(Vec<Step>);

impl Script {
    /// Reads the whole request first.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(std::iter::once(Step::ReadBody).chain(steps).collect())
    }

    /// Acts upon the head alone; the body is read when a step says so, or behind the last step.
    pub fn early(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    /// A stream: its head, each of these pieces in a chunk of its own, and then whatever follows.
    pub fn stream(pieces: &[&[u8]], tail: &[Step]) -> Self {
        let pieces = pieces.iter().map(|piece| Step::Send(answers::chunk(piece)));
        let head = std::iter::once(Step::Send(answers::stream_head()));
        Self::new(head.chain(pieces).chain(tail.iter().cloned()))
    }

    /// Sends these bytes.
    pub fn say(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new([Step::Send(bytes.into())])
    }
}

/// A request as the engine saw it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Request line and headers.
    pub head: Head,
    /// The body's bytes, the first 4 MiB of them.
    pub body: Vec<u8>,
    /// How many bytes the body had.
    pub length: u64,
    /// SHA-256 of the body.
    pub sha256: Digest,
    /// Whether the body came to its end.
    pub whole: bool,
}

#[derive(Default)]
struct State {
    recorded: Mutex<Vec<Recorded>>,
    connections: AtomicUsize,
    gone: AtomicUsize,
}

type Handler = dyn Fn(&Head) -> Script + Send + Sync;

/// Whether requests are kept for the test to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    Kept,
    None,
}

/// A listening engine; it stops when dropped.
pub struct FakeEngine {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl FakeEngine {
    /// Listens on loopback; `handler` chooses the script by the request's head.
    pub async fn start(handler: impl Fn(&Head) -> Script + Send + Sync + 'static) -> Self {
        Self::listen(handler, Memory::Kept).await
    }

    /// Like [`start`](Self::start), but keeps no request: for long runs.
    pub async fn start_forgetful(handler: impl Fn(&Head) -> Script + Send + Sync + 'static) -> Self {
        Self::listen(handler, Memory::None).await
    }

    /// One script whatever is asked.
    pub async fn always(script: Script) -> Self {
        Self::start(move |_| script.clone()).await
    }

    /// Chooses the script by the request's header `X-Script`, which the sidecar passes on like any other.
    pub async fn by_name(scripts: impl IntoIterator<Item = (&'static str, Script)>) -> Self {
        let scripts: BTreeMap<_, _> = scripts.into_iter().collect();
        Self::start(move |head| {
            let name = head.header("x-script").unwrap_or_default();
            scripts.get(name).cloned().unwrap_or_else(|| {
                Script::say(crate::answers::json(500, format!("no script {name:?}").as_bytes()))
            })
        })
        .await
    }

    /// Listens on a unix socket.
    pub fn start_unix(path: &Path, handler: impl Fn(&Head) -> Script + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).expect("bind a unix socket");
        let state = Arc::new(State::default());
        let (shared, handler) = (Arc::clone(&state), Arc::new(handler) as Arc<Handler>);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&shared), Memory::Kept));
            }
        });
        Self { url: format!("unix:{}", path.display()), state, task }
    }

    async fn listen(handler: impl Fn(&Head) -> Script + Send + Sync + 'static, memory: Memory) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind the engine's port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let state = Arc::new(State::default());
        let (shared, handler) = (Arc::clone(&state), Arc::new(handler) as Arc<Handler>);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream, Arc::clone(&handler), Arc::clone(&shared), memory));
            }
        });
        Self { url, state, task }
    }

    /// What `--engine` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens; a unix socket has no such place.
    pub fn address(&self) -> SocketAddr {
        self.url.trim_start_matches("http://").parse().expect("an address of TCP")
    }

    /// Every request so far, in the order in which they were over.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state.recorded.lock().expect("no holder panics").clone()
    }

    /// The one request that was sent under this `X-Request-Id`; waits for it for a moment.
    pub async fn recorded_under(&self, id: &str) -> Recorded {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let found: Vec<_> =
                self.recorded().into_iter().filter(|at| at.head.header("x-request-id") == Some(id)).collect();
            match found.as_slice() {
                [one] => return one.clone(),
                [] if Instant::now() < until => sleep(Duration::from_millis(10)).await,
                [] => panic!("the engine must be asked under X-Request-Id: {id} (the receipt id)"),
                more => panic!("{} requests under the same X-Request-Id {id}", more.len()),
            }
        }
    }

    /// How many connections brought a request; one that only looks whether somebody listens is none.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Waits until `count` connections were seen to be closed from the other side in mid-script.
    pub async fn gone(&self, count: usize, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        while self.state.gone.load(Ordering::Relaxed) < count {
            if Instant::now() > until {
                return false;
            }
            sleep(Duration::from_millis(5)).await;
        }
        true
    }

    /// An address on loopback where nobody listens.
    pub async fn refusing() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind a port");
        listener.local_addr().expect("a bound socket has an address")
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {
    fn abort(&self);
}

impl Socket for TcpStream {
    fn abort(&self) {
        let _ = self.set_zero_linger();
    }
}

impl Socket for UnixStream {
    fn abort(&self) {}
}

async fn serve(mut stream: impl Socket, handler: Arc<Handler>, state: Arc<State>, memory: Memory) {
    let mut pending = Vec::new();
    let mut asked = false;
    while let Ok(Some(head)) = read_head(&mut stream, &mut pending).await {
        state.connections.fetch_add(usize::from(!asked), Ordering::Relaxed);
        asked = true;
        let Script(steps) = handler(&head);
        let closing = head.has_token("connection", "close");
        let Ok(framing) = head.framing(Message::Request) else { return };
        let mut upload = Upload {
            head,
            framing: Body::new(framing),
            hash: Sha256::new(),
            body: Vec::new(),
            length: 0,
            noted: false,
        };
        let mut on = true;
        for step in steps {
            match perform(&mut stream, step, &mut upload, &mut pending, &state, memory).await {
                Ok(true) => {}
                Ok(false) => on = false,
                Err(_) => {
                    state.gone.fetch_add(1, Ordering::Relaxed);
                    on = false;
                }
            }
            if !on {
                break;
            }
        }
        on = on && upload.read_all(&mut stream, &mut pending).await.is_ok();
        upload.note(&state, memory);
        if !on || closing {
            return;
        }
    }
}

/// Performs one step; `false` if it closed the connection.
async fn perform(
    stream: &mut impl Socket,
    step: Step,
    upload: &mut Upload,
    pending: &mut Vec<u8>,
    state: &State,
    memory: Memory,
) -> io::Result<bool> {
    match step {
        Step::ReadBody => {
            upload.read_all(stream, pending).await?;
            upload.note(state, memory);
        }
        Step::Send(bytes) => {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
        }
        Step::Repeat(bytes, times) => {
            for _ in 0..times {
                stream.write_all(&bytes).await?;
            }
        }
        Step::Sleep(time) => {
            // Woken early if the other side leaves, so that its leaving is counted when it happens.
            let until = Instant::now() + time;
            if upload.framing.is_done() {
                if let Ok(read) = timeout_at(until, stream.read_buf(pending)).await {
                    match read? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        _ => tokio::time::sleep_until(until).await,
                    }
                }
            } else {
                tokio::time::sleep_until(until).await;
            }
        }
        Step::WaitForClientGone => {
            let mut void = vec![0; 64 << 10];
            loop {
                if stream.read(&mut void).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
        }
        Step::Close => return Ok(false),
        Step::Reset => {
            stream.abort();
            return Ok(false);
        }
    }
    Ok(true)
}

struct Upload {
    head: Head,
    framing: Body,
    hash: Sha256,
    body: Vec<u8>,
    length: u64,
    noted: bool,
}

impl Upload {
    async fn read_all(&mut self, stream: &mut impl Socket, pending: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let taken = self.framing.feed(pending, |piece| {
                self.hash.update(piece);
                self.length += piece.len() as u64;
                let room = KEPT.saturating_sub(self.body.len()).min(piece.len());
                self.body.extend_from_slice(&piece[..room]);
            })?;
            pending.drain(..taken);
            if self.framing.is_done() {
                return Ok(());
            }
            if read_more(stream, pending).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn note(&mut self, state: &State, memory: Memory) {
        if self.noted || memory == Memory::None {
            return;
        }
        self.noted = true;
        state.recorded.lock().expect("no holder panics").push(Recorded {
            head: self.head.clone(),
            body: std::mem::take(&mut self.body),
            length: self.length,
            sha256: Digest::new(self.hash.clone().finalize().into()),
            whole: self.framing.is_done(),
        });
    }
}
