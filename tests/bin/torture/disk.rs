//! A disk that fails for a while, under both settings of `--on-store-failure`.

use std::time::Duration;

use jurat_tests::{Readiness, Sidecar};
use rustix::process::Signal;
use tokio::time::sleep;

use crate::{
    field::{Field, Portion, Size, last_words},
    load::Load,
};

/// How soon a failing disk must show at `/readyz`.
const NOTICED: Duration = Duration::from_secs(20);
/// How soon a disk that is well again must be used.
const RECOVERED: Duration = Duration::from_secs(30);
/// How long the clients are at work before, during and after the fault.
const A_WHILE: Duration = Duration::from_millis(300);

/// Faults under which nothing can be kept: no space, an input/output error, a read-only file system, and syncs that
/// fail in three ways. The numbers are Linux's errno.
const HARD: [&str; 6] = ["write 28", "write 5", "write 30", "sync-keep", "sync-drop", "sync-lost"];
/// Faults that a store has to live with.
const SOFT: [&str; 2] = ["slow 200", "short"];

/// What `--on-store-failure` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Refuse,
    Memory,
}

impl Mode {
    pub(crate) fn arguments(self) -> [&'static str; 2] {
        let mode = match self {
            Self::Refuse => "refuse",
            Self::Memory => "memory",
        };
        ["--on-store-failure", mode]
    }
}

pub(crate) async fn play(field: &mut Field, size: Size) {
    let cases: Vec<(&str, Mode)> = match size.extent {
        Portion::All => {
            let both = |fault| [(fault, Mode::Refuse), (fault, Mode::Memory)];
            HARD.into_iter().chain(SOFT).flat_map(both).collect()
        }
        Portion::Few => {
            vec![("sync-drop", Mode::Refuse), ("write 28", Mode::Memory)]
        }
    };
    for (fault, mode) in cases {
        field.account.books().tally.rounds += 1;
        let (before, seed) = (field.account.books().tally.complaints.len(), field.dice.roll());
        case(field, &format!("{fault} {seed}"), mode).await;
        for complaint in field.account.books().tally.complaints.iter_mut().skip(before) {
            *complaint = format!("{fault}, {mode:?}: {complaint}");
        }
    }
    field.fault("none");
    let Some(sidecar) = field.start(field.sidecar()).await else { return };
    field.settle_all(&sidecar).await;
    field.stop(sidecar).await;
}

async fn case(field: &mut Field, fault: &str, mode: Mode) {
    let builder = field.on_faulty_disk(field.sidecar()).args(mode.arguments());
    let Some(sidecar) = field.start(builder).await else { return };
    field.settle(&sidecar).await;
    let Some(load) = field.load(&sidecar).await else { return };
    sleep(A_WHILE).await;
    let acknowledged = field.account.acknowledged();
    field.fault(fault);
    let soft = SOFT.iter().any(|soft| fault.starts_with(soft));
    let on = if soft {
        sleep(4 * A_WHILE).await;
        field.require_green(&sidecar, Duration::ZERO, "under a fault that a store has to live with").await
    } else {
        during(field, &sidecar, mode).await
    };
    field.account.require(field.hits() > 0, "the fault was never dealt");
    if !on {
        field.fault("none");
        return give_up(field, sidecar, load).await;
    }
    if mode == Mode::Refuse && !soft && field.dice.one_in(3) {
        // Killed while nothing can be kept: what was acknowledged before is there all the same.
        sidecar.signal(Signal::KILL);
        return give_up(field, sidecar, load).await;
    }
    field.fault("none");
    let every_other = field.account.books().tally.rounds % 4 == 2;
    if mode == Mode::Memory && !soft && every_other {
        // Stopped before it can have found out that the disk is well: what waits in memory goes there all the same.
        field.stop(sidecar).await;
        return load.stop().await;
    }
    let well = field.require_green(&sidecar, RECOVERED, "once the disk is well again").await;
    let so_far = field.account.acknowledged();
    if well && !soft && field.dice.one_in(3) {
        // A chain may just have begun: its first receipts are proven as well as any.
        sleep(field.dice.milliseconds(0, 60)).await;
        sidecar.signal(Signal::KILL);
        return give_up(field, sidecar, load).await;
    }
    sleep(A_WHILE).await;
    load.stop().await;
    if well {
        field.account.require(field.account.acknowledged() > so_far, "no answer after the recovery");
        field.account.require(so_far > acknowledged || mode == Mode::Refuse, "no answer during the fault");
        field.settle(&sidecar).await;
    }
    if field.dice.one_in(2) {
        field.stop(sidecar).await;
    } else {
        field.no_panic(&sidecar.said());
        kill(sidecar).await;
    }
}

/// With the fault on: red, and as configured. Whether it makes sense to go on.
async fn during(field: &Field, sidecar: &Sidecar, mode: Mode) -> bool {
    if !sidecar.readiness_within(Readiness::Red, NOTICED).await {
        field.account.wrong(format!("/readyz stays green: {}", last_words(&sidecar.said())));
        return false;
    }
    let (acknowledged, refused) = (field.account.acknowledged(), refusals(field));
    sleep(2 * A_WHILE).await;
    match mode {
        Mode::Refuse => {
            field.account.require(refusals(field) > refused, "nobody was refused with store_unavailable");
        }
        Mode::Memory => {
            field.account.require(refusals(field) == refused, "refused, though memory stands in");
            field.account.require(field.account.acknowledged() > acknowledged, "no answers from memory");
        }
    }
    true
}

fn refusals(field: &Field) -> usize {
    field.account.books().tally.refused.get("store_unavailable").copied().unwrap_or(0)
}

async fn give_up(field: &Field, sidecar: Sidecar, load: Load) {
    field.no_panic(&sidecar.said());
    kill(sidecar).await;
    load.stop().await;
}

async fn kill(mut sidecar: Sidecar) {
    sidecar.signal(Signal::KILL);
    let _ = sidecar.exit(Duration::from_secs(10)).await;
}

impl Field {
    /// Complains unless `/readyz` turns green within the limit.
    pub(crate) async fn require_green(&self, sidecar: &Sidecar, limit: Duration, when: &str) -> bool {
        let green = sidecar.readiness_within(Readiness::Green, limit).await;
        self.account.require(green, format!("not ready {when}: {}", last_words(&sidecar.said())));
        green
    }
}
