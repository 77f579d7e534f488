//! Streams that are relayed beside the crowd, and how much later their events come than the engine sends them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use jurat_tests::{Message, Script, Sidecar, Step, answers, request};
use tokio::task::JoinHandle;

/// Between two events.
const BEAT: Duration = Duration::from_millis(20);
/// Streams at a time.
const STREAMS: usize = 8;
/// One stream lasts a second.
const EVENTS: usize = 50;

/// One stream: an event a beat.
pub(crate) fn script() -> Script {
    let event = answers::chunk(&answers::chat_event("chatcmpl-crowd", "word"));
    let mut steps = vec![Step::Send(answers::stream_head())];
    for _ in 0..EVENTS {
        steps.extend([Step::Send(event.clone()), Step::Sleep(BEAT)]);
    }
    steps.extend([Step::Send(answers::chunk(answers::DONE)), Step::Send(answers::LAST_CHUNK.to_vec())]);
    Script::new(steps)
}

/// Streams under way, one after the other, until they are asked for their pace.
pub(crate) struct Streams {
    over: Arc<AtomicBool>,
    streams: Vec<JoinHandle<Vec<Duration>>>,
}

impl Streams {
    pub(crate) fn start(sidecar: &Arc<Sidecar>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let stream = |_| {
            let (sidecar, over) = (Arc::clone(sidecar), Arc::clone(&over));
            tokio::spawn(async move {
                let mut late = one(&sidecar).await;
                while !over.load(Ordering::Relaxed) {
                    late.extend(one(&sidecar).await);
                }
                late
            })
        };
        Self { streams: (0..STREAMS).map(stream).collect(), over }
    }

    /// Waits for the end of those under way.
    pub(crate) async fn pace(self) -> Pace {
        self.over.store(true, Ordering::Relaxed);
        let mut late = Vec::new();
        for stream in self.streams {
            late.extend(stream.await.expect("a stream does not panic"));
        }
        late.sort_unstable();
        let at = |share: f64| late.get((late.len() as f64 * share) as usize).copied().unwrap_or_default();
        Pace {
            events: late.len(),
            p50: at(0.5),
            p99: at(0.99),
            worst: late.last().copied().unwrap_or_default(),
        }
    }
}

/// By how much each event came later than a beat after the one before.
async fn one(sidecar: &Sidecar) -> Vec<Duration> {
    let mut client = sidecar.connect().await;
    let body = answers::ask_stream("x");
    let headers = ["Content-Type: application/json"];
    client.send(&request("POST", "/v1/chat/completions", &headers, &body)).await.expect("the sidecar reads");
    let head = client.head().await.expect("the sidecar answers");
    let mut seen: Vec<Instant> = Vec::with_capacity(EVENTS + 2);
    client
        .stream_body(&head, Message::Answer { to_head: false }, |_| seen.push(Instant::now()))
        .await
        .expect("the stream is whole");
    // The last pieces are the end's, which waits for the receipt.
    seen.truncate(EVENTS);
    seen.windows(2).map(|pair| pair[1].duration_since(pair[0]).saturating_sub(BEAT)).collect()
}

/// Latenesses.
pub(crate) struct Pace {
    pub(crate) events: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) worst: Duration,
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { events, p50, p99, worst } = self;
        write!(f, "p50 {p50:.1?}, p99 {p99:.1?}, worst {worst:.1?} of {events} events")
    }
}
