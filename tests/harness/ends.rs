//! Every fault of an answer, and how the exchange must end: the same over every wire.

use std::time::Duration;

use jurat_proto::End;

pub use self::cases::{truncated, whole_and_failed};

use crate::{Expected, Oath, Script, Sidecar, answers};

mod cases;

/// One fault, or none, and what follows from it.
pub struct Case {
    /// By which the engine's script is chosen.
    pub name: &'static str,
    /// What is asked for.
    pub path: &'static str,
    /// What the engine does.
    pub script: Script,
    /// What the client must get, byte for byte.
    pub body: Vec<u8>,
    /// Whether the framing must say that it is whole.
    pub whole: bool,
    /// What is sworn.
    pub end: End,
}

/// What a client got of it.
#[derive(Debug, Clone)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// The receipt that was announced.
    pub receipt_id: String,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// Whether the framing said that it is whole.
    pub whole: bool,
    /// From the request's last byte to the end of the answer.
    pub took: Duration,
}

impl Case {
    /// The rules that what came of `asked` broke, in words; the receipt is fetched at once.
    pub async fn broken(&self, asked: &[u8], got: &Got, sidecar: &Sidecar, oath: &Oath) -> Vec<String> {
        let mut broken = Vec::new();
        let mut rule = |kept: bool, what: String| {
            if !kept {
                broken.push(format!("{}: {what}", self.name));
            }
        };
        rule(got.body == self.body, format!("the client got {:?}", String::from_utf8_lossy(&got.body)));
        rule(got.whole == self.whole, format!("whole: {}", got.whole));
        // The limit for a late blank line is one second; nothing else may make an answer wait.
        rule(got.took < Duration::from_secs(3), format!("it took {:?}", got.took));
        let endpoint = format!("POST {}", self.path);
        let expected = Expected {
            end: self.end,
            status: got.status,
            endpoint: &endpoint,
            request: asked,
            response: Some(&self.body),
        };
        let record = sidecar.fetch(&format!("/signature/{}", got.receipt_id)).await;
        rule(record.status() == 200, format!("no receipt: {:?}", String::from_utf8_lossy(&record.body)));
        if let Ok(record) = serde_json::from_slice(&record.body)
            && let Err(what) = oath.judge(&record, &expected)
        {
            rule(false, what);
        }
        broken
    }
}

/// Holds every case over HTTP/1.1; panics with all that broke.
pub async fn hold(cases: &[Case], sidecar: &Sidecar) {
    let oath = Oath::of(sidecar).await;
    let mut broken = Vec::new();
    for case in cases {
        let asked = answers::ask_stream(case.name);
        let answer = sidecar.ask("POST", case.path, &[&format!("X-Script: {}", case.name)], &asked).await;
        let got = Got {
            status: answer.status(),
            receipt_id: answer.receipt_id().to_owned(),
            whole: answer.ending == crate::Ending::Clean,
            body: answer.body,
            took: answer.took,
        };
        broken.extend(case.broken(&asked, &got, sidecar, &oath).await);
    }
    require(&broken);
}

/// An engine that performs the cases, by name.
pub async fn engine(cases: &[Case]) -> crate::FakeEngine {
    crate::FakeEngine::by_name(cases.iter().map(|case| (case.name, case.script.clone()))).await
}

/// Panics if anything broke.
pub fn require(broken: &[String]) {
    assert!(broken.is_empty(), "{} rules broken:\n  {}", broken.len(), broken.join("\n  "));
}
