//! What can be counted and not only timed: system calls and instructions, as the difference of two loads, so that
//! start and end cancel out. The noise-free companions of the tables.

use std::{collections::HashMap, io};

use crate::{
    load::{self, Errand, Plan},
    scenario::{GAP, PACED_EVENTS, PLAIN},
    script::Script,
    target::{Kind, Stage, Target},
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counted {
    /// By `strace -c`.
    SystemCalls,
    /// By `valgrind --tool=callgrind`, in user space. It knows no SHA-NI, so SHA-256, which falls back to some
    /// two thousand instructions a block there, is told apart.
    Instructions,
}

/// A kind of traffic.
struct Traffic {
    unit: &'static str,
    plan: Plan,
    /// Exchanges of the smaller load and of the larger.
    exchanges: [u64; 2],
    /// What of a load is a unit: its events, or its answers.
    of_events: bool,
}

/// Counts of one load.
struct Load {
    units: f64,
    all: f64,
    hashing: f64,
}

impl Counted {
    /// Counts for every target and kind of traffic, as Markdown.
    pub(crate) fn table(self, stage: &Stage) -> io::Result<String> {
        let stream = Errand::Exchange(Script::Stream { events: PACED_EVENTS, gap: GAP, end_at: 0 });
        let traffic = [
            Traffic {
                unit: "paced event",
                plan: Plan::new(stream, 32).spread(1.0),
                exchanges: [32, 96],
                of_events: true,
            },
            Traffic {
                unit: "plain request",
                plan: Plan::new(Errand::Exchange(PLAIN), 32),
                exchanges: [500, 2500],
                of_events: false,
            },
        ];
        let mut text = match self {
            Self::SystemCalls => String::from("**System calls** (`strace -c`)\n\n|"),
            Self::Instructions => {
                String::from("**User-space instructions** (callgrind; SHA-256 left out)\n\n|")
            }
        };
        traffic.iter().for_each(|traffic| text.extend([" | per ", traffic.unit]));
        text.push_str(" |\n|---|---|---|\n");
        let counted = Kind::ALL.into_iter().filter(|kind| match kind {
            Kind::Direct | Kind::Durable => false,
            kind => stage.has(*kind),
        });
        for kind in counted {
            text.extend(["| ", kind.name(), " |"]);
            for traffic in &traffic {
                let less = self.count(stage, kind, traffic, 0)?;
                let more = self.count(stage, kind, traffic, 1)?;
                let counted = (more.all - more.hashing) - (less.all - less.hashing);
                let each = counted / (more.units - less.units);
                text.push_str(&if each < 100.0 { format!(" {each:.2} |") } else { format!(" {each:.0} |") });
            }
            text.push('\n');
        }
        Ok(text)
    }

    fn count(self, stage: &Stage, kind: Kind, traffic: &Traffic, which: usize) -> io::Result<Load> {
        let file = stage.folder.join("counted");
        let path = file.display();
        let under = match self {
            Self::SystemCalls => format!("strace -f -c -o {path}"),
            Self::Instructions => format!("valgrind --quiet --tool=callgrind --callgrind-out-file={path}"),
        };
        let under = under.split(' ').map(str::to_owned).collect();
        let target = Target::start(kind, &Stage { under, ..stage.clone() })?;
        // What a program does behind its start is no part of the difference, if it is over by now.
        std::thread::sleep(std::time::Duration::from_secs(3));
        let plan = traffic.plan.clone().limit(traffic.exchanges[which]);
        let outcome = load::run(&plan, target.address, || ())?;
        if outcome.seen.wrong > 0 {
            return Err(io::Error::other(format!("{}: {:?}", kind.name(), outcome.seen.complaints)));
        }
        let units = if traffic.of_events { outcome.events } else { outcome.answers } as f64;
        if let Some(process) = target.process {
            process.end()?;
        }
        let text = std::fs::read_to_string(&file)?;
        let (all, hashing) = match self {
            Self::SystemCalls => (calls(&text).ok_or_else(|| io::Error::other("no total of strace's"))?, 0.0),
            Self::Instructions => instructions(&text),
        };
        Ok(Load { units, all, hashing })
    }
}

/// The total of the column `calls`.
fn calls(summary: &str) -> Option<f64> {
    let header = summary.lines().find(|line| line.starts_with("% time"))?;
    // The first two words head one column.
    let column = header.split_whitespace().skip(1).position(|word| word == "calls")?;
    let total = summary.lines().rfind(|line| line.trim_end().ends_with(" total"))?;
    total.split_whitespace().nth(column)?.parse().ok()
}

/// All instructions of a profile, and those of SHA-256.
fn instructions(profile: &str) -> (f64, f64) {
    let mut names: HashMap<&str, bool> = HashMap::new();
    let (mut all, mut hashing) = (0.0, 0.0);
    let (mut in_hash, mut called) = (false, false);
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=") {
            // A name stands once, behind its number; afterwards the number stands alone.
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            let known = names.entry(number).or_default();
            *known |= name.contains("sha2::") || name.contains("sha256");
            in_hash = *known;
        } else if let Some((number, name)) =
            line.strip_prefix("cfn=").and_then(|function| function.split_once(' '))
        {
            *names.entry(number).or_default() |= name.contains("sha2::") || name.contains("sha256");
        } else if line.starts_with("calls=") {
            called = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            // The line behind a call is what the called function took: it is counted there.
            if std::mem::take(&mut called) {
                continue;
            }
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<f64>().ok()).unwrap_or(0.0);
            all += cost;
            hashing += if in_hash { cost } else { 0.0 };
        }
    }
    (all, hashing)
}

#[cfg(test)]
mod tests;
