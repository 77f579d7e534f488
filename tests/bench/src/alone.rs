//! What only jurat has, or what a fresh process must show.

use std::{io, process::Command, time::Duration};

use crate::{
    clock::Nanos,
    load::{self, Errand, Plan},
    process::Memory,
    scenario::{Faults, PLAIN, Scenario},
    script::Script,
    table::{Beside, Column, Format, Table, percentile_micros},
    target::{Kind, Stage, Target},
};

/// Streams that are open and nearly silent.
const OPEN: usize = 5000;
const CACHED: &str = "/attestation/report";

/// Memory of fresh processes while thousands of streams are open.
pub(crate) fn memory(stage: &Stage, rounds: usize, kinds: &[Kind], faults: &mut Faults) -> io::Result<Table> {
    let mib = |title| Column { title, format: Format::Fine, beside: Beside::Nginx };
    let mut table = Table::new(
        "5,000 open streams, one event in 5 s each: memory of a fresh process tree",
        vec![
            mib("resident MiB"),
            mib("proportional MiB"),
            Column { title: "idle before, MiB", format: Format::Fine, beside: Beside::Nothing },
        ],
    );
    let silent = Errand::Exchange(Script::Stream { events: 100, gap: 5 * Nanos::SECOND, end_at: 0 });
    let plan = Plan::new(silent, OPEN).spread(2.5).windows(4.0, 0.2);
    for _ in 0..rounds {
        let mut round = Vec::new();
        for &kind in kinds {
            let target = Target::start(kind, stage)?;
            let before = target.memory();
            let outcome = load::run(&plan, target.address, || target.memory())?;
            faults.of("memory", &target, &outcome.seen);
            let Memory { resident, proportional } = outcome.after;
            round.push((kind, [resident, proportional, before.proportional].map(mebibytes).to_vec()));
        }
        table.rounds.push(round);
    }
    Ok(table)
}

/// Exchanges with their receipts fetched at once, and cached reports as fast as they come.
pub(crate) fn archive(target: &Target, rounds: usize, faults: &mut Faults) -> io::Result<[Table; 2]> {
    let plain = |title| Column { title, format: Format::Whole, beside: Beside::Nothing };
    let mut receipts = Table::new(
        "Each answer's receipt fetched behind it, 32 connections",
        vec![plain("exchanges with receipt/s"), plain("receipt p50 µs"), plain("receipt p99 µs")],
    );
    let mut reports = Table::new(
        "Reports without a nonce, 32 connections",
        vec![plain("reports/s"), plain("CPU µs per report"), plain("reports per core and second")],
    );
    for _ in 0..rounds {
        let plan = Plan::new(Errand::ExchangeAndReceipt(PLAIN), 32);
        let mut outcome = load::run(&plan, target.address, || ())?;
        faults.of("receipts", target, &outcome.seen);
        let times = &mut outcome.seen.receipts;
        let [p50, p99] = [0.5, 0.99].map(|share| percentile_micros(times, share));
        receipts.rounds.push(vec![(Kind::Jurat, vec![outcome.per_second(outcome.answers), p50, p99])]);

        let outcome = load::run(&Plan::new(Errand::Get(CACHED), 32), target.address, || target.cpu())?;
        faults.of("reports", target, &outcome.seen);
        let micros = (outcome.after.0 - outcome.before.0) as f64 / 1e3 / outcome.answers as f64;
        let figures = vec![outcome.per_second(outcome.answers), micros, 1e6 / micros];
        reports.rounds.push(vec![(Kind::Jurat, figures)]);
    }
    Ok([receipts, reports])
}

