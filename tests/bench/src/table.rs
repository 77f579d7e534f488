//! Rounds of figures, and the tables that they make: medians, with ratios taken round by round, since only what
//! ran in the same moments of a shared machine can be compared.

use std::fmt::Write;

use crate::target::Kind;

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Microseconds, or whatever else is worth two decimals.
    Fine,
    /// A count.
    Whole,
}

/// One kind of figure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) title: &'static str,
    pub(crate) format: Format,
    /// What it is compared with.
    pub(crate) beside: Beside,
}

/// What a figure is compared with, in its own round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// nginx, as a ratio.
    Nginx,
    /// No proxy at all, as a difference.
    Direct,
    /// Jurat with its receipts in memory, as a ratio.
    MemoryRatio,
    /// The same, as a difference.
    MemoryExcess,
}

/// Figures of several targets over several rounds.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) columns: Vec<Column>,
    /// By round, then by target.
    pub(crate) rounds: Vec<Vec<(Kind, Vec<f64>)>>,
}

/// Middle, lowest and highest of a figure over the rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Table {
    pub(crate) fn new(title: &'static str, columns: Vec<Column>) -> Self {
        Self { title, columns, rounds: Vec::new() }
    }

    /// A target's figure over the rounds.
    pub(crate) fn figure(&self, kind: Kind, column: usize) -> Option<Spread> {
        spread(self.rounds.iter().filter_map(|round| figure(round, kind, column)).collect())
    }

    /// A target's figure in proportion to another's of the same round.
    pub(crate) fn ratio(&self, kind: Kind, to: Kind, column: usize) -> Option<Spread> {
        self.compared(kind, to, column, |one, other| one / other)
    }

    /// By how much a target's figure exceeds another's of the same round.
    pub(crate) fn excess(&self, kind: Kind, over: Kind, column: usize) -> Option<Spread> {
        self.compared(kind, over, column, |one, other| one - other)
    }

    fn compared(&self, kind: Kind, other: Kind, column: usize, how: fn(f64, f64) -> f64) -> Option<Spread> {
        let pairs = self
            .rounds
            .iter()
            .filter_map(|round| Some(how(figure(round, kind, column)?, figure(round, other, column)?)));
        spread(pairs.collect())
    }

    fn has(&self, kind: Kind) -> bool {
        (0..self.columns.len()).any(|column| self.figure(kind, column).is_some())
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("**{}** ({} rounds)\n\n| |", self.title, self.rounds.len());
        for column in &self.columns {
            // invariant: writing into a string does not fail
            let _ = write!(text, " {} |", column.title);
            match column.beside {
                Beside::Nothing => {}
                Beside::Nginx => text.push_str(" × nginx | lowest–highest |"),
                Beside::Direct => text.push_str(" over direct | lowest–highest |"),
                Beside::MemoryRatio => text.push_str(" × in memory | lowest–highest |"),
                Beside::MemoryExcess => text.push_str(" over memory | lowest–highest |"),
            }
        }
        text.push_str("\n|---|");
        for column in &self.columns {
            text.push_str(if column.beside == Beside::Nothing { "---|" } else { "---|---|---|" });
        }
        text.push('\n');
        for kind in Kind::ALL.into_iter().filter(|kind| self.has(*kind)) {
            let _ = write!(text, "| {} |", kind.name());
            for (at, column) in self.columns.iter().enumerate() {
                self.cells(&mut text, kind, at, column);
            }
            text.push('\n');
        }
        text
    }

    fn cells(&self, text: &mut String, kind: Kind, at: usize, column: &Column) {
        let write = |number: f64| match column.format {
            Format::Fine if number.abs() < 100.0 => format!("{number:.2}"),
            Format::Fine | Format::Whole => format!("{number:.0}"),
        };
        let cell = self.figure(kind, at).map_or_else(|| "–".into(), |spread| write(spread.median));
        let _ = write!(text, " {cell} |");
        let ratio = |to| {
            let ratio = self.ratio(kind, to, at);
            ratio.map(|ratio| [ratio.median, ratio.low, ratio.high].map(|one| format!("{one:.2}")))
        };
        let excess = |over| {
            let excess = self.excess(kind, over, at);
            excess.map(|excess| [excess.median, excess.low, excess.high].map(write))
        };
        let compared = match column.beside {
            Beside::Nothing => return,
            Beside::Nginx => ratio(Kind::Nginx),
            Beside::MemoryRatio => ratio(Kind::Jurat),
            Beside::Direct => excess(Kind::Direct),
            Beside::MemoryExcess => excess(Kind::Jurat),
        };
        match compared {
            Some([median, low, high]) => {
                let _ = write!(text, " {median} | {low}–{high} |");
            }
            None => text.push_str(" – | – |"),
        }
    }
}

fn figure(round: &[(Kind, Vec<f64>)], kind: Kind, column: usize) -> Option<f64> {
    let (_, figures) = round.iter().find(|(other, _)| *other == kind)?;
    figures.get(column).copied().filter(|number| number.is_finite())
}

fn spread(mut numbers: Vec<f64>) -> Option<Spread> {
    numbers.retain(|number| number.is_finite());
    numbers.sort_by(f64::total_cmp);
    let (low, high) = (*numbers.first()?, *numbers.last()?);
    let middle = numbers.len() / 2;
    let median =
        if numbers.len() % 2 == 1 { numbers[middle] } else { (numbers[middle - 1] + numbers[middle]) / 2.0 };
    Some(Spread { median, low, high })
}

/// The value below which this share of the times lies, in microseconds; not a number if there are none.
pub(crate) fn percentile_micros(times: &mut [u64], share: f64) -> f64 {
    if times.is_empty() {
        return f64::NAN;
    }
    let at = ((times.len() - 1) as f64 * share).round() as usize;
    let (_, value, _) = times.select_nth_unstable(at);
    *value as f64 / 1e3
}

#[cfg(test)]
mod tests;
