//! `jurat connect` as a process.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};

use crate::{
    binary,
    client::{Answer, Client, request},
    heard::Heard,
    sidecar::memory_kib,
};

/// A report takes its time on a loaded machine.
const READY: Duration = Duration::from_secs(60);

/// A running `jurat connect --policy simulated`; killed when dropped.
#[derive(Debug)]
pub struct Connect {
    child: Child,
    heard: Heard,
    address: SocketAddr,
}

impl Connect {
    /// In front of this service. Panics, with everything it said, if it does not start.
    pub async fn to(service: &str, args: &[&str]) -> Self {
        let mut child = Self::command(service, args).spawn().expect("start jurat connect");
        let (heard, _) = Heard::listen(child.stderr.take().expect("stderr is piped"));
        let until = Instant::now() + READY;
        loop {
            if let Some(address) = heard.behind("jurat: listening on http://") {
                let address = address.parse().expect("an address");
                return Self { child, heard, address };
            }
            let left = child.try_wait().ok().flatten();
            assert!(
                left.is_none() && Instant::now() < until,
                "jurat connect did not start: {left:?}\n{}",
                heard.said()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// Starts it in the expectation that it will not: its exit code, stdout and stderr.
    pub async fn refused(service: &str, args: &[&str]) -> (Option<i32>, String, String) {
        let output = timeout(READY, Self::command(service, args).stdout(Stdio::piped()).output());
        let output = output.await.expect("it ends by itself").expect("it can be run");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn command(service: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary::simulated());
        command
            .args(["connect", service, "--listen", "127.0.0.1:0"])
            .args(args)
            .env("JURAT_POLICY", "simulated")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it wrote to stderr so far.
    pub fn said(&self) -> String {
        self.heard.said()
    }

    /// Waits for a line of its log.
    pub async fn says(&self, words: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.said().contains(words) {
            assert!(Instant::now() < until, "it did not say {words:?}, but:\n{}", self.said());
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// A connection to it.
    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await.expect("it listens")
    }

    /// One exchange on a connection of its own.
    pub async fn ask(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(&request(method, target, headers, body)).await.expect("it reads");
        client.answer().await.unwrap_or_else(|error| panic!("no answer: {error}; it said:\n{}", self.said()))
    }

    /// `POST` of JSON under `X-Script`.
    pub async fn post(&self, target: &str, script: &str, body: &[u8]) -> Answer {
        let script = format!("X-Script: {script}");
        self.ask("POST", target, &["Content-Type: application/json", &script], body).await
    }

    /// What it remembers of an answer.
    pub async fn verdict(&self, id: &str) -> serde_json::Value {
        self.ask("GET", &format!("/verdict/{id}"), &[], b"").await.json()
    }

    /// A line of `/proc/PID/status`, in KiB.
    pub fn memory_kib(&self, name: &str) -> u64 {
        memory_kib(self.child.id().expect("it runs"), name)
    }

    /// Sends SIGTERM, and waits for its exit code.
    pub async fn terminated(&mut self, limit: Duration) -> Option<i32> {
        let pid =
            Pid::from_raw(self.child.id().expect("it runs").cast_signed()).expect("a process has an id");
        kill_process(pid, Signal::TERM).expect("signal it");
        timeout(limit, self.child.wait()).await.ok().and_then(Result::ok).and_then(|status| status.code())
    }
}
