//! The storm: 200 paced streams are relayed while strangers do their worst beside them, one kind of attack after the other.
//!
//! `jurat-storm [--streams N] [--scale PERCENT]`; exits 1 if a stream loses an event or its receipt, if the 99th percentile
//! of the events' lateness is more than 1.5 times (and more than noise) that of undisturbed rounds in the same run, if memory
//! grows without bound, or if the service does not come out of it well. The program is found as in the tests.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod attacks;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use attacks::Attack;
use jurat_tests::{FakeEngine, Pace, PacedStreams, Sidecar, paced_script, random_nonce};
use tokio::process::Command;

/// How much later an event may come, at the 99th percentile, than in the undisturbed rounds on either side.
const RATIO: f64 = 1.5;
/// What two rounds without any attack differ by on a machine of two cores that also runs engine, clients and attackers.
const NOISE: Duration = Duration::from_millis(5);
/// What connections, buffers and queues may take beside the streams, at the full scale.
const MEMORY_MIB: u64 = 512;
/// One round without an attack.
const CALM: Duration = Duration::from_secs(6);

#[tokio::main]
async fn main() -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, kind, count, to] = given.as_slice()
        && flag == "--attack"
    {
        return strangers(kind, count, to).await;
    }
    let (mut streams, mut scale) = (200, 100);
    let mut arguments = given.into_iter();
    while let Some(flag) = arguments.next() {
        match (flag.as_str(), arguments.next().and_then(|value| value.parse().ok())) {
            ("--streams", Some(number)) => streams = number,
            ("--scale", Some(percent)) => scale = percent,
            _ => {
                eprintln!("usage: jurat-storm [--streams N] [--scale PERCENT]");
                return ExitCode::from(64);
            }
        }
    }
    match run(streams, scale).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("storm: FAILED: {complaint}");
            ExitCode::FAILURE
        }
    }
}

/// The strangers' side of one attack, in a process of its own.
async fn strangers(kind: &str, count: &str, to: &str) -> ExitCode {
    let attack = count.parse().ok().and_then(|count| Attack::parse(kind, count));
    let (Some(attack), Ok(to)) = (attack, to.parse::<SocketAddr>()) else { return ExitCode::from(64) };
    match attack.run(to).await {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(complaint) => {
            eprintln!("{complaint}");
            ExitCode::FAILURE
        }
    }
}

/// Has strangers do it. They are on other machines in life, so here they get what processor time engine, streams and service
/// leave: else it is their own appetite that streams would wait for.
async fn provoke(attack: &Attack, to: SocketAddr) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program).arg("--attack").args(attack.arguments()).arg(to.to_string());
    let done = command.kill_on_drop(true).output().await.map_err(|error| format!("nice: {error}"))?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

async fn run(streams: usize, scale: usize) -> Result<(), String> {
    let engine = FakeEngine::start_forgetful(|_| paced_script()).await;
    let sidecar = Arc::new(Sidecar::before(engine.url()).start().await);
    println!("storm: {streams} streams, an event each 20 ms, attacks at {scale} % of their full size");
    // The first round warms what the first requests pay for.
    round(&sidecar, streams, None).await?;
    let mut calm = round(&sidecar, streams, None).await?;
    println!("storm: {:<34} {calm}", "undisturbed");
    let before = sidecar.memory_kib("VmHWM") / 1024;
    let mut complaints = Vec::new();
    for attack in Attack::all(scale) {
        let stormy = round(&sidecar, streams, Some(&attack)).await?;
        let memory = sidecar.memory_kib("VmHWM") / 1024;
        println!("storm: {:<34} {stormy}; memory at most {memory} MiB", attack.name());
        let next = round(&sidecar, streams, None).await?;
        println!("storm: {:<34} {next}", "undisturbed");
        let quiet = calm.p99.max(next.p99);
        if stormy.p99 > quiet.mul_f64(RATIO) && stormy.p99 > quiet + NOISE {
            complaints.push(format!("{}: streams lost their pace", attack.name()));
        }
        if memory > before + MEMORY_MIB {
            complaints.push(format!("{}: memory grew from {before} to {memory} MiB", attack.name()));
        }
        calm = next;
    }
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await;
    if answer.status() != 200 {
        complaints.push(format!("no report when it was over: {}", answer.status()));
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("; ")) }
}

/// Streams for as long as the attack takes, or for a calm while. Every stream must have all its events and its receipt.
async fn round(sidecar: &Arc<Sidecar>, count: usize, attack: Option<&Attack>) -> Result<Pace, String> {
    let streams = PacedStreams::start(sidecar, count);
    let began = Instant::now();
    if let Some(attack) = attack {
        let said = provoke(attack, sidecar.address()).await?;
        println!("storm: {:<34} {said}, in {:.1?}", attack.name(), began.elapsed());
    }
    if let Some(left) = CALM.checked_sub(began.elapsed()) {
        tokio::time::sleep(left).await;
    }
    streams.pace().await
}
