//! The checks on the TDX quote, `tdx.*`.

pub(crate) mod collateral;
mod compose;
mod debug;
mod eventlog;
mod measurements;
mod platform;
pub(crate) mod quote;
mod tcb;

use jurat_proto::UnixSeconds;

use self::quote::TdQuote;
use crate::{
    CheckId, Policy,
    check::{Finding, Status},
    evidence::Evidence,
    policy::ReferenceSet,
    verdict::Transcript,
};

/// Is the quote genuine? It is handed on unless it is known not to be: where there is no collateral, the
/// other checks still tell what the quote says, and the verdict is undecided all the same.
pub(crate) fn authenticate(
    evidence: &Evidence,
    policy: &Policy,
    collateral: Option<&str>,
    now: UnixSeconds,
    transcript: &mut Transcript,
) -> Option<TdQuote> {
    let (finding, quote) = quote::judge(evidence, policy.roots, collateral, now);
    let quote = quote.filter(|_| finding.status != Status::Fail);
    transcript.file(CheckId::TdxQuote, finding);
    quote
}

/// Is it a quote of what the policy wants? What the TD measures to is handed back, whoever wants it.
pub(crate) fn appraise(
    evidence: &Evidence,
    policy: &Policy,
    quote: Option<&TdQuote>,
    transcript: &mut Transcript,
) -> Option<ReferenceSet> {
    let Some(quote) = quote else {
        for id in [
            CheckId::TdxTcb,
            CheckId::TdxPlatform,
            CheckId::TdxDebug,
            CheckId::TdxMeasurements,
            CheckId::TdxEventlog,
            CheckId::TdxCompose,
        ] {
            transcript.file(id, Finding::skip("rests on tdx.quote"));
        }
        return None;
    };
    transcript.file(CheckId::TdxTcb, tcb::judge(quote, policy));
    transcript.file(CheckId::TdxPlatform, platform::judge(quote, policy));
    transcript.file(CheckId::TdxDebug, debug::judge(quote));
    let body = &evidence.body;
    let (finding, log) = eventlog::judge(body.event_log.as_deref(), quote);
    transcript.file(CheckId::TdxEventlog, finding);
    let (finding, compose_hash) = compose::judge(log.as_ref(), body.info.as_deref(), quote);
    transcript.file(CheckId::TdxCompose, finding);
    let measured = measurements::measured(quote, compose_hash);
    transcript.file(CheckId::TdxMeasurements, measurements::judge(&measured, policy));
    Some(measured)
}
