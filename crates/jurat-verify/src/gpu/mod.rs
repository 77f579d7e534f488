//! The checks on GPU evidence, `gpu.*`.

mod authentic;
mod certificates;
mod firmware;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
mod identity;
mod measurements;
mod mode;
pub(crate) mod nras;
pub(crate) mod ocsp;
mod payload;
mod rim;
mod spdm;
mod switches;
mod versions;
pub(crate) mod wanted;

pub(crate) use self::{ocsp::MAX_RESPONSES, rim::MAX_MANIFESTS};

use jurat_proto::{Digest, Nonce, UnixSeconds};
use p384::ecdsa::{Signature, signature::Verifier};

use self::{
    certificates::{Chain, ChainError},
    identity::{Identity, IdentityError},
    nras::Service,
    payload::{Evidence, Payload},
    spdm::{SpdmError, SpdmReport},
};
use crate::{CheckId, NrasAnswer, check::Finding, policy::gpu::GpuPolicy, verdict::Transcript};

/// What is asked about a report's GPU evidence.
pub(crate) struct Question<'a> {
    /// `nvidia_payload` as it stands in the report.
    pub(crate) payload: &'a str,
    /// `nvswitch_payload` as it stands in the report; empty if there is none.
    pub(crate) switches: &'a str,
    /// How many GPUs the attested claims say there are; `None` if none are attested.
    pub(crate) claimed: Option<u32>,
    /// Whether the policy insists on GPUs.
    pub(crate) required: bool,
    /// What the policy demands of them.
    pub(crate) policy: &'a GpuPolicy,
    /// The nonce that the GPUs must have signed, or why there is none to compare with.
    pub(crate) nonce: Result<Nonce, &'static str>,
    /// SHA-256 of the SubjectPublicKeyInfo of the root of GPUs.
    pub(crate) root_spki: Digest,
    /// The same of the root of manifests.
    pub(crate) rim_root_spki: Digest,
    /// Reference integrity manifests, as they came.
    pub(crate) rims: &'a [String],
    /// OCSP responses, as they came.
    pub(crate) ocsp: &'a [Vec<u8>],
    /// NVIDIA's own verdict.
    pub(crate) nras: Option<NrasAnswer<'a>>,
    /// Who must have given it.
    pub(crate) nras_service: Service,
    pub(crate) now: UnixSeconds,
}

/// The checks that look into the evidence.
const INSIDE: [CheckId; 9] = [
    CheckId::GpuChain,
    CheckId::GpuRevocation,
    CheckId::GpuSignature,
    CheckId::GpuNonce,
    CheckId::GpuFirmware,
    CheckId::GpuVersions,
    CheckId::GpuMeasurements,
    CheckId::GpuMode,
    CheckId::GpuNras,
];

/// Makes every `gpu.*` check.
pub(crate) fn judge(question: &Question<'_>, transcript: &mut Transcript) {
    let payload = match Payload::parse(question.payload) {
        Ok(Some(payload)) => payload,
        Ok(None) => {
            let wanted = question.required
                || !question.policy.is_empty()
                || question.claimed.is_some_and(|count| count > 0);
            let reason = "the report carries no GPU evidence";
            let finding = if wanted { Finding::fail(reason) } else { Finding::skip(reason) };
            transcript.file(CheckId::GpuPresent, finding);
            return skip_inside(transcript, reason);
        }
        Err(error) => {
            transcript.file(CheckId::GpuPresent, Finding::fail(error.to_string()));
            return skip_inside(transcript, "the GPU evidence is not legible");
        }
    };
    let gpus: Vec<Gpu<'_>> =
        payload.gpus.iter().map(|evidence| Gpu::read(evidence, &question.root_spki, question.now)).collect();
    let manifests = rim::authenticated(question.rims, &question.rim_root_spki, question.now);

    transcript.file(CheckId::GpuPresent, authentic::present(&gpus, question.claimed));
    let chained = transcript.file(CheckId::GpuChain, authentic::chain(&gpus));
    let signers = manifests.iter().filter_map(|manifest| manifest.as_ref().ok()).map(|(_, chain)| chain);
    transcript.file(
        CheckId::GpuRevocation,
        if chained {
            ocsp::judge(&gpus, signers, question.ocsp, question.now)
        } else {
            Finding::skip("rests on gpu.chain")
        },
    );
    let signed = transcript.file(CheckId::GpuSignature, authentic::signature(&gpus, chained));
    transcript.file(CheckId::GpuNonce, authentic::nonce(&gpus, &payload, question.nonce));
    if signed {
        transcript.file(CheckId::GpuFirmware, authentic::firmware(&gpus));
        transcript.file(CheckId::GpuVersions, versions::judge(&gpus, question.policy));
        transcript.file(CheckId::GpuMeasurements, measurements::judge(&gpus, &manifests));
        let fabric = switches::judge(&gpus, question);
        let (finding, limit) = mode::judge(&gpus, fabric);
        transcript.file(CheckId::GpuMode, finding);
        limit.into_iter().for_each(|limit| transcript.limit(limit));
    } else {
        for id in [CheckId::GpuFirmware, CheckId::GpuVersions, CheckId::GpuMeasurements, CheckId::GpuMode] {
            transcript.file(id, Finding::skip("rests on gpu.signature"));
        }
    }
    let nras = match question.nras {
        None => Finding::skip("NVIDIA's attestation service was not asked"),
        Some(_) if !signed => Finding::skip("rests on gpu.signature"),
        Some(answer) => nras::judge(&gpus, answer, question.nonce, &question.nras_service, question.now),
    };
    transcript.file(CheckId::GpuNras, nras);
}

/// What a manifest says, for tests over genuine ones.
#[cfg(test)]
pub(crate) fn rim(text: &str, root_spki: &Digest, now: UnixSeconds) -> Result<rim::Rim, rim::RimError> {
    rim::Rim::authenticate(text, root_spki, now).map(|(rim, _)| rim)
}

fn skip_inside(transcript: &mut Transcript, reason: &str) {
    for id in INSIDE {
        transcript.file(id, Finding::skip(reason));
    }
}

/// One GPU's evidence, read and its chain judged.
struct Gpu<'a> {
    chain: Result<Chain, ChainError>,
    report: Result<SpdmReport<'a>, SpdmError>,
}

impl<'a> Gpu<'a> {
    fn read(evidence: &'a Evidence, root_spki: &Digest, now: UnixSeconds) -> Self {
        Self {
            chain: certificates::verify(&evidence.certificates, root_spki, now),
            report: SpdmReport::parse(&evidence.report),
        }
    }

    /// What it says that it is.
    fn identity(&self) -> Result<Identity, IdentityError> {
        let (Ok(chain), Ok(report)) = (&self.chain, &self.report) else {
            return Err(IdentityError::Illegible);
        };
        Identity::read(report, &chain.leaf)
    }

    /// Whether its certified key signed its report.
    fn is_signed(&self) -> bool {
        let (Ok(chain), Ok(report)) = (&self.chain, &self.report) else { return false };
        Signature::from_slice(report.signature)
            .is_ok_and(|signature| chain.key.verify(report.signed, &signature).is_ok())
    }
}

#[cfg(test)]
mod tests;
