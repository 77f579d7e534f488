//! Two sources of quotes against all that can happen to them: each cell the right quote or the failure by name. The
//! third source, Intel's library, is in `tests/standins/libtdx-attest`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::{
    os::unix::net::UnixListener,
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant},
};

use dcap_qvl::{QuoteCollateralV3, QuotePolicy, configs::RustCryptoConfig, verify::QuoteVerifier};
use jurat_attest::{
    CheckedQuotes, DstackAgent, Quote, QuoteFailure, QuoteProvider, QuoteSource, TimelyQuotes, quote_provider,
};
use jurat_proto::{ReportData, UnixSeconds};
use jurat_standin_tdx::{Agent, AgentFault, Kernel, KernelFault, Made, PlainFolder, Scratch, Stage};

const NOW: u64 = 1_790_000_000;
const ASKED: ReportData = ReportData::new([0xa5; 64]);

/// What a relying party asks of a cloud's host.
fn policy() -> QuotePolicy {
    QuotePolicy::strict(NOW).allow_dynamic_platform(true).allow_cached_keys(true).allow_smt(true)
}

type Outcome = Result<Quote, QuoteFailure>;

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage::new(7, UnixSeconds(NOW)))
}

/// As the product asks: found by its name, behind the checks.
fn ask(source: &QuoteSource) -> Outcome {
    CheckedQuotes::new(quote_provider(source)?).quote(&ASKED)
}

/// Named failure, and the words that an operator needs.
#[track_caller]
fn fails(outcome: &Outcome, kind: fn(String) -> QuoteFailure, word: &str) {
    let failure = outcome.as_ref().map(|_| "a quote").unwrap_err();
    let wanted = std::mem::discriminant(&kind(String::new()));
    assert_eq!(std::mem::discriminant(failure), wanted, "wanted {:?}, got: {failure}", kind(String::new()));
    assert!(failure.to_string().contains(word), "{word:?} is not in: {failure}");
}

/// Verified by a stranger's code, under the look-alike root, with collateral that was minted in this process.
#[track_caller]
fn verifies(outcome: &Outcome) {
    let quote = outcome.as_ref().unwrap();
    let collateral: QuoteCollateralV3 = serde_json::from_str(stage().collateral()).unwrap();
    let claims = QuoteVerifier::new(stage().root().to_vec())
        .with_config::<RustCryptoConfig>()
        .verify_with_policy(&quote.bytes, collateral, NOW, &policy())
        .unwrap();
    assert_eq!(claims.report.as_td10().unwrap().report_data, *ASKED.as_bytes());
}

/// A kernel's folder, or a visible skip.
fn kernel(made: Made, fault: KernelFault) -> Option<(Kernel, QuoteSource)> {
    match Kernel::mount(stage(), made, fault) {
        Ok(kernel) => {
            let source = QuoteSource::Configfs(Some(kernel.root().to_owned()));
            Some((kernel, source))
        }
        Err(error) => {
            eprintln!("skipped: nothing can be mounted through FUSE here: {error}");
            None
        }
    }
}

fn configfs(made: Made, fault: KernelFault) -> Option<Outcome> {
    let (kernel, source) = kernel(made, fault)?;
    let outcome = ask(&source);
    assert_eq!(kernel.open_requests(), 0, "every request is freed");
    Some(outcome)
}

#[test]
fn configfs_gives_the_quote_asked_for() {
    let Some((kernel, source)) = kernel(Made::Minted, KernelFault::None) else { return };
    let mut provider = CheckedQuotes::new(quote_provider(&source).unwrap());
    assert_eq!(provider.name(), "configfs-tsm");
    for _ in 0..3 {
        let outcome = provider.quote(&ASKED);
        verifies(&outcome);
        assert!(outcome.unwrap().event_log.is_none());
    }
    // One for looking, one a quote, each private and each freed.
    assert_eq!((kernel.requests(), kernel.open_requests()), (4, 0));
}