/// Paced streams by themselves, and beside clients that ask for reports one after another.
pub(crate) fn beside_reports(target: &Target, rounds: usize, faults: &mut Faults) -> io::Result<Table> {
    let column = |title| Column { title, format: Format::Whole, beside: Beside::Nothing };
    let mut table = Table::new(
        "256 paced streams on jurat, alone and beside one client of fresh reports and one of cached ones",
        vec![
            column("alone: delay p50 µs"),
            column("p99 µs"),
            column("beside: delay p50 µs"),
            column("p99 µs"),
            column("fresh reports/s"),
            column("cached reports/s"),
        ],
    );
    for _ in 0..rounds {
        let mut figures = Vec::new();
        let streams = Scenario::Paced.plan();
        for reports in [false, true] {
            let load = |errand| {
                let plan = Plan::new(errand, 1).windows(1.0, 3.0);
                reports.then(|| load::run(&plan, target.address, || ())).transpose()
            };
            let (outcome, fresh, cached) = std::thread::scope(|scope| {
                let fresh = scope.spawn(|| load(Errand::GetWithNonce(CACHED)));
                let cached = scope.spawn(|| load(Errand::Get(CACHED)));
                let outcome = load::run(&streams, target.address, || ());
                let wait = "a client does not panic";
                (outcome, fresh.join().expect(wait), cached.join().expect(wait))
            });
            let (mut outcome, others) = (outcome?, [fresh?, cached?]);
            faults.of("beside reports", target, &outcome.seen);
            let delays = &mut outcome.seen.delays;
            figures.extend([0.5, 0.99].map(|share| percentile_micros(delays, share)));
            for other in others.into_iter().flatten() {
                faults.of("reports beside streams", target, &other.seen);
                figures.push(other.per_second(other.answers));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        table.rounds.push(vec![(Kind::Jurat, figures)]);
    }
    Ok(table)
}

/// From the program's start to its first answer.
pub(crate) fn start(stage: &Stage, rounds: usize, faults: &mut Faults) -> io::Result<Table> {
    let column = Column { title: "ms", format: Format::Fine, beside: Beside::Nothing };
    let mut table = Table::new("From the start of the program to the first whole answer", vec![column]);
    for _ in 0..rounds {
        let mut round = Vec::new();
        for kind in Kind::PROXIES {
            let before = Nanos::now();
            let target = Target::start(kind, stage)?;
            let plan = Plan::new(Errand::Exchange(PLAIN), 1).limit(1);
            let outcome = load::run(&plan, target.address, || ())?;
            round.push((kind, vec![(Nanos::now().0 - before.0) as f64 / 1e6]));
            faults.of("start", &target, &outcome.seen);
        }
        table.rounds.push(round);
    }
    Ok(table)
}

/// Answers behind each tenth of a million whose receipts are judged.
const JUDGED: u64 = 32;

/// Memory over many answers, by tenths of the way.
pub(crate) fn million(stage: &Stage, answers: u64, faults: &mut Faults) -> io::Result<Table> {
    let tenth = ["1/10", "2/10", "3/10", "4/10", "5/10", "6/10", "7/10", "8/10", "9/10", "10/10"];
    let column = |title| Column { title, format: Format::Fine, beside: Beside::Nothing };
    let mut table = Table::new(
        "A million plain answers on one process whose store holds 16 MiB: MiB resident, by tenths of the way",
        tenth.map(column).to_vec(),
    );
    let mut stage = stage.clone();
    stage.arguments.extend(["--memory-store-bytes".into(), (16 << 20).to_string()]);
    let target = Target::start(Kind::Jurat, &stage)?;
    let mut resident = Vec::new();
    for _ in tenth {
        let plan = Plan::new(Errand::Exchange(PLAIN), 32);
        // The first of so many are given up by the store before they could be judged: the last are judged.
        let many = Plan { remembered: 0, ..plan.clone().limit(answers / 10 - JUDGED) };
        let outcome = load::run(&many, target.address, || target.memory())?;
        faults.of("million", &target, &outcome.seen);
        let last = load::run(&plan.limit(JUDGED), target.address, || ())?;
        faults.of("million", &target, &last.seen);
        resident.push(mebibytes(outcome.after.resident));
    }
    table.rounds.push(vec![(Kind::Jurat, resident)]);
    Ok(table)
}

/// Size of the program without symbols, MiB of 10^6 bytes.
pub(crate) fn stripped_megabytes(stage: &Stage) -> io::Result<f64> {
    let copy = stage.folder.join("stripped");
    let status = Command::new("strip").arg("-o").arg(&copy).arg(&stage.jurat).status()?;
    if !status.success() {
        return Err(io::Error::other("strip failed"));
    }
    Ok(std::fs::metadata(&copy)?.len() as f64 / 1e6)
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
