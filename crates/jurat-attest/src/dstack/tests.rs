use std::{
    io::{Read, Write},
    os::unix::net::UnixListener,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use super::*;

const ASKED: ReportData = ReportData::new([0xab; 64]);

/// An agent that gives each request, as `(target, body)`, to `answer` and sends back status and body.
struct Agent {
    socket: PathBuf,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Agent {
    fn start(name: &str, answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let folder = format!("jurat-attest-agent-{}-{}", process::id(), MADE.fetch_add(1, SeqCst));
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let socket = folder.join(name);
        let listener = UnixListener::bind(&socket).unwrap();
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let heard = Arc::clone(&asked);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut request = Vec::new();
                let (target, body) = loop {
                    let mut piece = [0; 1024];
                    let read = connection.read(&mut piece).unwrap();
                    request.extend_from_slice(&piece[..read]);
                    let text = String::from_utf8(request.clone()).unwrap();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
                    if body.len() == length.parse::<usize>().unwrap() {
                        break (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned());
                    }
                };
                let (status, said) = answer(&target);
                heard.lock().unwrap().push((target, body));
                let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", said.len());
                let _ = connection.write_all(format!("{head}{said}").as_bytes());
            }
        });
        Self { socket, asked }
    }

    fn targets(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(target, _)| target.clone()).collect()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.socket.parent().unwrap());
    }
}

fn good(target: &str) -> (u16, String) {
    let body = match target {
        "/GetQuote" => {
            format!(r#"{{"quote":"0400","event_log":"[]","report_data":"{ASKED}","vm_config":"{{1}}"}}"#)
        }
        "/prpc/Tappd.TdxQuote?json" => r#"{"quote":"0400","event_log":"[]"}"#.to_owned(),
        "/Info" | "/prpc/Tappd.Info?json" => r#"{"app_id": "x","vm_config":"{2}"}"#.to_owned(),
        "/GetKey" => format!(r#"{{"key":"{}","signature_chain":["ab"]}}"#, "01".repeat(32)),
        "/prpc/Tappd.DeriveK256Key?json" => {
            format!(r#"{{"k256_key":"{}","k256_signature_chain":["ab"]}}"#, "01".repeat(32))
        }
        _ => return (404, r#"{"error":"no such method"}"#.to_owned()),
    };
    (200, body)
}

#[test]
fn both_generations_are_asked_in_their_own_words() {
    for (name, calls, vm_config, body) in [
        (
            "dstack.sock",
            ["/Info", "/GetQuote", "/Info", "/GetKey"],
            "{1}",
            format!(r#"{{"report_data":"{ASKED}"}}"#),
        ),
        (
            "tappd.sock",
            [
                "/prpc/Tappd.Info?json",
                "/prpc/Tappd.TdxQuote?json",
                "/prpc/Tappd.Info?json",
                "/prpc/Tappd.DeriveK256Key?json",
            ],
            "{2}",
            format!(r#"{{"report_data":"{ASKED}","hash_algorithm":"raw"}}"#),
        ),
    ] {
        let standin = Agent::start(name, good);
        let mut agent = DstackAgent::new(&standin.socket);
        agent.probe().unwrap();
        let quote = agent.quote(&ASKED).unwrap();
        assert_eq!((quote.bytes, quote.event_log.as_deref()), (vec![4, 0], Some("[]")));
        assert_eq!(quote.vm_config.as_deref(), Some(vm_config));
        assert_eq!(quote.info.unwrap().get(), r#"{"app_id": "x","vm_config":"{2}"}"#);
        assert_eq!(agent.derive_key().unwrap().secret(), &[1; 32]);
        assert_eq!(standin.targets(), calls);
        let asked = standin.asked.lock().unwrap();
        assert_eq!(asked[1].1, body);
        assert_eq!(asked[3].1, r#"{"path":"jurat/receipt-signing/v1","purpose":"jurat-receipt-signing"}"#);
    }
}

#[test]
fn info_is_asked_again_only_when_something_was_measured() {
    let events = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&events);
    let standin = Agent::start("dstack.sock", move |target| match target {
        "/GetQuote" => (200, format!(r#"{{"quote":"0400","event_log":"[{}]"}}"#, seen.load(SeqCst))),
        _ => (200, format!(r#"{{"events":{}}}"#, seen.load(SeqCst))),
    });
    let mut agent = DstackAgent::new(&standin.socket);
    let mut info = || agent.quote(&ASKED).unwrap().info.unwrap().get().to_owned();
    assert_eq!([info(), info(), info()], [r#"{"events":0}"#; 3]);
    events.store(1, SeqCst);
    assert_eq!([info(), info()], [r#"{"events":1}"#; 2]);
    assert_eq!(standin.targets().iter().filter(|target| *target == "/Info").count(), 2);
}

#[test]
fn refusals_say_whether_asking_again_may_help() {
    let failure = |status: u16, body: &'static str| {
        let standin = Agent::start("dstack.sock", move |_| (status, body.to_owned()));
        DstackAgent::new(&standin.socket).quote(&ASKED).unwrap_err()
    };
    for status in [429, 503] {
        let busy = failure(status, r#"{"error":"one at a time"}"#);
        assert!(matches!(&busy, QuoteFailure::Busy(text) if text.contains("one at a time")), "{busy}");
    }
    for status in [200, 400, 404, 500, 302] {
        let failed = failure(status, r#"{"error":"qgs is down"}"#);
        assert!(matches!(&failed, QuoteFailure::Failed(text) if text.contains("qgs is down")), "{failed}");
    }
    assert!(matches!(failure(200, "garbage"), QuoteFailure::Failed(_)));
}

#[test]
fn an_agent_that_is_not_there_is_unavailable() {
    let socket = std::env::temp_dir().join(format!("jurat-attest-agent-none-{}.sock", process::id()));
    let agent = DstackAgent::new(&socket);
    let mut failures = vec![agent.probe().unwrap_err()];
    drop(UnixListener::bind(&socket).unwrap());
    failures.push(agent.probe().unwrap_err());
    failures.push(agent.derive_key().map(drop).unwrap_err());
    std::fs::remove_file(&socket).unwrap();
    for (failure, word) in failures.iter().zip(["does not exist", "nobody listens", "nobody listens"]) {
        assert!(matches!(failure, QuoteFailure::Unavailable(text) if text.contains(word)), "{failure}");
    }
}

#[test]
fn an_agent_that_is_silent_is_late() {
    let standin = Agent::start("dstack.sock", |_| {
        thread::sleep(Duration::from_secs(1));
        (200, "{}".to_owned())
    });
    let mut agent = DstackAgent::new(&standin.socket).patience(Duration::from_millis(50));
    assert!(matches!(agent.quote(&ASKED), Err(QuoteFailure::TimedOut(_))));
    assert_eq!(agent.to_string(), format!("dstack's agent at {}", standin.socket.display()));
    assert_eq!((agent.name(), agent.socket()), ("dstack", &*standin.socket));
}
