//! The figures that must be held, and whether they are.

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    table::{Spread, Table},
    target::Kind,
};

/// Tables by the name of what made them, and the figures that are in none.
#[derive(Debug, Default)]
pub(crate) struct Results {
    pub(crate) tables: BTreeMap<&'static str, Table>,
    pub(crate) two_signatures_micros: f64,
    pub(crate) stripped_megabytes: f64,
}

/// One figure to hold.
struct Bar {
    figure: &'static str,
    /// What it may be at most, or at least if `at_least`.
    bar: f64,
    at_least: bool,
    aim: &'static str,
    measured: Option<f64>,
}

impl Results {
    /// The figures to hold, as Markdown.
    pub(crate) fn bars(&self) -> String {
        let mut text = String::from("| figure | bar | aim | measured | |\n|---|---|---|---|---|\n");
        for Bar { figure, bar, at_least, aim, measured } in self.measured() {
            let sign = if at_least { "≥" } else { "≤" };
            let (measured, held) = match measured {
                Some(number) if (number >= bar) == at_least || number == bar => (write(number), "held"),
                Some(number) => (write(number), "**missed**"),
                None => ("–".into(), "not measured"),
            };
            // invariant: writing into a string does not fail
            let _ = writeln!(text, "| {figure} | {sign} {} | {aim} | {measured} | {held} |", write(bar));
        }
        text
    }

    fn measured(&self) -> Vec<Bar> {
        let table = |name: &str| self.tables.get(name);
        let ratio = |name: &str, column| median(table(name)?.ratio(Kind::Jurat, Kind::Nginx, column));
        let figure = |name: &str, column| median(table(name)?.figure(Kind::Jurat, column));
        let nginx = |name: &str, column| median(table(name)?.figure(Kind::Nginx, column));
        let excess = |name: &str, kind, over| median(table(name)?.excess(kind, over, 0));
        let durable = median(table("durable").and_then(|table| table.ratio(Kind::Durable, Kind::Jurat, 0)));
        let at_most = |figure, bar, aim, measured| Bar { figure, bar, at_least: false, aim, measured };
        let signatures = self.two_signatures_micros;
        let plain = nginx("plain", 0).unwrap_or(f64::NAN);
        let first = excess("first-byte", Kind::Nginx, Kind::Direct).unwrap_or(f64::NAN);
        vec![
            at_most("CPU per event, 256 paced streams, × nginx", 1.15, "1.0", ratio("paced", 0)),
            at_most("CPU per event, flat out, × nginx", 1.2, "0.95", ratio("flat-out", 0)),
            at_most(
                "CPU per plain request, µs: 1.8 × nginx and the two signatures",
                1.8 * plain + signatures,
                "nginx and the signatures",
                figure("plain", 0),
            ),
            at_most(
                "first byte over direct, p50, µs: nginx's and 100",
                first + 100.0,
                "nginx's and 50",
                excess("first-byte", Kind::Jurat, Kind::Direct),
            ),
            at_most("delay per event, 256 paced streams, p99, × nginx", 1.2, "1.0", ratio("paced", 2)),
            at_most("CPU per plain request, receipts on disk, × in memory", 1.3, "", durable),
            at_most("memory at 5,000 open streams, resident, × nginx", 1.0, "0.75", ratio("memory", 0)),
            Bar {
                figure: "cached reports per second and core",
                bar: 20_000.0,
                at_least: true,
                aim: "",
                measured: figure("reports", 2),
            },
            at_most(
                "program, stripped, MB",
                15.0,
                "",
                Some(self.stripped_megabytes).filter(|size| *size > 0.0),
            ),
            at_most("start to first answer, ms", 50.0, "", figure("start", 0)),
            at_most("memory behind 10⁶ answers, × that behind 3 × 10⁵", 1.05, "flat", self.growth()),
        ]
    }

    /// What the last of a million answers found in memory beside what the first third left there.
    fn growth(&self) -> Option<f64> {
        let table = self.tables.get("million")?;
        let resident = |tenth: usize| median(table.figure(Kind::Jurat, tenth - 1));
        Some(resident(10)? / resident(3)?)
    }
}

fn median(spread: Option<Spread>) -> Option<f64> {
    spread.map(|spread| spread.median)
}

fn write(number: f64) -> String {
    if number.abs() < 10.0 { format!("{number:.2}") } else { format!("{number:.0}") }
}

#[cfg(test)]
mod tests;
