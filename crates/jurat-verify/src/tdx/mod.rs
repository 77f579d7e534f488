//! The checks on the TDX quote, `tdx.*`.

pub(crate) mod collateral;
mod debug;
mod eventlog;
pub(crate) mod quote;
mod tcb;

use jurat_proto::UnixSeconds;

use self::quote::TdQuote;
use crate::{
    CheckId, Policy,
    check::{Finding, Status},
    evidence::Evidence,
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

/// Is it a quote of what the policy wants?
pub(crate) fn appraise(
    evidence: &Evidence,
    policy: &Policy,
    quote: Option<&TdQuote>,
    transcript: &mut Transcript,
) {
    transcript.file(CheckId::TdxMeasurements, Finding::skip("no reference values to compare with"));
    let Some(quote) = quote else {
        for id in [CheckId::TdxTcb, CheckId::TdxDebug, CheckId::TdxEventlog] {
            transcript.file(id, Finding::skip("rests on tdx.quote"));
        }
        return;
    };
    transcript.file(CheckId::TdxTcb, tcb::judge(quote, policy));
    transcript.file(CheckId::TdxDebug, debug::judge(quote));
    transcript.file(CheckId::TdxEventlog, eventlog::judge(evidence.body.event_log.as_deref(), quote));
}
