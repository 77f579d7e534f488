//! The storm: 200 paced streams are relayed while strangers do their worst beside them, one kind of attack after the other.
//!
//! `jurat-storm [--streams N] [--scale PERCENT] [--only KIND]`; exits 1 if a stream loses an event or its receipt, if the 99th
//! percentile of the events' lateness is more than 1.5 times that of undisturbed streams, if memory grows without bound, or if
//! the service does not come out of it well. The program is found as in the tests.
//!
//! Undisturbed are the rounds before and after an attack, and, during it, streams that go to the engine itself: attackers, engine
//! and clients share the processors here, which they don't in life, and what that does to every stream is not the service's.
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

/// How much later an event may come, at the 99th percentile, than undisturbed.
const RATIO: f64 = 1.5;
/// Of so many streams one more goes to the engine itself.
const DIRECT: usize = 4;
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
    let Some((streams, scale, attacks)) = parse(&given) else {
        eprintln!(
            "usage: jurat-storm [--streams N] [--scale PERCENT] [--only slow-heads|floods|reports|connects]"
        );
        return ExitCode::from(64);
    };
    match run(streams, scale, &attacks).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("storm: FAILED: {complaint}");
            ExitCode::FAILURE
        }
    }
}

/// How many streams, the attacks' size in hundredths, and which.
fn parse(given: &[String]) -> Option<(usize, usize, Vec<Attack>)> {
    let (mut streams, mut scale, mut only) = (200, 100, None);
    for pair in given.chunks(2) {
        let [flag, value] = pair else { return None };
        match flag.as_str() {
            "--streams" => streams = value.parse().ok()?,
            "--scale" => scale = value.parse().ok()?,
            "--only" => only = Some(value),
            _ => return None,
        }
    }
    let mut attacks = Attack::all(scale).to_vec();
    attacks.retain(|attack| only.is_none_or(|kind| attack.kind() == kind));
    (!attacks.is_empty()).then_some((streams, scale, attacks))
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

async fn run(streams: usize, scale: usize, attacks: &[Attack]) -> Result<(), String> {
    let engine = FakeEngine::start_forgetful(|_| paced_script()).await;
    let sidecar = Arc::new(Sidecar::before(engine.url()).start().await);
    let round = async |attack| round(&sidecar, engine.address(), streams, attack).await;
    println!("storm: {streams} streams, an event each 20 ms, attacks at {scale} % of their full size");
    // The first round warms what the first requests pay for.
    round(None).await?;
    let mut calm = told("undisturbed", round(None).await?);
    let before = sidecar.memory_kib("VmHWM") / 1024;
    let mut complaints = Vec::new();
    for attack in attacks {
        let stormy = told(&attack.name(), round(Some(attack)).await?);
        let memory = sidecar.memory_kib("VmHWM") / 1024;
        println!("storm: {:<34} memory so far at most {memory} MiB", attack.name());
        let next = told("undisturbed", round(None).await?);
        let quiet = calm.through.p99.max(next.through.p99).max(stormy.direct.p99);
        if stormy.through.p99 > quiet.mul_f64(RATIO) {
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

/// The paces of one round.
struct Round {
    /// Of the streams through the sidecar.
    through: Pace,
    /// Of those to the engine itself.
    direct: Pace,
}

fn told(what: &str, round: Round) -> Round {
    println!("storm: {what:<34} {}", round.through);
    println!("storm: {what:<34} direct: {}", round.direct);
    round
}

/// Streams for as long as the attack takes, or for a calm while. Every stream must have all its events and its receipt.
async fn round(
    sidecar: &Arc<Sidecar>,
    engine: SocketAddr,
    count: usize,
    attack: Option<&Attack>,
) -> Result<Round, String> {
    let streams = PacedStreams::start(sidecar, count);
    let direct = PacedStreams::direct(engine, (count / DIRECT).max(1));
    let began = Instant::now();
    match attack {
        None => tokio::time::sleep(CALM).await,
        // One that is soon over is done again, or calm would hide it.
        Some(attack) => {
            while began.elapsed() < CALM {
                let since = Instant::now();
                let said = provoke(attack, sidecar.address()).await?;
                println!("storm: {:<34} {said}, in {:.1?}", attack.name(), since.elapsed());
            }
        }
    }
    Ok(Round { through: streams.pace().await?, direct: direct.pace().await? })
}
