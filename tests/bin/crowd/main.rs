//! The crowd: many clients ask for a report at once, each with a nonce of its own, and half of them walk away,
//! while the GPUs take their time and streams are relayed beside them.
//!
//! `jurat-crowd [CLIENTS] [--device-ms N]`, 1,000 and 500 if not said; exits 1 if an answer bears another's nonce, if the
//! queue is not bounded, if streams lose their pace, or if the service has not recovered when the crowd is gone. The
//! GPUs are those of the stand-in of NVIDIA's library; program and library are found as in the tests.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod report;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use jurat_tests::{
    Client, FakeEngine, Pace, PacedStreams, Sidecar, binary, paced_script, random_nonce, request,
};
use tokio::sync::Barrier;

/// Streams at a time.
const STREAMS: usize = 8;

/// What came of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Had its report, with its own nonce in every part.
    Served(Duration),
    /// Was told to come back.
    Refused,
    /// Walked away.
    Left,
}

#[tokio::main]
async fn main() -> ExitCode {
    let (mut clients, mut device) = (1_000, 500);
    let mut target = &mut clients;
    for argument in std::env::args().skip(1) {
        match (argument.as_str(), argument.parse()) {
            ("--device-ms", _) => target = &mut device,
            (_, Ok(number)) => *target = number,
            _ => {
                eprintln!("usage: jurat-crowd [CLIENTS] [--device-ms N]");
                return ExitCode::from(64);
            }
        }
    }
    match run(clients, Duration::from_millis(device as u64)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("crowd: FAILED: {complaint}");
            ExitCode::FAILURE
        }
    }
}

async fn run(clients: usize, device: Duration) -> Result<(), String> {
    let engine = FakeEngine::start_forgetful(|_| paced_script()).await;
    let library = binary::nvml_standin().display().to_string();
    let milliseconds = device.as_millis().to_string();
    let started = Sidecar::before(engine.url())
        .config(&format!("nvml_library = {library:?}\n"))
        .variables([("NVML_STANDIN_DELAY_MS", milliseconds.as_str())])
        .start()
        .await;
    let sidecar = Arc::new(started);
    println!("crowd: {clients} clients, half of them leaving, GPUs at {milliseconds} ms");

    let alone = PacedStreams::start(&sidecar, STREAMS);
    tokio::time::sleep(device * 8).await;
    let alone = alone.pace().await?;
    let beside = PacedStreams::start(&sidecar, STREAMS);
    let began = Instant::now();
    let fates = crowd(&sidecar, clients, device).await?;
    let over = began.elapsed();
    let beside = beside.pace().await?;

    let served: Vec<Duration> = fates
        .iter()
        .filter_map(|fate| if let Fate::Served(took) = fate { Some(*took) } else { None })
        .collect();
    let count = |wanted| fates.iter().filter(|fate| **fate == wanted).count();
    let (refused, left) = (count(Fate::Refused), count(Fate::Left));
    let slowest = served.iter().max().copied().unwrap_or_default();
    println!(
        "crowd: {} served, each with its own nonce; {refused} told to come back; {left} left; over in {over:.1?}, \
         the slowest report in {slowest:.1?}",
        served.len()
    );
    println!("crowd: alone:  {alone}");
    println!("crowd: beside: {beside}");
    verdict(&sidecar, clients, device, served.len(), refused, (&alone, &beside)).await
}

async fn crowd(sidecar: &Arc<Sidecar>, clients: usize, device: Duration) -> Result<Vec<Fate>, String> {
    let start = Arc::new(Barrier::new(clients));
    let crowd: Vec<_> = (0..clients)
        .map(|number| {
            let (sidecar, start) = (Arc::clone(sidecar), Arc::clone(&start));
            tokio::spawn(async move { client(&sidecar, number, device, &start).await })
        })
        .collect();
    let mut fates = Vec::with_capacity(clients);
    for client in crowd {
        fates.push(client.await.map_err(|error| error.to_string())??);
    }
    Ok(fates)
}

async fn client(sidecar: &Sidecar, number: usize, device: Duration, start: &Barrier) -> Result<Fate, String> {
    let wrong = |error: std::io::Error| format!("client {number}: {error}");
    let nonce = random_nonce();
    let mut client = Client::connect(sidecar.address()).await.map_err(wrong)?;
    start.wait().await;
    let began = Instant::now();
    let target = format!("/attestation/report?nonce={nonce}");
    client.send(&request("GET", &target, &[], b"")).await.map_err(wrong)?;
    if number % 2 == 1 {
        // At once, and up to three reports later.
        tokio::time::sleep(device.mul_f64(3.0 * number as f64 / 1000.0 % 3.0)).await;
        return Ok(Fate::Left);
    }
    let answer = client.answer().await.map_err(wrong)?;
    match answer.status() {
        200 => report::bears(&answer.body, &nonce).map(|()| Fate::Served(began.elapsed())),
        503 if answer.header("retry-after").and_then(|after| after.parse::<u64>().ok()).is_some() => {
            Ok(Fate::Refused)
        }
        status => Err(format!("status {status}, Retry-After {:?}", answer.header("retry-after"))),
    }
}

/// The engine's queue, by default.
const QUEUE: usize = 64;

async fn verdict(
    sidecar: &Sidecar,
    clients: usize,
    device: Duration,
    served: usize,
    refused: usize,
    (alone, beside): (&Pace, &Pace),
) -> Result<(), String> {
    if served == 0 {
        return Err("nobody was served".to_owned());
    }
    // Half of a full queue may be of clients that stayed; all of it if those that left did so at once.
    if clients > 4 * QUEUE && (refused == 0 || served > 2 * QUEUE) {
        return Err(format!("{served} served and {refused} refused: the queue is not bounded"));
    }
    let began = Instant::now();
    let nonce = random_nonce();
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={nonce}")).await;
    report::bears(&answer.body, &nonce)?;
    let took = began.elapsed();
    println!("crowd: the next report, when it was over, in {took:.1?}");
    // One report may be under way, and a debug build signs slowly.
    if took > device * 2 + Duration::from_secs(3) {
        return Err(format!("it has not recovered: the next report took {took:?}"));
    }
    // Within noise: a loaded machine of two cores has bad moments of its own.
    if beside.p99 > alone.p99 * 3 + Duration::from_millis(50) {
        return Err("streams lost their pace".to_owned());
    }
    Ok(())
}
