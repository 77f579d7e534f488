//! A sidecar without a program: its engine is a thread, its archive is memory, and its application is the data port's,
//! set in one that panics.

use std::{
    future::Future,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    task::{Context as Task, Poll},
    thread,
    time::Duration,
};

use actix_http::Request;
use actix_server::{Server, ServerHandle};
use actix_service::{Service, fn_factory};
use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    rt::System,
};
use bytes::Bytes;
use getrandom::{SysRng, rand_core::UnwrapErr};
use jurat_ledger::{Appender, Link, MEMORY_BOUNDS, MemoryStore, NewChain, OnFailure, Settings, StoreAtStart};
use jurat_proto::{Binding, Digest, End, Nonce, UnixMillis};
use jurat_witness::{Key, Signer};

use super::super::{application, in_the_clear};
use crate::{
    admission::{Admission, Doors},
    context::{
        Context, EvidenceFigures, Latches, Limits, Parts, ReceiptScope, ReportRefusal, ReportReply, Reporter,
    },
    demands::Demands,
    engine::EngineAddress,
    metrics::Metrics,
};

/// By which an answer is known to be whole.
pub(super) const WHOLE: &str = "data: [DONE]";
const EVENT: &str = "data: {\"id\":\"chatcmpl-1\",\"model\":\"m\",\"choices\":[]}\n\n";
const ROUTE: &str = "/v1/chat/completions";
const HEADER: &str = "x-panics";

/// When the handler of a request panics, as its header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panics {
    Never,
    /// Before it has done anything.
    AtOnce,
    /// While the engine is waited for.
    BeforeTheHead,
    /// When it is asked for the second piece of the body.
    InTheBody,
}

impl Panics {
    fn word(self) -> String {
        format!("{self:?}")
    }
}

pub(super) struct House {
    parts: Parts,
    let_go: Arc<AtomicBool>,
}

pub(super) struct Serving {
    handle: ServerHandle,
    thread: thread::JoinHandle<()>,
}

impl Serving {
    pub(super) fn stop(self) {
        // Sent, not awaited: the server's own thread is what carries it out.
        drop(self.handle.stop(false));
        self.thread.join().unwrap();
    }
}

struct NoHardware;

impl Reporter for NoHardware {
    fn request(&self, _: Binding, _: Option<Nonce>, reply: ReportReply) {
        reply.send(Err(ReportRefusal::Unavailable("there is none".into())));
    }

    fn claims_hash(&self) -> Digest {
        Digest::ZERO
    }

    fn figures(&self) -> EvidenceFigures {
        EvidenceFigures::default()
    }
}

fn clock() -> UnixMillis {
    UnixMillis(1_000)
}

impl House {
    pub(super) fn open() -> Self {
        let let_go = Arc::new(AtomicBool::new(false));
        let engine = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = engine.local_addr().unwrap();
        let gate = Arc::clone(&let_go);
        thread::spawn(move || {
            for connection in engine.incoming().flatten() {
                let gate = Arc::clone(&gate);
                thread::spawn(move || answer(connection, &gate));
            }
        });
        let signer = Signer::new(Key::generate(&mut UnwrapErr(SysRng)), "claims");
        let settings = Settings {
            capacity: 16,
            on_failure: OnFailure::Refuse,
            store: StoreAtStart::Well,
            chains: Box::new(|| {
                Ok(NewChain { name: Digest::new([1; 32]), claims: "claims".into(), report: None })
            }),
        };
        let store = Arc::new(MemoryStore::new(MEMORY_BOUNDS));
        let parts = Parts {
            appender: Appender::start(signer, store, clock, settings).unwrap(),
            reporter: Arc::new(NoHardware),
            engine: EngineAddress::Tcp(address),
            limits: Limits::default(),
            demands: Demands::default(),
            scope: ReceiptScope::Anyone,
            admission: Admission::new(Doors::default(), 16),
            clock,
            metrics: Metrics::new("0", ""),
            latches: Arc::new(Latches::default()),
            csr: None,
            watcher: None,
            version: "0",
            commit: "",
        };
        Self { parts, let_go }
    }

