//! Chains longer than what a walk remembers. Signatures are beside the point here: the walk alone is tried.

use super::*;
use crate::audit::walk::{Faults, Step, StepKind, Walk};

const LONG: u64 = 40_000;

fn hash(at: u64, branch: &str) -> Digest {
    if at == 0 { claims().chain } else { sha256(format!("{branch}{at}").as_bytes()) }
}

fn step(at: u64, branch: &str) -> Step {
    Step {
        kind: StepKind::Receipt,
        first: at,
        last: at,
        previous: hash(at - 1, branch),
        hash: hash(at, branch),
    }
}

struct Tried {
    walk: Walk,
    faults: Faults,
}

impl Tried {
    fn new() -> Self {
        Self { walk: Walk::new(claims().chain, Extent::Whole), faults: Faults::default() }
    }

    fn walk(&mut self, places: impl IntoIterator<Item = u64>, branch: &str) -> u64 {
        places.into_iter().map(|at| self.walk.step(&step(at, branch), &mut self.faults)).sum()
    }

    fn status(&self, id: CheckId) -> Status {
        self.faults.or(id, || Finding::pass("")).status
    }

    fn holds(&self) -> bool {
        CheckId::ALL.iter().all(|id| self.status(*id) == Status::Pass)
    }
}

#[test]
fn a_second_export_is_compared_where_the_first_ended() {
    let mut tried = Tried::new();
    assert_eq!(tried.walk(1..=LONG, ""), LONG);
    assert_eq!(tried.walk(1..=LONG + 5, ""), 5, "what stands twice counts once");
    assert!(tried.holds() && tried.walk.compared());

    let mut forked = Tried::new();
    forked.walk(1..=LONG, "");
    forked.walk(1..=1, "other");
    forked.walk(2..=LONG + 5, "other");
    assert_eq!(forked.status(CheckId::ChainFork), Status::Fail);
}

#[test]
fn what_was_not_compared_is_not_taken_for_the_same() {
    let mut tried = Tried::new();
    tried.walk(1..=LONG, "");
    tried.walk(1..=5, "other");
    assert!(tried.holds() && !tried.walk.compared(), "a fork so far back cannot be seen, and is not denied");

    let mut resumed = Tried::new();
    resumed.walk(1..=LONG, "");
    resumed.walk([3], "other");
    resumed.walk(LONG + 1..=LONG + 2, "");
    assert!(resumed.holds() && !resumed.walk.compared());
    resumed.walk([LONG + 3], "other");
    assert_eq!(resumed.status(CheckId::ChainOrder), Status::Fail, "the walk went on where it was");
}

#[test]
fn three_passes_are_all_compared() {
    let mut tried = Tried::new();
    for _ in 0..3 {
        tried.walk(1..=LONG, "");
    }
    assert!(tried.holds() && tried.walk.compared());

    let mut short = Tried::new();
    short.walk(1..=LONG, "");
    short.walk(1..=LONG / 2, "other");
    short.walk(1..=LONG, "");
    assert!(short.holds() && !short.walk.compared(), "the second never met the first");
}

#[test]
fn a_prune_point_may_cover_what_an_older_export_has() {
    for (first, tied) in [(1, true), (LONG - 10, true), (LONG + 1, true), (2, false)] {
        let mut tried = Tried::new();
        tried.walk(1..=LONG, "");
        let prune = Step { kind: StepKind::Prune, first, ..step(LONG + 7, "") };
        let prune = Step { previous: hash(first - 1, ""), ..prune };
        assert_eq!(tried.walk.step(&prune, &mut tried.faults), 7);
        tried.walk([LONG + 8], "");
        assert!(tried.holds(), "{first}");
        assert_eq!(tried.walk.tied(), tied, "{first}");
    }
}

/// `cargo test --release -p jurat-verify --lib rate -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn rate() {
    let lines = Signing::new().lines(20_000);
    let began = std::time::Instant::now();
    let verdict = judged(&lines);
    let rate = 20_000.0 / began.elapsed().as_secs_f64();
    assert_eq!(verdict.outcome(), Outcome::Trusted);
    println!("{rate:.0} receipts/s on one thread, half of them complete");
}
