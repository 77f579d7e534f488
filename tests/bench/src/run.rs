//! A whole run: starts the engine and every target, interleaves rounds, prints the tables.

use std::{
    io,
    path::PathBuf,
    process::{Command, ExitCode},
};

use crate::{
    process::Process,
    scenario::{Faults, Scenario},
    target::{Kind, Stage, Target},
};

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let (mut jurat, mut before, mut only, mut rounds, mut extra) =
        (PathBuf::new(), None, None, None, Vec::new());
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words.next().cloned().unwrap_or_default();
        match word.as_str() {
            "--jurat" => jurat = value.into(),
            "--before" => before = Some(PathBuf::from(value)),
            "--only" => only = Some(value),
            "--rounds" => rounds = value.parse::<usize>().ok(),
            "--arg" => extra.push(value),
            other => return Err(io::Error::other(format!("unknown: {other}"))),
        }
    }
    let engine = engine()?;
    let folder = std::env::temp_dir().join(format!("jurat-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let stage = Stage { engine: engine.1, jurat, before, arguments: extra, under: Vec::new(), folder };
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Before || stage.before.is_some());
    let targets = kinds.map(|kind| Target::start(kind, &stage)).collect::<io::Result<Vec<_>>>()?;
    let mut faults = Faults::default();
    for scenario in Scenario::ALL {
        if only.as_ref().is_some_and(|only| !only.split(',').any(|name| name == scenario.name())) {
            continue;
        }
        let mut table = scenario.table();
        for round in 0..rounds.unwrap_or(scenario.rounds()) {
            let mut figures = Vec::new();
            for at in 0..targets.len() {
                // Another one begins each round, so that none always runs behind the same.
                let target = &targets[(at + round) % targets.len()];
                figures.push((target.kind, scenario.measure(target, &mut faults)?));
            }
            table.rounds.push(figures);
        }
        println!("{}", table.markdown());
    }
    println!("{} faults, {} receipts judged", faults.count, faults.receipts);
    faults.complaints.iter().take(20).for_each(|one| println!("wrong: {one}"));
    let _ = std::fs::remove_dir_all(&stage.folder);
    Ok(if faults.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One scenario against whatever listens there, for a profiler's sake.
pub(crate) fn load(arguments: &[String]) -> io::Result<ExitCode> {
    let usage = || io::Error::other("usage: jurat-bench load SCENARIO ADDRESS [SECONDS|=COUNT]");
    let [name, address, seconds @ ..] = arguments else { return Err(usage()) };
    let scenario = Scenario::ALL.into_iter().find(|one| one.name() == name).ok_or_else(usage)?;
    let address = address.parse().map_err(|_| usage())?;
    let plan = match seconds.first().map(|text| text.strip_prefix('=').ok_or(text)) {
        Some(Ok(count)) => scenario.plan().limit(count.parse().map_err(|_| usage())?),
        Some(Err(seconds)) => scenario.plan().windows(0.5, seconds.parse().map_err(|_| usage())?),
        None => scenario.plan().windows(0.5, 2.0),
    };
    let outcome = crate::load::run(&plan, address, || ())?;
    println!(
        "{:.0} answers/s, {:.0} events/s, {} wrong",
        outcome.per_second(outcome.answers),
        outcome.per_second(outcome.events),
        outcome.seen.wrong
    );
    Ok(ExitCode::SUCCESS)
}

/// Starts the engine, this same program.
fn engine() -> io::Result<(Process, std::net::SocketAddr)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("engine");
    const LISTENING: &str = "listening on ";
    let process = Process::start_and_hear(command, &[LISTENING])?;
    let address = process.heard(LISTENING).and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| io::Error::other("the engine listens on no address"))?;
    Ok((process, address))
}
