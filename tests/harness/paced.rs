//! Streams that must not notice what goes on beside them: an event a beat, each with its number, each stream's receipt
//! fetched behind its last byte, and how much later than the engine sent them the events came. Others go to the engine
//! itself, so that what the machine does to everybody can be told from what the sidecar does.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jurat_proto::{End, sha256};
use tokio::task::JoinHandle;

use crate::{Client, Message, Oath, Script, Sidecar, Step, answers, request};

/// Between two events.
const BEAT: Duration = Duration::from_millis(20);
/// One stream lasts two seconds.
const EVENTS: usize = 100;

/// What the engine says on one stream.
pub fn paced_script() -> Script {
    let mut steps = vec![Step::Send(answers::stream_head())];
    for number in 0..EVENTS {
        let event = answers::chat_event("chatcmpl-paced", &format!("word {number}"));
        steps.extend([Step::Send(answers::chunk(&event)), Step::Sleep(BEAT)]);
    }
    steps.extend([Step::Send(answers::chunk(answers::DONE)), Step::Send(answers::LAST_CHUNK.to_vec())]);
    Script::new(steps)
}

/// What a stream's bytes must be.
fn whole() -> Vec<u8> {
    let events = (0..EVENTS).map(|number| answers::chat_event("chatcmpl-paced", &format!("word {number}")));
    events.chain([answers::DONE.to_vec()]).flatten().collect()
}

/// How many streams a place has had, all whole, and how late their events came.
type Had = (usize, Vec<Duration>);

/// Streams under way, each followed by another until they are asked for their pace.
pub struct PacedStreams {
    over: Arc<AtomicBool>,
    streams: Vec<JoinHandle<Result<Had, String>>>,
}

impl PacedStreams {
    /// So many at a time, each on a connection of its own.
    pub fn start(sidecar: &Arc<Sidecar>, count: usize) -> Self {
        Self::to(sidecar.address(), Some(sidecar), count)
    }

    /// The same without a sidecar, and so without receipts.
    pub fn direct(engine: SocketAddr, count: usize) -> Self {
        Self::to(engine, None, count)
    }

    fn to(address: SocketAddr, sidecar: Option<&Arc<Sidecar>>, count: usize) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let expected = Arc::new(whole());
        let stream = |number: usize| {
            let (sidecar, over, expected) = (sidecar.cloned(), Arc::clone(&over), Arc::clone(&expected));
            tokio::spawn(async move {
                // Spread over the length of a stream, so that neither beats nor ends fall together.
                tokio::time::sleep((BEAT * EVENTS as u32).mul_f64(number as f64 / count as f64)).await;
                let (mut whole, mut late) = (0, Vec::new());
                while !over.load(Ordering::Relaxed) || whole == 0 {
                    late.extend(one(address, sidecar.as_deref(), &expected).await?);
                    whole += 1;
                }
                Ok((whole, late))
            })
        };
        Self { streams: (0..count).map(stream).collect(), over }
    }

    /// Waits for the end of those under way. An error if one was refused, lost an event or has another receipt.
    pub async fn pace(self) -> Result<Pace, String> {
        self.over.store(true, Ordering::Relaxed);
        let (mut streams, mut late) = (0, Vec::new());
        for stream in self.streams {
            let (whole, of_it) = stream.await.map_err(|error| error.to_string())??;
            streams += whole;
            late.extend(of_it);
        }
        late.sort_unstable();
        let at = |share: f64| late.get((late.len() as f64 * share) as usize).copied().unwrap_or_default();
        Ok(Pace { streams, p50: at(0.5), p99: at(0.99), worst: late.last().copied().unwrap_or_default() })
    }
}

/// One stream on a connection of its own, and by how much each event came later than a beat after the one before.
async fn one(to: SocketAddr, sidecar: Option<&Sidecar>, expected: &[u8]) -> Result<Vec<Duration>, String> {
    let wrong = |error: std::io::Error| format!("a stream: {error}");
    let mut client = Client::connect_patiently(to).await.map_err(wrong)?;
    let body = answers::ask_stream("x");
    let headers = ["Content-Type: application/json"];
    client.send(&request("POST", "/v1/chat/completions", &headers, &body)).await.map_err(wrong)?;
    let head = client.head().await.map_err(wrong)?;
    if head.status() != 200 {
        return Err(format!("a stream was refused: {}", head.status()));
    }
    let (mut seen, mut got) = (Vec::with_capacity(EVENTS + 2), Vec::with_capacity(expected.len()));
    let to_head = Message::Answer { to_head: false };
    client
        .stream_body(&head, to_head, |piece| {
            seen.push(Instant::now());
            got.extend_from_slice(piece);
        })
        .await
        .map_err(wrong)?;
    if got != expected {
        return Err(format!("a stream lost events: {} of {} bytes", got.len(), expected.len()));
    }
    if let Some(sidecar) = sidecar {
        let id = head.header("x-receipt-id").ok_or("a stream without a receipt id")?;
        let receipt = Oath::fetch(sidecar, id).await.receipt;
        if receipt.end != End::Complete || receipt.response_hash != sha256(&got) {
            return Err(format!("a receipt that is not the stream's: {}", receipt.end));
        }
    }
    // The last pieces are the end's, which waits for the receipt.
    seen.truncate(EVENTS);
    Ok(seen.windows(2).map(|pair| pair[1].duration_since(pair[0]).saturating_sub(BEAT)).collect())
}

/// By how much events came late.
#[derive(Debug)]
pub struct Pace {
    streams: usize,
    p50: Duration,
    /// The 99th percentile.
    pub p99: Duration,
    worst: Duration,
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, p50, p99, worst } = self;
        write!(f, "{streams} streams whole; events late by p50 {p50:.1?}, p99 {p99:.1?}, worst {worst:.1?}")
    }
}
