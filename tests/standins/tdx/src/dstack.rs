//! dstack's guest agent: JSON over HTTP/1.1 on a unix socket, as the services `DstackGuest` and `Tappd` of its API say.

mod http;
mod keys;

use std::{
    io::{self, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use jurat_proto::{QuoteView, ReportData};
use serde_json::{Value, json};

pub use keys::KeyService;

use crate::{Made, Scratch, Stage};

/// How the agent fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AgentFault {
    /// Not at all.
    #[default]
    None,
    /// 503: somebody else's quote is being made.
    Busy,
    /// 400 with an error: the host's quoting service failed.
    Refuses,
    /// 200 with an error in the body, as some versions have it.
    RefusesWell,
    /// Bytes that are no HTTP.
    Garbage,
    /// A body that is no JSON.
    NoJson,
    /// Half of the answer, then the end.
    Cut,
    /// The whole answer, a byte at a time with pauses.
    Drips,
    /// Nothing for this long, then the answer.
    Slow(Duration),
    /// A valid quote with the echo of somebody else's report data.
    Stray,
    /// A valid quote, and then no `Info`.
    NoInfo,
    /// Answers in chunks: no fault, and another way to say the same.
    Chunked,
}

impl FromStr for AgentFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "none" => Self::None,
            "busy" => Self::Busy,
            "refuses" => Self::Refuses,
            "refuses-well" => Self::RefusesWell,
            "garbage" => Self::Garbage,
            "no-json" => Self::NoJson,
            "cut" => Self::Cut,
            "drips" => Self::Drips,
            "slow" => Self::Slow(Duration::from_secs(2)),
            "stray" => Self::Stray,
            "no-info" => Self::NoInfo,
            "chunked" => Self::Chunked,
            _ => return Err(format!("{text:?} is no fault of an agent's that is known here")),
        })
    }
}

/// The application's compose file; its digest is in `Info`, not in the log, as no application is measured here.
const APP_COMPOSE: &str = r#"{"manifest_version":2,"name":"SIMULATED","runner":"docker-compose"}"#;
/// As in the log of `jurat-simulated`.
const APP_ID: [u8; 20] = [0xee; 20];

/// A running agent; it ends, and its socket goes, when dropped.
pub struct Agent {
    socket: PathBuf,
    shared: Arc<Shared>,
    /// Where the socket lies, if nobody named a place.
    _scratch: Option<Scratch>,
}

struct Shared {
    stage: Stage,
    keys: KeyService,
    conduct: Mutex<(Made, AgentFault)>,
    calls: Mutex<Vec<String>>,
}

