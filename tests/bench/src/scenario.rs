//! What is put on the scales beside the plain proxies, round by round.

use std::io;

use crate::{
    load::{self, Errand, Outcome, Plan, receipts},
    process::CpuNanos,
    script::Script,
    table::{Beside, Column, Format, Table, percentile_micros},
    target::{Kind, Target},
};

/// Between two events of a paced stream.
pub(crate) const GAP: u64 = 20_000_000;
/// Events of a paced stream: an answer of four seconds.
pub(crate) const PACED_EVENTS: u32 = 200;
/// Bytes of a plain answer.
pub(crate) const PLAIN: Script = Script::Plain { bytes: 1024 };

/// A kind of traffic that every target can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// Plain answers at 32 connections.
    Plain,
    /// 256 streams, 20 ms between events, random phase.
    Paced,
    /// 16 streams as fast as they go.
    FlatOut,
    /// One stream after another.
    FirstByte,
    /// 64 streams that end in the same moment.
    Endings,
}

impl Scenario {
    pub(crate) const ALL: [Self; 5] =
        [Self::Plain, Self::Paced, Self::FlatOut, Self::FirstByte, Self::Endings];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Paced => "paced",
            Self::FlatOut => "flat-out",
            Self::FirstByte => "first-byte",
            Self::Endings => "endings",
        }
    }

    pub(crate) const fn rounds(self) -> usize {
        match self {
            Self::Plain | Self::FlatOut | Self::FirstByte => 9,
            Self::Paced => 7,
            Self::Endings => 5,
        }
    }

    pub(crate) fn plan(self) -> Plan {
        let stream = |events, gap| Errand::Exchange(Script::Stream { events, gap, end_at: 0 });
        match self {
            Self::Plain => Plan::new(Errand::Exchange(PLAIN), 32),
            Self::Paced => Plan::new(stream(PACED_EVENTS, GAP), 256).spread(0.5).windows(1.0, 3.0),
            Self::FlatOut => Plan::new(stream(1000, 0), 16),
            // Its end comes later: what a proxy does at the end is not in its beginning.
            Self::FirstByte => Plan::new(stream(2, 500_000), 1).windows(0.1, 0.8),
            Self::Endings => Plan::new(Errand::EndTogether { events: 20 }, 64).windows(0.3, 1.5),
        }
    }

    pub(crate) fn table(self) -> Table {
        let column = |title, format, beside| Column { title, format, beside };
        use Beside::{Direct, Nginx, Nothing};
        use Format::{Fine, Whole};
        let (title, columns) = match self {
            Self::Plain => (
                "Plain answers of 1 KiB, 32 connections",
                vec![
                    column("CPU µs per request", Fine, Nginx),
                    column("requests/s", Whole, Nothing),
                    column("p50 µs", Whole, Nothing),
                    column("p99 µs", Whole, Nothing),
                ],
            ),
            Self::Paced => (
                "256 streams, 20 ms between events of 256 bytes, 200 events a stream",
                vec![
                    column("CPU µs per event", Fine, Nginx),
                    column("delay p50 µs", Whole, Nothing),
                    column("delay p99 µs", Whole, Nginx),
                    column("events/s", Whole, Nothing),
                ],
            ),
            Self::FlatOut => (
                "16 streams flat out, 1,000 events a stream",
                vec![column("CPU µs per event", Fine, Nginx), column("events/s", Whole, Nothing)],
            ),
            Self::FirstByte => (
                "One stream at a time: from the request to the first event",
                vec![column("p50 µs", Whole, Direct), column("p99 µs", Whole, Direct)],
            ),
            Self::Endings => (
                "64 streams ending in the same moment: from the last event's stamp to `[DONE]`",
                vec![column("p50 µs", Whole, Nothing), column("p99 µs", Whole, Direct)],
            ),
        };
        Table::new(title, columns)
    }

    fn figures(self, outcome: &mut Outcome<CpuNanos>) -> Vec<f64> {
        let cpu = (outcome.after.0 - outcome.before.0) as f64 / 1e3;
        let cpu = if outcome.after.0 == 0 { f64::NAN } else { cpu };
        let (answers, events) = (outcome.answers, outcome.events);
        let rate = outcome.per_second(if self == Self::Plain { answers } else { events });
        let seen = &mut outcome.seen;
        match self {
            Self::Plain => vec![
                cpu / answers as f64,
                rate,
                percentile_micros(&mut seen.whole, 0.5),
                percentile_micros(&mut seen.whole, 0.99),
            ],
            Self::Paced => vec![
                cpu / events as f64,
                percentile_micros(&mut seen.delays, 0.5),
                percentile_micros(&mut seen.delays, 0.99),
                rate,
            ],
            Self::FlatOut => vec![cpu / events as f64, rate],
            Self::FirstByte => {
                vec![percentile_micros(&mut seen.first, 0.5), percentile_micros(&mut seen.first, 0.99)]
            }
            Self::Endings => {
                vec![percentile_micros(&mut seen.ends, 0.5), percentile_micros(&mut seen.ends, 0.99)]
            }
        }
    }

    /// One round on one target.
    pub(crate) fn measure(self, target: &Target, faults: &mut Faults) -> io::Result<Vec<f64>> {
        let mut outcome = load::run(&self.plan(), target.address, || target.cpu())?;
        faults.of(self.name(), target, &outcome.seen);
        // What a target still does for clients that are gone is not the next one's.
        std::thread::sleep(std::time::Duration::from_millis(150));
        Ok(self.figures(&mut outcome))
    }
}

/// Everything that was not as it should be: a benchmark of wrong answers is none.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) count: u64,
    /// Receipts that were judged, and right.
    pub(crate) receipts: u64,
    /// Answers whose bytes were checked.
    pub(crate) complaints: Vec<String>,
}

impl Faults {
    /// Takes what the clients saw, and judges the receipts that they remember.
    pub(crate) fn of(&mut self, what: &str, target: &Target, seen: &load::Seen) {
        self.count += seen.wrong;
        let named = seen.complaints.iter().map(|one| format!("{what}, {}: {one}", target.kind.name()));
        self.complaints.extend(named);
        if !matches!(target.kind, Kind::Jurat | Kind::Durable) {
            return;
        }
        match receipts::judge(target.address, &seen.witnessed) {
            Ok(()) => self.receipts += seen.witnessed.len() as u64,
            Err(why) => {
                self.count += 1;
                self.complaints.push(format!("{what}: {why}"));
            }
        }
    }
}
