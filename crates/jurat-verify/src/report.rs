//! The judgement of a report: authenticate, then appraise.

use jurat_proto::{Digest, Nonce, UnixSeconds};

use crate::{
    CheckId, Policy, Standing, Verdict, bind,
    check::Finding,
    evidence::{Evidence, EvidenceError},
    gpu, limits,
    policy::Roots,
    roots,
    signer::TrustedSigner,
    tdx,
    verdict::Transcript,
};

/// Everything that a judgement rests on beside the report and the policy. Nothing else is consulted: no
/// clock, no network, no file.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// The time to judge by. Of an archived report, the time that the caller names.
    pub now: UnixSeconds,
    /// Whether the report was obtained for this judgement. One that calls itself archived never was.
    pub standing: Standing,
    /// The nonce that the caller drew and asked the report for; `None` proves no freshness.
    pub nonce: Option<Nonce>,
    /// Intel's statements on the platform, as `dcap-qvl`'s `QuoteCollateralV3` in JSON. Untrusted: it is
    /// signed, and whoever alters it can at most make the judgement fail.
    pub collateral: Option<&'a str>,
    /// SHA-256 of the SubjectPublicKeyInfo that the caller saw on the TLS connection.
    pub peer_spki: Option<Digest>,
    /// NVIDIA's reference integrity manifests for drivers and VBIOSes, SWID tags in XML as they were fetched.
    /// Untrusted: they are signed, and matched to a GPU by what they say they describe.
    pub rims: &'a [String],
    /// DER of OCSP responses about the certificates of GPUs. Untrusted: they are signed.
    pub ocsp: &'a [Vec<u8>],
    /// What NVIDIA's attestation service said of the report's GPU evidence.
    pub nras: Option<NrasAnswer<'a>>,
}

/// An answer of NVIDIA's attestation service, with the keys that it is to be verified with.
#[derive(Debug, Clone, Copy)]
pub struct NrasAnswer<'a> {
    /// The body of the answer: a detached EAT, one JWT over all GPUs and one for each.
    pub answer: &'a str,
    /// The service's JWK Set, as it was fetched when the answer was. The answer is worth what its origin is.
    pub jwks: &'a str,
}

impl<'a> Inputs<'a> {
    /// For a report that was just fetched.
    pub fn live(now: UnixSeconds) -> Self {
        Self {
            now,
            standing: Standing::Live,
            nonce: None,
            collateral: None,
            peer_spki: None,
            rims: &[],
            ocsp: &[],
            nras: None,
        }
    }

    /// For a report that was kept, judged as of `at`.
    pub fn archived(at: UnixSeconds) -> Self {
        Self { standing: Standing::Archived, ..Self::live(at) }
    }

    /// With the caller's own nonce.
    #[must_use]
    pub fn nonce(self, nonce: Nonce) -> Self {
        Self { nonce: Some(nonce), ..self }
    }

    /// With collateral.
    #[must_use]
    pub fn collateral(self, collateral: &'a str) -> Self {
        Self { collateral: Some(collateral), ..self }
    }

    /// With the TLS key that was seen.
    #[must_use]
    pub fn peer_spki(self, peer_spki: Digest) -> Self {
        Self { peer_spki: Some(peer_spki), ..self }
    }

    /// With reference integrity manifests.
    #[must_use]
    pub fn rims(self, rims: &'a [String]) -> Self {
        Self { rims, ..self }
    }

    /// With OCSP responses.
    #[must_use]
    pub fn ocsp(self, ocsp: &'a [Vec<u8>]) -> Self {
        Self { ocsp, ..self }
    }

    /// With the answer of NVIDIA's attestation service.
    #[must_use]
    pub fn nras(self, nras: NrasAnswer<'a>) -> Self {
        Self { nras: Some(nras), ..self }
    }
}

/// Judges a report, ours or another dstack-style sidecar's. `report` is its JSON as it was served.
///
/// Whatever the bytes, there is a verdict: one that is not legible is refuted.
pub fn verify_report(report: &str, policy: &Policy, inputs: Inputs<'_>) -> Verdict {
    judge(&Evidence::read(report), policy, inputs)
}

/// Judges a report that was read, or was not legible.
pub(crate) fn judge(
    read: &Result<Evidence, EvidenceError>,
    policy: &Policy,
    mut inputs: Inputs<'_>,
) -> Verdict {
    let evidence = match read {
        Ok(evidence) => evidence,
        Err(error) => return illegible(error.to_string(), policy, inputs.standing),
    };
    let mut transcript = Transcript::default();
    let body = &evidence.body;
    if body.archived == Some(true) {
        inputs.standing = Standing::Archived;
    }
    let address = body.signing_address.parse().ok();
    let own_collateral = body.collateral.as_deref().filter(|_| policy.roots == Roots::Simulated);
    let collateral = inputs.collateral.or(own_collateral);

    let quote = tdx::authenticate(evidence, policy, collateral, inputs.now, &mut transcript);
    let bound = bind::judge(body, policy, quote.as_ref(), inputs.nonce, inputs.peer_spki, &mut transcript);
    let question = gpu::Question {
        payload: &body.nvidia_payload,
        switches: body.nvswitch_payload.as_deref().unwrap_or_default(),
        claimed: bound.claims.as_ref().map(|(claims, _)| claims.gpus),
        required: policy.requires(CheckId::GpuPresent),
        policy: &policy.gpu,
        nonce: bound.gpu_nonce,
        root_spki: roots::nvidia(policy.roots),
        rim_root_spki: roots::nvidia_rim(policy.roots),
        nras_service: roots::nvidia_nras(policy.roots),
        rims: inputs.rims,
        ocsp: inputs.ocsp,
        nras: inputs.nras,
        now: inputs.now,
    };
    gpu::judge(&question, &mut transcript);
    let measured = tdx::appraise(evidence, policy, quote.as_ref(), &mut transcript);
    limits::of_report(policy.roots, &inputs, &bound, !body.nvidia_payload.is_empty(), &mut transcript);

    if inputs.standing == Standing::Archived && inputs.nonce.is_none() {
        // a nonce shows that a report is no older than the question: of a kept one nobody asked any
        transcript.waive(CheckId::BindNonce);
    }
    let verdict = transcript.judge_report(policy, inputs.standing, address, |limits| {
        Some(TrustedSigner::new(address?, bound.binding?, bound.claims, policy, inputs.standing, limits))
    });
    verdict.of_what_measures_to(measured)
}

pub(crate) fn illegible(reason: String, policy: &Policy, standing: Standing) -> Verdict {
    let mut transcript = Transcript::default();
    transcript.file(CheckId::TdxQuote, Finding::fail(reason));
    for id in CheckId::ALL.iter().copied().filter(|id| !id.is_about_receipts() && *id != CheckId::TdxQuote) {
        transcript.file(id, Finding::skip("the report is not legible"));
    }
    transcript.judge_report(policy, standing, None, |_| None)
}

#[cfg(test)]
pub(crate) mod tests;