#[test]
fn configfs_absent() {
    let nowhere = QuoteSource::Configfs(Some(PathBuf::from("/nonexistent/tsm/report")));
    fails(&ask(&nowhere), QuoteFailure::Unavailable, "mount configfs");
    let ordinary = Scratch::new();
    let ordinary = QuoteSource::Configfs(Some(ordinary.path().to_owned()));
    fails(&ask(&ordinary), QuoteFailure::Unavailable, "");
    for (fault, word) in [
        (KernelFault::NoDriver, "tdx_guest"),
        (KernelFault::Denied, "run as root"),
        (KernelFault::OtherProvider, "sev_guest"),
    ] {
        let Some(outcome) = configfs(Made::Minted, fault) else { return };
        fails(&outcome, QuoteFailure::Unavailable, word);
    }
}

#[test]
fn configfs_busy() {
    let Some(once) = configfs(Made::Minted, KernelFault::Busy(1)) else { return };
    verifies(&once);
    let begun = Instant::now();
    let Some(outcome) = configfs(Made::Minted, KernelFault::Busy(u32::MAX)) else { return };
    fails(&outcome, QuoteFailure::Busy, "occupied 5 times");
    assert!(begun.elapsed() < Duration::from_secs(30), "patience is bounded");
}

#[test]
fn configfs_timeout() {
    let Some(outcome) = configfs(Made::Minted, KernelFault::TimedOut) else { return };
    fails(&outcome, QuoteFailure::TimedOut, "30 s");
}

#[test]
fn configfs_that_hangs_does_not_take_its_caller_along() {
    let slow = KernelFault::Slow(Duration::from_millis(600));
    let Some((_kernel, source)) = kernel(Made::Minted, slow) else { return };
    let provider = quote_provider(&source).unwrap();
    let mut provider = TimelyQuotes::new(provider, Duration::from_millis(100)).unwrap();
    fails(&provider.quote(&ASKED), QuoteFailure::TimedOut, "configfs-tsm");
    fails(&provider.quote(&ASKED), QuoteFailure::Busy, "has not returned");
}

#[test]
fn configfs_empty() {
    let Some(outcome) = configfs(Made::Empty, KernelFault::None) else { return };
    fails(&outcome, QuoteFailure::Failed, "empty quote");
}

#[test]
fn configfs_conflict() {
    let Some(outcome) = configfs(Made::Minted, KernelFault::Conflict) else { return };
    fails(&outcome, QuoteFailure::Failed, "generation");
}

#[test]
fn configfs_wrong_report_data() {
    let Some(outcome) = configfs(Made::Other, KernelFault::None) else { return };
    fails(&outcome, QuoteFailure::Wrong, "report data");
}

#[test]
fn configfs_garbage() {
    for (made, fault, kind, word) in [
        (Made::Garbage, KernelFault::None, QuoteFailure::Wrong as fn(String) -> _, "TEE type"),
        (Made::Cut, KernelFault::None, QuoteFailure::Wrong, "cut short"),
        (Made::Long, KernelFault::None, QuoteFailure::Failed, "more than 65536"),
        (Made::Minted, KernelFault::Io, QuoteFailure::Failed, "outblob"),
    ] {
        let Some(outcome) = configfs(made, fault) else { return };
        fails(&outcome, kind, word);
    }
}

#[test]
fn a_debug_td_is_named() {
    assert_eq!(dstack(Made::Debug, AgentFault::None).unwrap_err(), QuoteFailure::DebugTd);
    let Some(outcome) = configfs(Made::Debug, KernelFault::None) else { return };
    assert_eq!(outcome.unwrap_err(), QuoteFailure::DebugTd);
}

/// Where nothing can be mounted, the ordinary folder still shows the cells that need no error number.
#[test]
fn configfs_in_an_ordinary_folder() {
    let folder = PlainFolder::start(stage(), Made::Minted, KernelFault::None);
    let source = QuoteSource::Configfs(Some(folder.root().to_owned()));
    let mut provider = CheckedQuotes::new(quote_provider(&source).unwrap());
    verifies(&provider.quote(&ASKED));
    for (made, fault, kind, word) in [
        (Made::Empty, KernelFault::None, QuoteFailure::Failed as fn(String) -> _, "empty quote"),
        (Made::Minted, KernelFault::Conflict, QuoteFailure::Failed, "generation"),
        (Made::Minted, KernelFault::OtherProvider, QuoteFailure::Unavailable, "sev_guest"),
        (Made::Other, KernelFault::None, QuoteFailure::Wrong, "report data"),
        (Made::Garbage, KernelFault::None, QuoteFailure::Wrong, "TEE type"),
    ] {
        folder.behave(made, fault);
        fails(&provider.quote(&ASKED), kind, word);
    }
    folder.behave(Made::Minted, KernelFault::Slow(Duration::from_millis(50)));
    verifies(&provider.quote(&ASKED));
}

