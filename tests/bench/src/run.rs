//! A whole run: starts the engine and every target, interleaves rounds, prints the tables.

use std::{
    io,
    process::{Command, ExitCode},
};

use crate::{
    alone,
    bars::Results,
    counted::Counted,
    document, durable, oath,
    options::Options,
    process::Process,
    scenario::{Faults, Scenario},
    table::Table,
    target::{Kind, Stage, Target},
};

/// Measures, and prints or writes what came of it.
pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let (_engine, stage) = stage(&options)?;
    let (mut results, mut faults) = (Results::default(), Faults::default());
    beside_the_proxies(&options, &stage, &mut results, &mut faults)?;
    alone(&options, &stage, &mut results, &mut faults)?;
    let _ = std::fs::remove_dir_all(&stage.folder);
    let tables: Vec<String> = results.tables.values().map(Table::markdown).collect();
    let text = format!(
        "{}\n\nTwo signatures by themselves: {:.1} µs. Wrong answers, digests or receipts: {}; receipts judged: {}.\n\n{}\n{}",
        document::machine(),
        results.two_signatures_micros,
        faults.count,
        faults.receipts,
        results.bars(),
        tables.join("\n")
    );
    println!("{text}");
    faults.complaints.iter().take(20).for_each(|one| println!("wrong: {one}"));
    if let Some(path) = &options.write {
        document::write(path, &text)?;
    }
    Ok(if faults.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Counts system calls or instructions.
pub(crate) fn count(counted: Counted, arguments: &[String]) -> io::Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let (_engine, stage) = stage(&options)?;
    println!("{}", counted.table(&stage)?);
    let _ = std::fs::remove_dir_all(&stage.folder);
    Ok(ExitCode::SUCCESS)
}

/// The engine, and what the targets are started with.
fn stage(options: &Options) -> io::Result<(Process, Stage)> {
    let (process, engine) = engine()?;
    let folder = std::env::temp_dir().join(format!("jurat-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    // Folders for temporary files are often memory; what is built lies on a disk.
    let state = std::env::current_exe()?.with_file_name(format!("jurat-bench-state-{}", std::process::id()));
    let stage = Stage {
        engine,
        jurat: options.jurat.clone(),
        before: options.before.clone(),
        clients: options.clients.clone(),
        arguments: options.arguments.clone(),
        under: Vec::new(),
        folder,
        state,
    };
    Ok((process, stage))
}

fn beside_the_proxies(
    options: &Options,
    stage: &Stage,
    results: &mut Results,
    faults: &mut Faults,
) -> io::Result<()> {
    let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Durable && stage.has(*kind));
    let targets = kinds.map(|kind| Target::start(kind, stage)).collect::<io::Result<Vec<_>>>()?;
    for scenario in Scenario::ALL.into_iter().filter(|scenario| options.wants(scenario.name())) {
        let mut table = scenario.table();
        for round in 0..options.rounds(scenario.rounds()) {
            let mut figures = Vec::new();
            for at in 0..targets.len() {
                // Another one begins each round, so that none always runs behind the same.
                let target = &targets[(at + round) % targets.len()];
                figures.push((target.kind, scenario.measure(target, faults)?));
            }
            table.rounds.push(figures);
        }
        eprintln!("{}", table.markdown());
        results.tables.insert(scenario.name(), table);
    }
    let jurat = targets.iter().find(|target| target.kind == Kind::Jurat).expect("jurat is a target");
    if options.wants("archive") {
        let [receipts, reports] = alone::archive(jurat, options.rounds(3), faults)?;
        results.tables.extend([("receipts", receipts), ("reports", reports)]);
    }
    if options.wants("beside") {
        results.tables.insert("beside", alone::beside_reports(jurat, options.rounds(3), faults)?);
    }
    Ok(())
}

fn alone(options: &Options, stage: &Stage, results: &mut Results, faults: &mut Faults) -> io::Result<()> {
    if options.wants("durable") {
        let table = durable::measure(stage, options.rounds(5), faults)?;
        results.tables.insert("durable", table);
    }
    if options.wants("memory") {
        let mut kinds = Kind::PROXIES.to_vec();
        kinds.extend(stage.before.is_some().then_some(Kind::Before));
        results.tables.insert("memory", alone::memory(stage, options.rounds(3), &kinds, faults)?);
    }
    if options.wants("start") {
        results.tables.insert("start", alone::start(stage, options.rounds(15), faults)?);
        results.stripped_megabytes = alone::stripped_megabytes(stage)?;
    }
    if options.wants("million") {
        results.tables.insert("million", alone::million(stage, 1_000_000, faults)?);
    }
    results.two_signatures_micros = oath::two_signatures_micros();
    Ok(())
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
