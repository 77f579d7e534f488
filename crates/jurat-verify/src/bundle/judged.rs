//! The judgement of a bundle, with nothing else at hand than what the caller holds.

use std::fmt;

use jurat_proto::{Digest, Nonce, UnixSeconds};

use super::{Bundle, BundledAnswer};
use crate::{
    BodyDigests, Inputs, NrasAnswer, Outcome, Policy, Standing, TrustedSigner, Verdict,
    evidence::Evidence,
    limits,
    report::{self, illegible},
};

/// What a caller knows of its own, beside the bundle. Each member is believed instead of the bundle's word on it.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Held {
    /// The time to judge by; `None`: the bundle's own, which nobody vouches for.
    pub at: Option<UnixSeconds>,
    /// The nonce that the caller drew itself.
    pub nonce: Option<Nonce>,
    /// The bodies that the caller has; `None`: what the bundle says of them.
    pub bodies: Option<BodyDigests>,
}

impl Held {
    /// A time alone.
    pub fn at(at: Option<UnixSeconds>) -> Self {
        Self { at, ..Self::default() }
    }
}

/// The verdicts on a bundle's two halves.
#[derive(Debug, Clone)]
pub struct BundleVerdict {
    report: Verdict,
    answer: Option<Verdict>,
    as_of: UnixSeconds,
}

impl BundleVerdict {
    /// On the report.
    pub fn report(&self) -> &Verdict {
        &self.report
    }

    /// On the answer; `None` if the report is not trusted, or if there is no answer and nobody holds bodies of one. Of
    /// bodies that are held and that nothing in the bundle swears to it is undecided.
    pub fn answer(&self) -> Option<&Verdict> {
        self.answer.as_ref()
    }

    /// The verdict that counts: on the answer where there is one, else on the report.
    pub fn last(&self) -> &Verdict {
        self.answer.as_ref().unwrap_or(&self.report)
    }

    /// At best trusted as of [`as_of`](Self::as_of), never now.
    pub fn outcome(&self) -> Outcome {
        self.last().outcome()
    }

    /// The time that everything was judged by.
    pub fn as_of(&self) -> UnixSeconds {
        self.as_of
    }
}

impl fmt::Display for BundleVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt(f)?;
        self.answer.iter().try_for_each(|answer| answer.fmt(f))
    }
}

/// Judges a bundle: its report by what it carries, then its answer by the signer of that report.
///
/// Whatever the bytes, there is a verdict: a bundle that is not legible is refuted.
pub fn verify_bundle(text: &str, policy: &Policy, held: Held) -> BundleVerdict {
    let bundle = match Bundle::read(text) {
        Ok(bundle) => bundle,
        Err(error) => {
            let report = illegible(error.to_string(), policy, Standing::Archived);
            return BundleVerdict { report, answer: None, as_of: held.at.unwrap_or(UnixSeconds(0)) };
        }
    };
    let as_of = held.at.unwrap_or(bundle.verified_at);
    let evidence = Evidence::read(&bundle.report);
    let contradicting = |evidence| contradicting_nonce(bundle.nonce, evidence);
    let inputs = Inputs {
        nonce: held.nonce.or_else(|| evidence.as_ref().ok().and_then(contradicting)),
        collateral: bundle.collateral.as_deref(),
        rims: &bundle.rims,
        ocsp: &bundle.ocsp,
        nras: bundle.nras.as_ref().map(|nras| NrasAnswer { answer: &nras.answer, jwks: &nras.jwks }),
        ..Inputs::archived(as_of)
    };
    let own_time = held.at.is_none().then(|| limits::of_bundle(as_of));
    let report = report::judge(&evidence, policy, inputs).limited(own_time.clone());
    let answer = match (report.trusted_signer(), &bundle.answer, held.bodies) {
        (Some(signer), Some(answer), bodies) => Some(judge(signer, answer, bodies).limited(own_time)),
        // whoever brings bodies asks about them, and trust in a machine is no answer to that
        (Some(signer), None, Some(_)) => Some(signer.without_record("the bundle has no receipt")),
        (Some(_), None, None) | (None, ..) => None,
    };
    let alone = bundle.answer.is_none().then(|| limits::NO_ANSWER.to_owned());
    let report = report.limited(alone);
    BundleVerdict { report, answer, as_of }
}

fn judge(signer: &TrustedSigner, answer: &BundledAnswer, held: Option<BodyDigests>) -> Verdict {
    let receipt = &answer.record.receipt;
    let said = BodyDigests {
        request: answer.request_sha256,
        response: answer.response_sha256,
        response_length: answer.response_length,
        client_nonce: None,
    };
    let inside = answer.bodies.as_ref().map(|bodies| BodyDigests::of(&bodies.request, &bodies.response));
    let fits = |digests: &BodyDigests| {
        let of_receipt: (Digest, Digest, u64) =
            (receipt.request_hash, receipt.response_hash, receipt.response_length);
        (digests.request, digests.response, digests.response_length) == of_receipt
    };
    // One word on the bodies that does not fit is enough: the caller's, then the bytes', then the bundle's.
    let words = [held, inside, Some(said)];
    let digests = words.into_iter().flatten().find(|digests| !fits(digests)).or(held).unwrap_or(said);
    let shown = held.is_some() || inside.is_some();
    let verdict = signer.check_among(&answer.record, &digests, &answer.neighbours);
    verdict.limited((!shown).then(|| limits::NO_BODIES.to_owned()))
}

/// A bundle's nonce, if its report names another one: the judge then refuses it by name. One that the two agree about is
/// no proof of freshness, as the same hand may have written both.
fn contradicting_nonce(nonce: Option<Nonce>, evidence: &Evidence) -> Option<Nonce> {
    let named = evidence.body.request_nonce.as_deref().and_then(|text| text.parse().ok());
    nonce.filter(|nonce| named != Some(*nonce))
}
