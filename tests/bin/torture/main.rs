//! The torture: sidecars are killed, their disks fail, their files are damaged, their server goes away, while
//! clients ask; and afterwards every answer whose end a client saw must have its receipt, right in every rule,
//! in a chain without gap or fork.
//!
//! `jurat-torture [--rounds N] [--seed N] [--only SCENARIO] [--few]`; 200 rounds if not said. The seed is printed;
//! it repeats what the torture does, not how the machine schedules it. Exits 1 if one answer is lost or one thing is
//! wrong. `JURAT_TORTURE_KEEP` keeps the scenarios' folders, `JURAT_TORTURE_SAY` prints what the sidecars said. The program under test is found as in the tests (`JURAT_BIN`, else it is built).
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::print_stderr)]

mod account;
mod audit;
mod chains;
mod damage;
mod dice;
mod disk;
mod field;
mod kill;
mod leave;
mod load;
mod mounts;
mod redis;
mod settle;

use std::{process::ExitCode, time::Instant};

use account::Tally;
use field::{Field, Portion, Size};

/// Every scenario, in the order of play.
const SCENARIOS: [&str; 9] =
    ["kill", "crash", "power-cut", "disk", "full-disk", "read-only", "damage", "leave", "redis"];
/// Complaints that are printed of each scenario.
const COMPLAINTS: usize = 20;

struct Options {
    size: Size,
    only: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(Options { size, only }) = options() else {
        eprintln!("usage: jurat-torture [--rounds N] [--seed N] [--only SCENARIO]... [--few]");
        eprintln!("scenarios: {}", SCENARIOS.join(" "));
        return ExitCode::from(64);
    };
    println!("torture: seed {}, {} rounds", size.seed, size.rounds);
    let mut tallies = Vec::new();
    for name in SCENARIOS.into_iter().filter(|name| only.is_empty() || only.iter().any(|only| only == name)) {
        let mut field = Field::new(name, size).await;
        let began = Instant::now();
        play(name, &mut field, size).await;
        let open = field.account.books().open.len();
        if open > 0 {
            field.account.lost(format!("{open} acknowledged answers could not even be looked for"));
        }
        let mut tally = std::mem::take(&mut field.account.books().tally);
        tally.took = began.elapsed();
        row(name, &tally);
        tallies.push(tally);
    }
    summary(&tallies)
}

async fn play(name: &str, field: &mut Field, size: Size) {
    match name {
        "kill" => kill::play(field, size, kill::End::Kill).await,
        "crash" => kill::play(field, size, kill::End::Crash).await,
        "power-cut" => kill::play(field, size, kill::End::PowerCut).await,
        "disk" => disk::play(field, size).await,
        "full-disk" => mounts::full(field, size).await,
        "read-only" => mounts::read_only(field).await,
        "damage" => damage::play(field, size).await,
        "leave" => leave::play(field, size).await,
        "redis" => redis::play(field, size).await,
        other => field.account.wrong(format!("no scenario {other:?}")),
    }
}

fn options() -> Option<Options> {
    let mut arguments = std::env::args().skip(1);
    let mut size = Size { rounds: 200, seed: seed(), extent: Portion::All };
    let mut only = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => size.rounds = arguments.next()?.parse().ok()?,
            "--seed" => size.seed = arguments.next()?.parse().ok()?,
            "--only" => only.push(arguments.next().filter(|name| SCENARIOS.contains(&name.as_str()))?),
            "--few" => size.extent = Portion::Few,
            _ => return None,
        }
    }
    Some(Options { size, only })
}

/// One of its own for every run; small, so that it is easily typed again.
fn seed() -> u64 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    u32::from_le_bytes(bytes).into()
}

fn row(name: &str, tally: &Tally) {
    if let Some(reason) = &tally.skipped {
        println!("torture: {name:<10} skipped: {reason}");
        return;
    }
    let seconds = tally.took.as_secs_f64();
    println!(
        "torture: {name:<10} {:>4} rounds {:>7} asked {:>7} acknowledged {:>6} cut {:>6} refused {:>7} receipts {:>4} chains {:>3} lost {:>3} wrong {seconds:>6.1} s",
        tally.rounds,
        tally.asked,
        tally.acknowledged,
        tally.cut,
        tally.refused.values().sum::<usize>(),
        tally.receipts,
        tally.chains,
        tally.lost,
        tally.wrong,
    );
    for (code, times) in &tally.refused {
        println!("torture:   refused {times} times: {code}");
    }
    for complaint in tally.complaints.iter().take(COMPLAINTS) {
        println!("torture:   {complaint}");
    }
    if tally.complaints.len() > COMPLAINTS {
        println!("torture:   and {} complaints more", tally.complaints.len() - COMPLAINTS);
    }
}

fn summary(tallies: &[Tally]) -> ExitCode {
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let (acknowledged, lost, wrong) =
        (sum(|tally| tally.acknowledged), sum(|tally| tally.lost), sum(|tally| tally.wrong));
    if wrong > 0 {
        println!("torture: {wrong} things wrong");
    }
    println!("torture: {acknowledged} answers, {lost} lost");
    let played = tallies.iter().any(|tally| tally.skipped.is_none());
    let all_skipped = !played && !tallies.is_empty();
    match lost == 0 && wrong == 0 && (acknowledged > 0 || all_skipped) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
