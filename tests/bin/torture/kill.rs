//! Ends that nobody can prepare for: `kill -9`, a crash of a library, a power cut; again and again on one archive.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{sleep, timeout};

use crate::field::{Field, Portion, Size};

/// How long a round's clients are at work, in milliseconds.
const LOAD: (u64, u64) = (10, 400);
/// One round in so many is killed while it starts.
const EARLY: u64 = 5;

/// What ends a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// SIGKILL.
    Kill,
    /// SIGSEGV, as of a library that crashes.
    Crash,
    /// SIGKILL from within, and some of what was written since the last sync is gone.
    PowerCut,
}

pub(crate) async fn play(field: &mut Field, size: Size, end: End) {
    let rounds = match (end, size.extent) {
        (End::Crash, Portion::Few) => 2,
        (End::Crash, Portion::All) => size.rounds / 10,
        (End::PowerCut, Portion::Few) => size.rounds / 2,
        _ => size.rounds,
    };
    for _ in 0..rounds.max(1) {
        field.account.books().tally.rounds += 1;
        round(field, end).await;
    }
    field.fault("none");
    let Some(sidecar) = field.start(field.sidecar()).await else { return };
    field.settle_all(&sidecar).await;
    field.stop(sidecar).await;
}

async fn round(field: &mut Field, end: End) {
    let builder = match end {
        End::PowerCut => field.on_faulty_disk(field.sidecar()),
        End::Kill | End::Crash => field.sidecar(),
    };
    if end == End::Kill && field.dice.one_in(EARLY) {
        // Whatever it was doing to the file: dropped, it is killed.
        let early = field.dice.milliseconds(1, 300);
        drop(timeout(early, builder.clone().launch()).await);
        // The kernel needs a moment to let go of the file.
        sleep(Duration::from_millis(50)).await;
    }
    let Some(mut sidecar) = field.start(builder).await else { return };
    field.settle(&sidecar).await;
    let Some(load) = field.load(&sidecar).await else { return };
    sleep(field.dice.milliseconds(LOAD.0, LOAD.1)).await;
    match end {
        End::Kill => sidecar.signal(Signal::KILL),
        End::Crash => {
            // Rust's own handler takes the first one for a mistake, as no instruction failed; the second one kills.
            sidecar.signal(Signal::SEGV);
            sleep(Duration::from_millis(5)).await;
            sidecar.signal(Signal::SEGV);
        }
        End::PowerCut => {
            let (seed, calls) = (field.dice.roll(), field.dice.below(60));
            field.fault(&format!("cut {seed} {calls}"));
        }
    }
    let status = sidecar.exit(Duration::from_secs(10)).await;
    load.stop().await;
    let code = status.map(|status| status.code());
    field.account.require(code == Some(None), format!("it should have been killed: {status:?}"));
    field.no_panic(&sidecar.said());
}
