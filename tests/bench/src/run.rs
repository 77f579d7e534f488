//! A whole run: starts the engine and every target, interleaves rounds, prints the tables.

use std::{
    io,
    path::PathBuf,
    process::{Command, ExitCode},
};

use crate::{
    alone, oath,
    process::Process,
    scenario::{Faults, Scenario},
    target::{Kind, Stage, Target},
};

/// What a run is to do.
struct Options {
    jurat: PathBuf,
    before: Option<PathBuf>,
    /// Names of scenarios; all if empty.
    only: Vec<String>,
    /// Instead of each scenario's own number.
    rounds: Option<usize>,
    arguments: Vec<String>,
}

impl Options {
    fn parse(arguments: &[String]) -> io::Result<Self> {
        let mut options = Self {
            jurat: PathBuf::new(),
            before: None,
            only: Vec::new(),
            rounds: None,
            arguments: Vec::new(),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| io::Error::other(format!("{word} wants a value")))?;
            match word.as_str() {
                "--jurat" => options.jurat = value.into(),
                "--before" => options.before = Some(value.into()),
                "--only" => options.only = value.split(',').map(str::to_owned).collect(),
                "--rounds" => options.rounds = value.parse().ok(),
                "--argument" => options.arguments.push(value.clone()),
                other => return Err(io::Error::other(format!("unknown: {other}"))),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == name)
    }

    fn rounds(&self, usual: usize) -> usize {
        self.rounds.unwrap_or(usual)
    }
}

pub(crate) fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let options = Options::parse(arguments)?;
    let (_engine, address) = engine()?;
    let folder = std::env::temp_dir().join(format!("jurat-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let stage = Stage {
        engine: address,
        jurat: options.jurat.clone(),
        before: options.before.clone(),
        arguments: options.arguments.clone(),
        under: Vec::new(),
        folder,
    };
    let mut faults = Faults::default();
    beside_the_proxies(&options, &stage, &mut faults)?;
    alone(&options, &stage, &mut faults)?;
    println!("{} faults, {} receipts judged", faults.count, faults.receipts);
    faults.complaints.iter().take(20).for_each(|one| println!("wrong: {one}"));
    let _ = std::fs::remove_dir_all(&stage.folder);
    Ok(if faults.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn beside_the_proxies(options: &Options, stage: &Stage, faults: &mut Faults) -> io::Result<()> {
    let kinds = || Kind::ALL.into_iter().filter(|kind| *kind != Kind::Before || stage.before.is_some());
    let targets = kinds().map(|kind| Target::start(kind, stage)).collect::<io::Result<Vec<_>>>()?;
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
        println!("{}", table.markdown());
    }
    let jurat = targets.iter().find(|target| target.kind == Kind::Jurat).expect("jurat is a target");
    if options.wants("archive") {
        for table in alone::archive(jurat, options.rounds(3), faults)? {
            println!("{}", table.markdown());
        }
    }
    if options.wants("beside") {
        println!("{}", alone::beside_reports(jurat, options.rounds(3), faults)?.markdown());
    }
    Ok(())
}

fn alone(options: &Options, stage: &Stage, faults: &mut Faults) -> io::Result<()> {
    if options.wants("memory") {
        let mut kinds = Kind::PROXIES.to_vec();
        kinds.extend(stage.before.is_some().then_some(Kind::Before));
        println!("{}", alone::memory(stage, options.rounds(3), &kinds, faults)?.markdown());
    }
    if options.wants("start") {
        println!("{}", alone::start(stage, options.rounds(15), faults)?.markdown());
        println!("program, stripped: {:.1} MB\n", alone::stripped_megabytes(stage)?);
    }
    if options.wants("million") {
        println!("{}", alone::million(stage, 1_000_000, faults)?.markdown());
    }
    println!("two signatures by themselves: {:.1} µs\n", oath::two_signatures_micros());
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
