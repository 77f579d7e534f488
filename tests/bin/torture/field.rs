//! Where a scenario is played: an engine, a folder, the books, and sidecars that come and go.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use jurat_tests::{FakeEngine, Oath, Readiness, Sidecar, SidecarBuilder, binary, kinds::Kind, random_nonce};

use crate::{
    account::Account,
    chains::Chains,
    dice::Dice,
    load::{Load, Target},
    settle::{settle, settle_all},
};

/// Clients on each sidecar.
const CLIENTS: usize = 12;
/// The same where time is short: every answer costs several lookups afterwards.
const FEW_CLIENTS: usize = 6;
/// A file of the last round may have to be repaired, on a loaded machine.
const READY: Duration = Duration::from_secs(60);

/// How much is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
    pub(crate) extent: Portion,
}

/// Every variation of a scenario, or as many as a check before each commit has time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    All,
    Few,
}

pub(crate) struct Field {
    pub(crate) account: Arc<Account>,
    pub(crate) chains: Chains,
    pub(crate) dice: Dice,
    pub(crate) folder: Scratch,
    numbers: Arc<AtomicUsize>,
    engine: FakeEngine,
    clients: usize,
}

impl Field {
    pub(crate) async fn new(scenario: &str, size: Size) -> Self {
        let engine = FakeEngine::start_forgetful(|head| {
            let number = head.header("x-script").and_then(|value| value.parse().ok()).unwrap_or(0);
            Kind::of(number).script(number)
        })
        .await;
        Self {
            account: Arc::default(),
            chains: Chains::default(),
            dice: Dice::new(size.seed, scenario),
            folder: Scratch::new(scenario),
            numbers: Arc::default(),
            engine,
            clients: match size.extent {
                Portion::All => CLIENTS,
                Portion::Few => FEW_CLIENTS,
            },
        }
    }

    /// A sidecar on the folder's archive.
    pub(crate) fn sidecar(&self) -> SidecarBuilder {
        self.sidecar_on(&self.state())
    }

    /// A sidecar without an archive of its own.
    pub(crate) fn bare(&self) -> SidecarBuilder {
        Sidecar::before(self.engine.url())
    }

    pub(crate) fn sidecar_on(&self, state: &Path) -> SidecarBuilder {
        self.bare().state_dir(state)
    }

    /// Where the archive lies.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path("state")
    }

    /// Starts it; it must become ready. Its signer is in the books then.
    pub(crate) async fn start(&self, builder: SidecarBuilder) -> Option<Sidecar> {
        match builder.launch().await {
            Ok(sidecar) if sidecar.readiness_within(Readiness::Green, READY).await => Some(sidecar),
            Ok(sidecar) => {
                self.account.wrong(format!("it does not become ready: {}", last_words(&sidecar.said())));
                None
            }
            Err(left) => {
                let (code, signal) = (left.code, left.signal);
                let said = last_words(&left.said);
                self.account.wrong(format!("it does not start (code {code:?}, signal {signal:?}): {said}"));
                None
            }
        }
    }

    /// Whom clients of this sidecar ask. Its signer goes into the books.
    pub(crate) async fn target(&self, sidecar: &Sidecar) -> Option<Target> {
        let target = format!("/attestation/report?nonce={}", random_nonce());
        let answer = sidecar.fetch(&target).await;
        match Oath::from_report(&answer.body) {
            Ok(oath) => {
                let (address, signer) = (sidecar.address(), oath.address);
                self.account.learn(oath);
                Some(Target { ask: address, look: address, signer })
            }
            Err(broken) => {
                self.account.wrong(format!("its report, status {}: {broken}", answer.status()));
                None
            }
        }
    }

    /// Clients at work on it.
    pub(crate) async fn load(&self, sidecar: &Sidecar) -> Option<Load> {
        Some(self.load_on(&[self.target(sidecar).await?]))
    }

    pub(crate) fn load_on(&self, targets: &[Target]) -> Load {
        Load::start(&self.account, &self.numbers, targets, self.clients)
    }

    pub(crate) async fn settle(&mut self, sidecar: &Sidecar) {
        settle(&self.account, &mut self.chains, sidecar).await;
    }

    pub(crate) async fn settle_all(&mut self, sidecar: &Sidecar) {
        settle_all(&self.account, &mut self.chains, sidecar).await;
        crate::audit::audit(&self.account, sidecar).await;
    }

    /// Ends it as an operator does, and looks at how it goes.
    pub(crate) async fn stop(&self, sidecar: Sidecar) {
        self.stop_with(sidecar, &[0]).await;
    }

    /// The same for one that keeps receipts in memory alone, to the end: it must say so.
    pub(crate) async fn stop_in_memory(&self, sidecar: Sidecar) {
        self.stop_with(sidecar, &[0, 69]).await;
    }

    async fn stop_with(&self, mut sidecar: Sidecar, codes: &[i32]) {
        sidecar.terminate();
        let status = sidecar.exit(READY).await;
        let code = status.and_then(|status| status.code());
        let expected = code.is_some_and(|code| codes.contains(&code));
        self.account.require(expected, format!("stopped, it ended with {status:?}"));
        let said = sidecar.said();
        self.account.require(code != Some(69) || said.contains("in memory alone"), "69 without its reason");
        self.no_panic(&said);
    }

    /// A thread that panicked is a fault even where the process went on; but for panics of redb upon bytes that
    /// nobody wrote, which the store catches.
    pub(crate) fn no_panic(&self, said: &str) {
        if std::env::var_os("JURAT_TORTURE_SAY").is_some() {
            eprintln!("{said}");
        }
        let panicked = said.lines().find(|line| line.contains("panicked") && !line.contains("/redb-"));
        self.account.require(panicked.is_none(), format!("it panicked: {}", panicked.unwrap_or_default()));
    }

    /// Preloads the disk that fails on demand. No fault is on, and none was dealt yet.
    pub(crate) fn on_faulty_disk(&self, builder: SidecarBuilder) -> SidecarBuilder {
        self.fault("none");
        // The first process of a scenario finds none.
        let _ = std::fs::remove_file(self.folder.path("control.hits"));
        builder
            .env("LD_PRELOAD", binary::faulty_disk())
            .env("FAULTY_DISK_FOLDER", self.state())
            .env("FAULTY_DISK_CONTROL", self.control())
    }

    /// Says which fault is on.
    pub(crate) fn fault(&self, line: &str) {
        let fresh = self.folder.path("fresh");
        std::fs::write(&fresh, format!("{line}\n")).expect("write the control file");
        std::fs::rename(&fresh, self.control()).expect("put the control file in its place");
    }

    /// How many faults the present process was dealt.
    pub(crate) fn hits(&self) -> u64 {
        let path = self.folder.path("control.hits");
        std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn control(&self) -> PathBuf {
        self.folder.path("control")
    }
}

/// The end of what a program said, where its reasons are.
pub(crate) fn last_words(said: &str) -> String {
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}

/// A folder of this process, gone with it unless something was lost in it.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("jurat-torture-{}-{name}", std::process::id()));
        // A process of the same id may have left one.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("state")).expect("make a folder for the scenario");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::env::var_os("JURAT_TORTURE_KEEP").is_none() {
            // What is left behind costs room and nothing else.
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