impl Agent {
    /// Listens at a socket `dstack.sock` in a new folder.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn start(stage: &Stage, made: Made, fault: AgentFault) -> io::Result<Self> {
        let scratch = Scratch::new();
        let mut agent = Self::listen(&scratch.path().join("dstack.sock"), stage, made, fault)?;
        agent._scratch = Some(scratch);
        Ok(agent)
    }

    /// Listens at `socket`. One of the name `tappd.sock` looks to clients like the generation before.
    ///
    /// # Errors
    /// If there is no socket to be had.
    pub fn listen(socket: &Path, stage: &Stage, made: Made, fault: AgentFault) -> io::Result<Self> {
        let listener = UnixListener::bind(socket)?;
        let shared = Arc::new(Shared {
            stage: stage.clone(),
            keys: KeyService::new(&APP_ID),
            conduct: Mutex::new((made, fault)),
            calls: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else { return };
                let shared = Arc::clone(&serving);
                // A client that leaves is no fault of ours.
                thread::spawn(move || drop(shared.serve(connection)));
            }
        });
        Ok(Self { socket: socket.to_owned(), shared, _scratch: None })
    }

    /// Where it listens.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Behaves like this from now on.
    pub fn behave(&self, made: Made, fault: AgentFault) {
        *lock(&self.shared.conduct) = (made, fault);
    }

    /// What was called so far, in order.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.shared.calls).clone()
    }

    /// Whom its keys come from.
    pub fn keys(&self) -> &KeyService {
        &self.shared.keys
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The thread waits for a connection that never comes; it holds nothing but memory.
        let _ = std::fs::remove_file(&self.socket);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Status and body.
type Said = (u16, String);

impl Shared {
    fn serve(&self, mut connection: UnixStream) -> io::Result<()> {
        let http::Request { target, body } = http::read_request(&mut connection)?;
        lock(&self.calls).push(target.clone());
        let (made, fault) = *lock(&self.conduct);
        let said = match fault {
            AgentFault::Busy => (503, json!({ "error": "another quote is being made" }).to_string()),
            AgentFault::Refuses => (400, json!({ "error": "quoting service: no answer" }).to_string()),
            AgentFault::RefusesWell => (200, json!({ "error": "quoting service: no answer" }).to_string()),
            AgentFault::NoJson => (200, "<html>welcome</html>".to_owned()),
            _ => self.answer(&target, &body, made, fault),
        };
        match fault {
            AgentFault::Garbage => connection.write_all(&[0xff; 512]),
            AgentFault::Chunked => http::write_chunked(&mut connection, &said),
            AgentFault::Cut => {
                let whole = http::response(&said);
                connection.write_all(whole.get(..whole.len() / 2).unwrap_or_default())
            }
            AgentFault::Drips => http::response(&said).iter().try_for_each(|byte| {
                thread::sleep(Duration::from_millis(5));
                connection.write_all(&[*byte])
            }),
            AgentFault::Slow(delay) => {
                thread::sleep(delay);
                connection.write_all(&http::response(&said))
            }
            _ => connection.write_all(&http::response(&said)),
        }
    }

    fn answer(&self, target: &str, body: &str, made: Made, fault: AgentFault) -> Said {
        let Ok(arguments) = serde_json::from_str::<Value>(body) else {
            return (400, json!({ "error": "the request is no JSON" }).to_string());
        };
        let text = |name: &str| arguments[name].as_str().unwrap_or_default().to_owned();
        match target {
            "/GetQuote" => match padded(&text("report_data")) {
                Some(report_data) => {
                    let echo =
                        if fault == AgentFault::Stray { ReportData::new([0x0f; 64]) } else { report_data };
                    let mut quote = self.quote(made, &report_data);
                    quote["report_data"] = json!(echo.to_string());
                    quote["vm_config"] = json!(vm_config());
                    (200, quote.to_string())
                }
                None => (400, json!({ "error": "Report data is too long" }).to_string()),
            },
            "/prpc/Tappd.TdxQuote?json" => {
                match (padded(&text("report_data")), text("hash_algorithm").as_str()) {
                    (Some(report_data), "raw") => {
                        let mut quote = self.quote(made, &report_data);
                        (quote["hash_algorithm"], quote["prefix"]) = (json!("raw"), json!(""));
                        (200, quote.to_string())
                    }
                    // It would be hashed behind a prefix, which no caller of ours wants.
                    _ => (400, json!({ "error": "this stand-in takes raw report data alone" }).to_string()),
                }
            }
            "/Info" | "/prpc/Tappd.Info?json" if fault == AgentFault::NoInfo => {
                (500, json!({ "error": "no info today" }).to_string())
            }
            "/Info" | "/prpc/Tappd.Info?json" => (200, self.info().to_string()),
            "/GetKey" => {
                let (key, chain) = self.keys.derive(&text("path"), &text("purpose"));
                (200, json!({ "key": key, "signature_chain": chain }).to_string())
            }
            "/prpc/Tappd.DeriveK256Key?json" => {
                let (key, chain) = self.keys.derive(&text("path"), &text("purpose"));
                (200, json!({ "k256_key": key, "k256_signature_chain": chain }).to_string())
            }
            _ => (400, json!({ "error": format!("no such method: {target}") }).to_string()),
        }
    }

    fn quote(&self, made: Made, report_data: &ReportData) -> Value {
        let log = self.stage.quote(report_data).event_log.unwrap_or_default();
        json!({ "quote": hex::encode(self.stage.bytes(made, report_data)), "event_log": log })
    }

    fn info(&self) -> Value {
        let quote = self.stage.quote(&ReportData::new([0; 64]));
        assert!(QuoteView::parse(&quote.bytes).is_ok(), "a minted quote");
        // Absolute places in a version 4 quote: MRTD at 184, RTMR0 at 376.
        let register = |at: usize| hex::encode(&quote.bytes[at..at + 48]);
        let log: Value = serde_json::from_str(&quote.event_log.unwrap_or_default()).unwrap_or_default();
        let tcb_info = json!({
            "mrtd": register(184), "rtmr0": register(376), "rtmr1": register(424), "rtmr2": register(472),
            "rtmr3": register(520), "event_log": log, "app_compose": APP_COMPOSE,
            "compose_hash": jurat_proto::sha256(APP_COMPOSE.as_bytes()).to_string(),
        });
        json!({
            "app_id": hex::encode(APP_ID), "instance_id": hex::encode(APP_ID), "app_name": "SIMULATED", "app_cert": "",
            "tcb_info": tcb_info.to_string(), "key_provider_info": "{\"name\":\"SIMULATED\",\"id\":\"\"}",
            "compose_hash": jurat_proto::sha256(APP_COMPOSE.as_bytes()).to_string(), "vm_config": vm_config(),
        })
    }
}

fn vm_config() -> String {
    json!({ "cpu_count": 2, "num_gpus": 1, "image": "SIMULATED" }).to_string()
}

/// Up to 64 bytes; the agent fills up with zeroes.
fn padded(text: &str) -> Option<ReportData> {
    let bytes = hex::decode(text).ok()?;
    let mut padded = [0; 64];
    padded.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    Some(ReportData::new(padded))
}
