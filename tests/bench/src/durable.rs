//! What it costs to have every receipt on disk before the end of its answer leaves, and what the disk itself takes.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

use crate::{
    clock::Nanos,
    load::{self, Errand, Plan},
    scenario::{Faults, PLAIN},
    table::{Beside, Column, Format, Table, percentile_micros},
    target::{Kind, Stage, Target},
};

/// Flushes of one measurement of the disk.
const FLUSHES: usize = 100;
/// Bytes written before each, a page as the archive writes several.
const PAGE: [u8; 4096] = [0x42; 4096];

/// The same load on receipts in memory and on disk, both running throughout, and the disk by itself in every round.
pub(crate) fn measure(stage: &Stage, rounds: usize, faults: &mut Faults) -> io::Result<Table> {
    let fine = |title, beside| Column { title, format: Format::Fine, beside };
    let whole = |title, beside| Column { title, format: Format::Whole, beside };
    let mut table = Table::new(
        "Plain answers of 1 KiB with receipts in memory and on disk",
        vec![
            fine("CPU µs per request, 64 connections", Beside::MemoryRatio),
            whole("requests/s", Beside::Nothing),
            whole("p99 µs", Beside::Nothing),
            whole("1 connection: p50 µs", Beside::MemoryExcess),
            whole("p99 µs", Beside::Nothing),
            whole("one `fdatasync` of a page, p50 µs", Beside::Nothing),
        ],
    );
    std::fs::create_dir_all(&stage.state)?;
    let targets = [Target::start(Kind::Jurat, stage)?, Target::start(Kind::Durable, stage)?];
    for round in 0..rounds {
        let mut figures = Vec::new();
        for at in 0..targets.len() {
            let target = &targets[(at + round) % targets.len()];
            figures.push((target.kind, one(target, &stage.state, faults)?));
        }
        table.rounds.push(figures);
    }
    drop(targets);
    std::fs::remove_dir_all(&stage.state)?;
    Ok(table)
}

fn one(target: &Target, state: &Path, faults: &mut Faults) -> io::Result<Vec<f64>> {
    let plan = |connections| Plan::new(Errand::Exchange(PLAIN), connections);
    let mut many = load::run(&plan(64), target.address, || target.cpu())?;
    faults.of("durable", target, &many.seen);
    let mut single = load::run(&plan(1), target.address, || ())?;
    faults.of("durable, one connection", target, &single.seen);
    std::thread::sleep(Duration::from_millis(150));
    let micros = (many.after.0 - many.before.0) as f64 / 1e3 / many.answers as f64;
    let rate = many.per_second(many.answers);
    let flush = if target.kind == Kind::Durable { flush(state)? } else { f64::NAN };
    Ok(vec![
        micros,
        rate,
        percentile_micros(&mut many.seen.whole, 0.99),
        percentile_micros(&mut single.seen.whole, 0.5),
        percentile_micros(&mut single.seen.whole, 0.99),
        flush,
    ])
}

/// What one flush of one written page takes, microseconds, the middle of many. The file has its length before, as the
/// archive's has most of the time: a file that grows flushes its file system's journal too.
fn flush(folder: &Path) -> io::Result<f64> {
    let path = folder.join("flushed");
    let mut file = File::create(&path)?;
    (0..FLUSHES).try_for_each(|_| file.write_all(&PAGE))?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(FLUSHES);
    for at in 0..FLUSHES {
        let before = Nanos::now();
        file.write_all_at(&PAGE, (at * PAGE.len()) as u64)?;
        file.sync_data()?;
        times.push(Nanos::now().0 - before.0);
    }
    std::fs::remove_file(path)?;
    Ok(percentile_micros(&mut times, 0.5))
}
