//! Doors into the parsers of hostile bytes, for `tests/fuzz` alone: no other build has this module.

use std::future::poll_fn;

use actix_web::http::{
    Method, Uri,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use bytes::Bytes;
use jurat_proto::{Address, Digest, ReceiptId};
use jurat_witness::Family;
use tokio::{io::AsyncWriteExt, net::UnixStream};

use crate::{
    admission::Credentials,
    demands::{Demands, Gate, SaltKey},
    engine::{Connection, EngineAddress, EngineBody, ResponseHead},
    headers::{self, RequestFraming, Target},
    query::Query,
    report,
    routes::Route,
};

/// An engine's answer as it was understood.
#[derive(Debug, PartialEq, Eq)]
pub struct EngineAnswer {
    /// The status.
    pub status: u16,
    /// The body without its framing, as far as it came.
    pub body: Vec<u8>,
    /// Whether the framing said that it is whole.
    pub whole: bool,
}

/// Reads `wire`, written in pieces of `size` bytes, as an engine's answer; `None` if it has no head.
pub fn engine_answer(wire: &[u8], size: usize) -> Option<EngineAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().ok()?;
    runtime.block_on(async {
        let (near, mut far) = UnixStream::pair().ok()?;
        let mut connection = Connection::over(near);
        let reading = async {
            let head = poll_fn(|task| ResponseHead::poll_read(&mut connection, task)).await.ok()?;
            let mut body = EngineBody::new(connection, head.framing, None);
            let mut answer = EngineAnswer { status: head.status.as_u16(), body: Vec::new(), whole: true };
            while let Some(piece) = poll_fn(|task| body.poll_chunk(task)).await {
                match piece {
                    Ok(piece) => answer.body.extend_from_slice(&piece),
                    Err(_) => answer.whole = false,
                }
            }
            Some(answer)
        };
        let writing = async move {
            for piece in wire.chunks(size) {
                if far.write_all(piece).await.is_err() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(far);
        };
        let (answer, ()) = tokio::join!(reading, writing);
        answer
    })
}

/// The head that an engine would get for a client's request with a body of `length` bytes, where jurat's own door took
/// the token; `None` where no route is.
pub fn engine_request(method: &str, target: &str, given: &[(&str, &[u8])], length: u64) -> Option<Vec<u8>> {
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let uri: Uri = target.parse().ok()?;
    let route = Route::find(&method, uri.path())?;
    let mut map = HeaderMap::new();
    for (name, value) in given {
        map.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?);
    }
    let address = EngineAddress::Unix("/e".into());
    let id = ReceiptId::new([7; 16]);
    let target = Target { method: &method, path: route.path.as_str(), query: uri.query() };
    let (credentials, framing) = (Credentials::Consumed, RequestFraming::Length(length));
    Some(headers::request_head(target, &map, credentials, framing, Some(&id), &address, 0).to_vec())
}

/// The binding that a report request gets, `None` for a report of the past; the error's code.
pub fn report_query(query: &str, v1: bool) -> Result<Option<String>, u16> {
    let path = if v1 { report::Path::V1 } else { report::Path::Bare };
    let live = (Address::new([1; 20]), Digest::ZERO);
    report::binding_asked(path, &Query::new(query), &live)
        .map(|binding| binding.map(|binding| binding.to_string()))
        .map_err(|refusal| refusal.status().as_u16())
}

/// What the engine gets with every knob on; `None` if the body is refused.
pub fn demand(body: &[u8]) -> Option<Vec<u8>> {
    let demands = Demands {
        request_id: Gate::Refuse,
        remote_media: Gate::Refuse,
        cache_salt: Some(SaltKey::new([7; 32])),
    };
    demands.meet(&Bytes::copy_from_slice(body), Family::Chat, None).ok().flatten().map(|body| body.to_vec())
}