fn dstack(made: Made, fault: AgentFault) -> Outcome {
    let agent = Agent::start(stage(), Made::Minted, AgentFault::None).unwrap();
    let found = quote_provider(&QuoteSource::Dstack(Some(agent.socket().to_owned())));
    let mut provider = CheckedQuotes::new(found.unwrap());
    agent.behave(made, fault);
    provider.quote(&ASKED)
}

#[test]
fn dstack_gives_the_quote_asked_for() {
    for fault in [AgentFault::None, AgentFault::Chunked] {
        verifies(&dstack(Made::Minted, fault));
    }
    let scratch = Scratch::new();
    let socket = scratch.path().join("tappd.sock");
    let agent = Agent::listen(&socket, stage(), Made::Minted, AgentFault::None).unwrap();
    verifies(&ask(&QuoteSource::Dstack(Some(socket))));
    assert!(agent.calls().iter().all(|call| call.starts_with("/prpc/Tappd.")), "{:?}", agent.calls());
}

#[test]
fn dstack_absent() {
    let nowhere = QuoteSource::Dstack(Some(PathBuf::from("/nonexistent/dstack.sock")));
    fails(&ask(&nowhere), QuoteFailure::Unavailable, "does not exist");
    let scratch = Scratch::new();
    let deserted = scratch.path().join("dstack.sock");
    drop(UnixListener::bind(&deserted).unwrap());
    fails(&ask(&QuoteSource::Dstack(Some(deserted))), QuoteFailure::Unavailable, "nobody listens");
}

#[test]
fn dstack_busy() {
    fails(&dstack(Made::Minted, AgentFault::Busy), QuoteFailure::Busy, "another quote");
}

#[test]
fn dstack_timeout() {
    for fault in [AgentFault::Slow(Duration::from_secs(2)), AgentFault::Drips] {
        let agent = Agent::start(stage(), Made::Minted, fault).unwrap();
        let patient = DstackAgent::new(agent.socket()).patience(Duration::from_millis(100));
        let begun = Instant::now();
        let outcome = CheckedQuotes::new(Box::new(patient)).quote(&ASKED);
        fails(&outcome, QuoteFailure::TimedOut, "dstack.sock");
        assert!(begun.elapsed() < Duration::from_secs(2), "{fault:?} held it up");
    }
}

#[test]
fn dstack_empty() {
    fails(&dstack(Made::Empty, AgentFault::None), QuoteFailure::Failed, "empty quote");
}

/// The agent has one caller after the other; an answer that went astray is found by its echo.
#[test]
fn dstack_conflict() {
    fails(&dstack(Made::Minted, AgentFault::Stray), QuoteFailure::Wrong, "other report data");
}

#[test]
fn dstack_wrong_report_data() {
    fails(&dstack(Made::Other, AgentFault::None), QuoteFailure::Wrong, "report data");
}

#[test]
fn dstack_garbage() {
    for (made, fault, kind, word) in [
        (Made::Garbage, AgentFault::None, QuoteFailure::Wrong as fn(String) -> _, "TEE type"),
        (Made::Cut, AgentFault::None, QuoteFailure::Wrong, "cut short"),
        (Made::Long, AgentFault::None, QuoteFailure::Failed, "65537 bytes"),
        (Made::Minted, AgentFault::Garbage, QuoteFailure::Failed, "no HTTP"),
        (Made::Minted, AgentFault::NoJson, QuoteFailure::Failed, "no quote that can be read"),
        (Made::Minted, AgentFault::Cut, QuoteFailure::Failed, "in the middle"),
        (Made::Minted, AgentFault::Refuses, QuoteFailure::Failed, "quoting service: no answer"),
        (Made::Minted, AgentFault::RefusesWell, QuoteFailure::Failed, "quoting service: no answer"),
        (Made::Minted, AgentFault::NoInfo, QuoteFailure::Failed, "no info today"),
    ] {
        fails(&dstack(made, fault), kind, word);
    }
}