    /// One worker, as the data port has several.
    pub(super) fn serve(&self) -> (SocketAddr, Serving) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (parts, (send, receive)) = (self.parts.clone(), mpsc::channel());
        let serving = move || {
            System::new().block_on(async {
                let server =
                    Server::build().workers(1).disable_signals().listen("test", listener, move || {
                        let parts = parts.clone();
                        fn_factory(move || {
                            let parts = parts.clone();
                            async move {
                                let context = Context::new(parts);
                                let app = Rc::new(Panicking(application(&context).await?));
                                in_the_clear(app, context, Duration::from_secs(20)).await
                            }
                        })
                    });
                let server = server.unwrap().run();
                send.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        };
        let thread = thread::spawn(serving);
        (address, Serving { handle: receive.recv().unwrap(), thread })
    }

    /// What answers, for one connection.
    pub(super) async fn application(
        &self,
    ) -> (
        Rc<impl Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + use<>>,
        Rc<Context>,
    ) {
        let context = Context::new(self.parts.clone());
        (Rc::new(Panicking(application(&context).await.unwrap())), context)
    }

    /// The engine ends the answers that it has begun.
    pub(super) fn let_go(&self) {
        self.let_go.store(true, Ordering::Release);
    }

    /// How the exchanges ended so far, in the order of the archive.
    pub(super) fn ends(&self) -> Vec<End> {
        let archive = self.parts.appender.archive();
        let chains = archive.chains().unwrap();
        let pages = chains.iter().map(|chain| archive.page(&chain.chain, 0, 100).unwrap());
        let of = |link: &Link| match link {
            Link::Receipt(entry) => Some(entry.record.receipt.end),
            Link::Pruned(_) => None,
        };
        pages.flat_map(|page| page.links.iter().filter_map(of).collect::<Vec<_>>()).collect()
    }

    /// Nothing is counted as under way that is not.
    pub(super) fn is_at_rest(&self) {
        let under_way = || (self.parts.appender.in_flight(), self.parts.latches.answers_under_way());
        for _ in 0..400 {
            if under_way() == (0, 0) {
                return;
            }
            thread::sleep(Duration::from_millis(25));
        }
        panic!("{:?} exchanges and answers are under way for ever", under_way());
    }
}

/// The engine: an event, and the end when it is let go; of a request that panics before the head, nothing.
fn answer(mut connection: TcpStream, let_go: &AtomicBool) {
    let mut heard = String::new();
    let mut piece = [0; 4096];
    while !heard.contains("\r\n\r\n{}") {
        match connection.read(&mut piece) {
            Ok(count) if count > 0 => heard.push_str(&String::from_utf8_lossy(&piece[..count])),
            _ => return,
        }
    }
    if heard.contains(&Panics::BeforeTheHead.word()) {
        // Until the sidecar is gone.
        let _ = connection.read(&mut piece);
        return;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let _ = connection.write_all(format!("{head}{}", chunk(EVENT)).as_bytes());
    if heard.contains(&Panics::InTheBody.word()) {
        thread::sleep(Duration::from_millis(100));
        let _ = connection.write_all(chunk(EVENT).as_bytes());
    }
    while !let_go.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(5));
    }
    let _ = connection.write_all(format!("{}0\r\n\r\n", chunk(&format!("{WHOLE}\n\n"))).as_bytes());
}

/// Asks over a connection of its own, which closes behind the answer.
pub(super) fn ask(address: SocketAddr, panics: Panics) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let headers = format!("host: x\r\nconnection: close\r\n{HEADER}: {}\r\ncontent-length: 2", panics.word());
    client.write_all(format!("POST {ROUTE} HTTP/1.1\r\n{headers}\r\n\r\n{{}}").as_bytes()).unwrap();
    client
}

/// What comes up to the first event.
pub(super) fn first_event(client: &mut TcpStream) -> String {
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    while !heard.contains(EVENT) {
        let count = client.read(&mut piece).unwrap();
        assert!(count > 0, "it ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    heard
}

/// Asks over a stream.
pub(super) async fn stream(
    client: &mut h2::client::SendRequest<Bytes>,
    panics: Panics,
) -> Result<h2::RecvStream, h2::Error> {
    let request = http::Request::post(format!("http://x{ROUTE}")).header(HEADER, panics.word());
    let (response, mut body) = client.send_request(request.body(()).unwrap(), false)?;
    body.send_data(Bytes::from_static(b"{}"), true)?;
    Ok(response.await?.into_body())
}

/// An application around the data port's.
struct Panicking<S>(S);

impl<S> Service<Request> for Panicking<S>
where
    S: Service<Request, Response = ServiceResponse<BoxBody>, Error = actix_web::Error> + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<ServiceResponse<BoxBody>, actix_web::Error>>>>;

    fn poll_ready(&self, task: &mut Task<'_>) -> Poll<Result<(), actix_web::Error>> {
        self.0.poll_ready(task)
    }

    fn call(&self, request: Request) -> Self::Future {
        let asked = |panics: Panics| {
            request
                .head()
                .headers()
                .get(HEADER)
                .is_some_and(|value| value.as_bytes() == panics.word().as_bytes())
        };
        let before_the_head = asked(Panics::BeforeTheHead);
        let in_the_body = asked(Panics::InTheBody);
        assert!(!asked(Panics::AtOnce), "meant to be");
        let answering = self.0.call(request);
        Box::pin(async move {
            let mut answering = Box::pin(answering);
            if before_the_head {
                // Until the engine has been asked. The exchange is dropped by the panic.
                let _ = tokio::time::timeout(Duration::from_millis(200), &mut answering).await;
                panic!("meant to be");
            }
            let response = answering.await?;
            Ok(response.map_body(|_, body| match in_the_body {
                true => Bursting { body, pieces: 1 }.boxed(),
                false => body,
            }))
        })
    }
}

/// A body that panics behind so many pieces.
struct Bursting {
    body: BoxBody,
    pieces: usize,
}

impl MessageBody for Bursting {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        assert!(self.pieces > 0, "meant to be");
        let next = Pin::new(&mut self.body).poll_next(task);
        if next.is_ready() {
            self.pieces -= 1;
        }
        next
    }
}
