//! The service before its own judge: ready means, I can prove it. At start, and again every hour.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use jurat_attest::{Attester, ReportFailure, ReportRequest};
use jurat_client::{Errands, Missed};
use jurat_proto::{Binding, Nonce, Report, ReportBody};
use jurat_proxy::{Latches, SelfCheck};
use jurat_verify::{CheckId, Inputs, Outcome, Policy, Status, Verdict, verify_report};

use crate::{config::SelfCheckKind, exit::Failure, reporter::Evidence, service, verify::block_on};

/// How soon after one that failed it is made again.
const AGAIN: Duration = Duration::from_secs(30);
/// How long the evidence engine may turn the self-check away without making a single report: a crowd keeps it busy,
/// and only a device that hangs keeps it idle.
const HUNG: Duration = Duration::from_secs(180);
/// The checks that rest on what Intel and NVIDIA say of the platform, of measurements and of certificates. Nothing else
/// may be missing from an offline self-check.
const ON_COLLATERAL: [CheckId; 6] = [
    CheckId::TdxQuote,
    CheckId::TdxTcb,
    CheckId::TdxPlatform,
    CheckId::GpuMeasurements,
    CheckId::GpuRevocation,
    CheckId::GpuNras,
];

/// By what the service judges itself, and how often.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) policy: Policy,
    pub(crate) kind: SelfCheckKind,
    pub(crate) every: Duration,
    /// Who fetches what the verdict rests on; `None` if nobody is to be asked.
    pub(crate) errands: Option<Errands>,
}

/// Judges now and from time to time, on a thread of its own: the hardware may take seconds, and clients may already
/// be served. The thread ends with the service.
pub(crate) fn keep_on(evidence: &Arc<Evidence>, terms: Terms, latches: Arc<Latches>) -> Result<(), Failure> {
    let evidence = Arc::downgrade(evidence);
    let judging = move || {
        let mut last = SelfCheck::Pending;
        while let Some(evidence) = evidence.upgrade() {
            let found = check(&evidence.attester, &terms);
            drop(evidence);
            if found != last {
                report(&found);
            }
            let pause = if found.holds() { terms.every } else { AGAIN.min(terms.every) };
            latches.self_checked(found.clone());
            last = found;
            thread::sleep(pause);
        }
    };
    thread::Builder::new().name("jurat-self-check".into()).spawn(judging).map_err(Failure::unavailable)?;
    Ok(())
}

fn report(found: &SelfCheck) {
    match found {
        SelfCheck::Failed { why } => tracing::error!(%why, "the self-check failed: not ready"),
        SelfCheck::Passed { skipped } if !skipped.is_empty() => tracing::warn!(
            skipped = skipped.join(" "),
            "the self-check passed offline: without collateral these checks were not made"
        ),
        _ => tracing::info!("the self-check passed"),
    }
}

/// One self-check: a report under a fresh nonce, judged.
fn check(attester: &Attester, terms: &Terms) -> SelfCheck {
    let judged = fresh_nonce().and_then(|nonce| {
        let body = in_turn(|| ask(attester, nonce), || attester.observe().made, HUNG)?;
        let report = serde_json::to_string(&Report::from((*body).clone())).map_err(Failure::unavailable)?;
        let now = service::now().seconds();
        let inputs = Inputs::live(now).nonce(nonce);
        match &terms.errands {
            None => Ok((verify_report(&report, &terms.policy, inputs), Vec::new())),
            Some(errands) => {
                let judged = block_on(errands.judge(report, &terms.policy, inputs, now))?;
                Ok((judged.verdict, judged.material.missed))
            }
        }
    });
    match judged {
        Ok((verdict, missed)) => with_reasons(accept(&verdict, &terms.policy, terms.kind), &missed),
        Err(failure) => {
            SelfCheck::Failed { why: format!("there is no report to judge: {}", failure.message()) }
        }
    }
}

/// Who did not give what the verdict lacks.
fn with_reasons(found: SelfCheck, missed: &[Missed]) -> SelfCheck {
    match found {
        SelfCheck::Failed { why } => {
            let mut reasons: Vec<String> = missed.iter().map(ToString::to_string).collect();
            reasons.dedup();
            SelfCheck::Failed { why: [&[why], &reasons[..]].concat().join("; ") }
        }
        passed => passed,
    }
}

/// Whether the service may call itself ready on this verdict.
pub(crate) fn accept(verdict: &Verdict, policy: &Policy, kind: SelfCheckKind) -> SelfCheck {
    let passed = |id| verdict.check(id).is_some_and(|check| check.status == Status::Pass);
    let missing: Vec<CheckId> = policy.demands().filter(|id| !passed(*id)).collect();
    match verdict.outcome() {
        Outcome::Trusted => SelfCheck::Passed { skipped: Vec::new() },
        Outcome::Undecided
            if kind == SelfCheckKind::Offline && missing.iter().all(|id| ON_COLLATERAL.contains(id)) =>
        {
            SelfCheck::Passed { skipped: missing.iter().map(|id| id.as_str()).collect() }
        }
        outcome => {
            // A failed check counts whether the policy requires it or not.
            let against = verdict
                .checks()
                .iter()
                .filter(|check| check.status == Status::Fail || missing.contains(&check.id))
                .map(|check| format!("{} {}: {}", check.status, check.id.as_str(), check.reason));
            let why = against.collect::<Vec<_>>().join("; ");
            SelfCheck::Failed { why: format!("{outcome} under the policy {}: {why}", verdict.policy()) }
        }
    }
}

/// Asks until there is an answer. To be turned away because others wait is no failure while reports are `made` at all:
/// else strangers could take readiness away by asking.
fn in_turn<T>(
    mut ask: impl FnMut() -> Result<Result<T, ReportFailure>, Failure>,
    made: impl Fn() -> u64,
    hung: Duration,
) -> Result<T, Failure> {
    let (mut seen, mut since) = (made(), Instant::now());
    loop {
        match ask()? {
            Ok(report) => return Ok(report),
            Err(ReportFailure::Busy { retry_after } | ReportFailure::TimedOut { retry_after })
                if seen != made() || since.elapsed() < hung =>
            {
                if seen != made() {
                    (seen, since) = (made(), Instant::now());
                }
                thread::sleep(retry_after.min(AGAIN));
            }
            Err(failure) => return Err(Failure::unavailable(failure)),
        }
    }
}

fn ask(attester: &Attester, nonce: Nonce) -> Result<Result<Arc<ReportBody>, ReportFailure>, Failure> {
    let (send, receive) = mpsc::channel();
    attester.request(ReportRequest { binding: Binding::JuratV1, nonce: Some(nonce) }, move |result| {
        // The receiver waits below for as long as it takes.
        let _ = send.send(result);
    });
    receive.recv().map_err(Failure::unavailable)
}

/// 32 bytes of the operating system's randomness.
pub(crate) fn fresh_nonce() -> Result<Nonce, Failure> {
    service::random().map(Nonce::new)
}

#[cfg(test)]
mod tests;
