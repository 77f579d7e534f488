//! What strangers do to a port that anyone can reach.

use std::{net::SocketAddr, time::Duration};

use jurat_tests::{Client, random_nonce, request};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// A head that is never finished must be given up within this.
const DAWDLING: Duration = Duration::from_secs(45);

/// One kind, in its size.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Attack {
    /// Heads that come a byte at a time and never end.
    SlowHeads(usize),
    /// Bodies of a gigabyte, announced and chunked, as fast as they are taken.
    Floods(usize),
    /// Reports, each over a nonce of its own.
    Reports(usize),
    /// Connections that say nothing and go.
    Connects(usize),
}

impl Attack {
    /// Each kind, at so many hundredths of its full size.
    pub(crate) fn all(percent: usize) -> [Self; 4] {
        let part = |full: usize| (full * percent / 100).max(1);
        [
            Self::SlowHeads(part(2_000)),
            Self::Floods(part(64)),
            Self::Reports(part(10_000)),
            Self::Connects(part(5_000)),
        ]
    }

    /// As [`Attack::arguments`] wrote it.
    pub(crate) fn parse(kind: &str, count: usize) -> Option<Self> {
        let kinds = [Self::SlowHeads, Self::Floods, Self::Reports, Self::Connects];
        kinds.map(|of| of(count)).into_iter().find(|attack| attack.kind() == kind)
    }

    /// Its kind and its size, for the command line.
    pub(crate) fn arguments(&self) -> [String; 2] {
        [self.kind().to_owned(), self.count().to_string()]
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::SlowHeads(_) => "slow-heads",
            Self::Floods(_) => "floods",
            Self::Reports(_) => "reports",
            Self::Connects(_) => "connects",
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::SlowHeads(count) => format!("{count} heads a byte at a time"),
            Self::Floods(count) => format!("{count} bodies of 1 GB"),
            Self::Reports(count) => format!("{count} reports over nonces"),
            Self::Connects(count) => format!("{count} connections at once"),
        }
    }

    /// Does it, and says what came of it.
    pub(crate) async fn run(&self, to: SocketAddr) -> Result<String, String> {
        let (count, mut attackers) = (self.count(), JoinSet::new());
        for number in 0..count {
            match self {
                Self::SlowHeads(_) => drop(attackers.spawn(slow_head(to))),
                Self::Floods(_) => drop(attackers.spawn(flood(to, number))),
                Self::Reports(_) => drop(attackers.spawn(report(to))),
                Self::Connects(_) => drop(attackers.spawn(connect(to))),
            }
        }
        let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
        while let Some(outcome) = attackers.join_next().await {
            *outcomes.entry(outcome.map_err(|error| error.to_string())??).or_default() += 1;
        }
        Ok(outcomes.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", "))
    }

    fn count(&self) -> usize {
        match *self {
            Self::SlowHeads(count) | Self::Floods(count) | Self::Reports(count) | Self::Connects(count) => {
                count
            }
        }
    }
}

async fn slow_head(to: SocketAddr) -> Result<String, String> {
    let mut client = Client::connect_patiently(to).await.map_err(|error| error.to_string())?;
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Padding: ";
    let until = Instant::now() + DAWDLING;
    for byte in head.iter().chain(std::iter::repeat(&b'a')) {
        if client.send(&[*byte]).await.is_err() || client.closes_within(Duration::from_millis(500)).await {
            return Ok("given up".into());
        }
        if Instant::now() > until {
            return Err(format!("a head that never ends was borne for {DAWDLING:?}"));
        }
    }
    Ok("never".into())
}

/// Odd ones announce their length, and are refused for it; even ones don't, and are refused when they are too long.
async fn flood(to: SocketAddr, number: usize) -> Result<String, String> {
    let mut client = Client::connect_patiently(to).await.map_err(|error| error.to_string())?;
    let framing = if number % 2 == 1 { "Content-Length: 1000000000" } else { "Transfer-Encoding: chunked" };
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n");
    let mut sent = 0_u64;
    if client.send(head.as_bytes()).await.is_ok() {
        let chunk = jurat_tests::answers::chunk(&vec![b' '; 64 << 10]);
        while sent < 1_000_000_000 && client.send(&chunk).await.is_ok() {
            sent += chunk.len() as u64;
            // As a network of some 100 Mbit/s would: all of loopback's would measure the attackers' own appetite.
            sleep(Duration::from_millis(5)).await;
        }
    }
    if sent >= 1_000_000_000 { Err("a body of 1 GB was taken".into()) } else { Ok("cut off".into()) }
}

async fn report(to: SocketAddr) -> Result<String, String> {
    let wrong = |error: std::io::Error| error.to_string();
    let mut client = Client::connect_patiently(to).await.map_err(wrong)?;
    let target = format!("/attestation/report?nonce={}", random_nonce());
    client.send(&request("GET", &target, &[], b"")).await.map_err(wrong)?;
    match client.answer().await {
        Ok(answer) if answer.status() == 200 => Ok("made".into()),
        Ok(answer) if answer.status() == 503 && answer.header("retry-after").is_some() => {
            Ok("told to come back".into())
        }
        Ok(answer) => Err(format!("a report: status {}", answer.status())),
        Err(error) => Err(format!("a report: {error}")),
    }
}

async fn connect(to: SocketAddr) -> Result<String, String> {
    let client = Client::connect_patiently(to).await.map_err(|error| error.to_string())?;
    sleep(Duration::from_secs(2)).await;
    drop(client);
    Ok("gone".into())
}
