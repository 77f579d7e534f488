//! The checks on how a quote is tied to the signer, the claims and the GPUs: `bind.*`.

mod address;
mod commitment;
mod model;
mod signer;
mod tls;

use jurat_proto::{Address, Binding, Claims, Digest, Nonce, PublicKey, ReportBody};

use self::commitment::Commitment;
use crate::{CheckId, Policy, check::Finding, tdx::quote::TdQuote, verdict::Transcript};

/// What the checks established, for those that follow.
pub(crate) struct Bound {
    /// Under which binding the quote names the signer; `None` if it does not.
    pub(crate) binding: Option<Binding>,
    /// The claims and the hash of their text, if the quote commits to them.
    pub(crate) claims: Option<(Claims, Digest)>,
    /// What the GPUs must have signed, or why that is not known.
    pub(crate) gpu_nonce: Result<Nonce, &'static str>,
}

/// The signer as a report names it: legible, and not yet believed.
pub(crate) struct Named {
    pub(crate) address: Address,
    /// Absent in other sidecars' reports.
    pub(crate) key: Option<PublicKey>,
}

/// Makes every `bind.*` check. Without a quote none can be made.
pub(crate) fn judge(
    body: &ReportBody,
    policy: &Policy,
    quote: Option<&TdQuote>,
    nonce: Option<Nonce>,
    peer_spki: Option<Digest>,
    transcript: &mut Transcript,
) -> Bound {
    let mut bound = Bound { binding: None, claims: None, gpu_nonce: Err("rests on bind.address") };
    let Some(quote) = quote else {
        transcript.file(CheckId::BindAddress, Finding::skip("rests on tdx.quote"));
        skip_rest(transcript);
        return bound;
    };
    let (named, binding) = match address::judge(body, policy, &quote.td.report_data) {
        Ok(found) => found,
        Err(reason) => {
            transcript.file(CheckId::BindAddress, Finding::fail(reason));
            skip_rest(transcript);
            return bound;
        }
    };
    transcript.file(CheckId::BindAddress, Finding::pass(format!("the quote names it, under {binding}")));
    bound.binding = Some(binding);
    transcript.file(CheckId::BindSigner, signer::judge(&named.address, &policy.signers));

    let commitment = Commitment { body, named: &named, binding, quoted: &quote.td.report_data };
    let found = commitment.judge(nonce, &policy.manifest_sources);
    transcript.file(CheckId::BindNonce, found.nonce);
    transcript.file(CheckId::BindGpu, found.gpu);
    let attested = transcript.file(CheckId::BindClaims, found.claims_finding);
    bound.claims = found.claims.filter(|_| attested);
    bound.gpu_nonce = found.gpu_nonce;

    let claims = bound.claims.as_ref().map(|(claims, _)| claims);
    transcript.file(CheckId::BindModel, model::judge(claims, &policy.models));
    let tls = tls::judge(body, binding, claims, peer_spki);
    transcript.file(CheckId::BindTls, tls);
    bound
}

fn skip_rest(transcript: &mut Transcript) {
    for id in [
        CheckId::BindSigner,
        CheckId::BindNonce,
        CheckId::BindClaims,
        CheckId::BindModel,
        CheckId::BindGpu,
        CheckId::BindTls,
    ] {
        transcript.file(id, Finding::skip("rests on bind.address"));
    }
}

#[cfg(test)]
mod tests;
