//! What all four relays share: the server, the hashes, the signatures.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    body::{BodySize, EitherBody, MessageBody},
    http::StatusCode,
    web,
};
use bytes::{Bytes, BytesMut};
use k256::ecdsa::SigningKey;
use sha2::{Digest, Sha256};

/// As many as every other target of the scales has.
const WORKERS: usize = 2;
/// A plain answer up to this size leaves whole, as it does in jurat.
const SMALL: u64 = 64 << 10;

/// What goes to the engine.
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) request_id: String,
    pub(crate) body: Bytes,
}

/// What comes back; `length` if it was announced.
pub(crate) struct Answered<B> {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) length: Option<u64>,
    pub(crate) body: B,
}

/// A client, one a worker.
pub(crate) trait Client: 'static {
    type Body: Chunks;
    async fn ask(self: Rc<Self>, asked: Asked) -> io::Result<Answered<Self::Body>>;
}

/// An answer's body, polled by whoever writes it to the client.
pub(crate) trait Chunks: Unpin + 'static {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>>;
}

/// Serves until it is killed.
pub(crate) async fn serve<C: Client>(client: impl Fn() -> C + Clone + Send + 'static) -> io::Result<()> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Rc::new(Worker { client: Rc::new(client()), key: key() }))
            .default_service(web::to(relay::<C>))
    });
    let server = server.workers(WORKERS).tcp_nodelay(true).h1_allow_half_closed(false).bind("127.0.0.1:0")?;
    for address in server.addrs() {
        println!("listening on {address}");
    }
    server.run().await
}

struct Worker<C> {
    client: Rc<C>,
    key: Rc<SigningKey>,
}

/// No secret, and no two relays need differ.
fn key() -> Rc<SigningKey> {
    Rc::new(SigningKey::from_slice(&[7; 32]).expect("below the order of the curve"))
}

type Reply<B> = HttpResponse<EitherBody<Witnessed<B>>>;

async fn relay<C: Client>(request: HttpRequest, body: Bytes) -> actix_web::Result<Reply<C::Body>> {
    let worker = request.app_data::<Rc<Worker<C>>>().expect("every worker has its client");
    let header = |name: &str| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let mut hash = Sha256::new();
    hash.update(&body);
    let asked = Asked {
        path: request.path().to_owned(),
        content_type: header("content-type"),
        request_id: "0123456789abcdef0123456789abcdef".into(),
        body,
    };
    let Answered { status, content_type, length, body } =
        Rc::clone(&worker.client).ask(asked).await.map_err(actix_web::error::ErrorBadGateway)?;
    let mut body = Witnessed { body, length, hash, key: Rc::clone(&worker.key), over: false };
    let mut builder = HttpResponse::build(StatusCode::from_u16(status).unwrap_or_default());
    builder.content_type(content_type);
    match length {
        Some(length) if length <= SMALL => {
            let mut whole = BytesMut::with_capacity(length as usize);
            while let Some(bytes) = poll_fn(|cx| body.poll(cx)).await {
                whole.extend_from_slice(&bytes.map_err(actix_web::error::ErrorBadGateway)?);
            }
            Ok(builder.body(whole.freeze()).map_body(|_, body| EitherBody::right(body)))
        }
        _ => Ok(builder.message_body(EitherBody::left(body))?),
    }
}

struct Witnessed<B> {
    body: B,
    length: Option<u64>,
    hash: Sha256,
    key: Rc<SigningKey>,
    over: bool,
}

impl<B: Chunks> Witnessed<B> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.body.poll_chunk(cx));
        match &chunk {
            Some(Ok(bytes)) => self.hash.update(bytes),
            _ => {
                self.over = true;
                let mut digest = std::mem::take(&mut self.hash).finalize();
                for _ in 0..2 {
                    let (signature, _) = self.key.sign_prehash_recoverable(&digest);
                    // The next hangs on this one, so that none is made for nothing.
                    digest.copy_from_slice(&signature.to_bytes()[..32]);
                }
                std::hint::black_box(digest);
            }
        }
        Poll::Ready(chunk)
    }
}

impl<B: Chunks> MessageBody for Witnessed<B> {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        self.length.map_or(BodySize::Stream, BodySize::Sized)
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        self.get_mut().poll(cx)
    }
}
