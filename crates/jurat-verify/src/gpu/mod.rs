//! The checks on GPU evidence, `gpu.*`.

mod certificates;
mod firmware;
mod identity;
mod measurements;
mod mode;
mod ocsp;
mod payload;
mod rim;
mod spdm;

use std::fmt::Display;

use jurat_proto::{Digest, Nonce, UnixSeconds};
use p384::ecdsa::{Signature, signature::Verifier};

use self::{
    certificates::{Chain, ChainError},
    firmware::Firmware,
    measurements::Authenticated,
    payload::{Evidence, Payload},
    rim::{MAX_MANIFESTS, Rim, RimError},
    spdm::{SpdmError, SpdmReport},
};
use crate::{CheckId, NrasAnswer, check::Finding, verdict::Transcript};

/// What is asked about a report's GPU evidence.
#[allow(dead_code)] // TEMP
pub(crate) struct Question<'a> {
    /// `nvidia_payload` as it stands in the report.
    pub(crate) payload: &'a str,
    /// Whether there is any `nvswitch_payload`.
    pub(crate) switches: bool,
    /// How many GPUs the attested claims say there are; `None` if none are attested.
    pub(crate) claimed: Option<u32>,
    /// Whether the policy insists on GPUs.
    pub(crate) required: bool,
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
    pub(crate) now: UnixSeconds,
}

/// The checks that look into the evidence.
const INSIDE: [CheckId; 7] = [
    CheckId::GpuChain,
    CheckId::GpuRevocation,
    CheckId::GpuSignature,
    CheckId::GpuNonce,
    CheckId::GpuFirmware,
    CheckId::GpuMeasurements,
    CheckId::GpuMode,
];

/// Makes every `gpu.*` check.
pub(crate) fn judge(question: &Question<'_>, transcript: &mut Transcript) {
    file_unmade(transcript);
    let payload = match Payload::parse(question.payload) {
        Ok(Some(payload)) => payload,
        Ok(None) => {
            let wanted = question.required || question.claimed.is_some_and(|count| count > 0);
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

    let manifests = question.manifests();

    transcript.file(CheckId::GpuPresent, present(&gpus, question.claimed));
    let chained = transcript.file(CheckId::GpuChain, chain(&gpus));
    let signers = manifests.iter().filter_map(|manifest| manifest.as_ref().ok()).map(|(_, chain)| chain);
    transcript.file(
        CheckId::GpuRevocation,
        if chained {
            ocsp::judge(&gpus, signers, question.ocsp, question.now)
        } else {
            Finding::skip("rests on gpu.chain")
        },
    );
    let signed = transcript.file(CheckId::GpuSignature, signature(&gpus, chained));
    transcript.file(CheckId::GpuNonce, nonce(&gpus, &payload, question.nonce));
    if signed {
        transcript.file(CheckId::GpuFirmware, firmware(&gpus));
        transcript.file(CheckId::GpuMeasurements, measurements::judge(&gpus, &manifests));
        mode::judge(gpus.iter().filter_map(|gpu| gpu.report.as_ref().ok()), question.switches, transcript);
    } else {
        for id in [CheckId::GpuFirmware, CheckId::GpuMeasurements, CheckId::GpuMode] {
            transcript.file(id, Finding::skip("rests on gpu.signature"));
        }
    }
}

/// What a manifest says, for tests over genuine ones.
#[cfg(test)]
pub(crate) fn rim(text: &str, root_spki: &Digest, now: UnixSeconds) -> Result<Rim, RimError> {
    Rim::authenticate(text, root_spki, now).map(|(rim, _)| rim)
}

impl Question<'_> {
    /// The manifests, each once.
    fn manifests(&self) -> Vec<Authenticated> {
        let mut texts: Vec<&str> = Vec::new();
        for text in self.rims {
            if !texts.contains(&text.as_str()) {
                texts.push(text);
            }
        }
        if texts.len() > MAX_MANIFESTS {
            return vec![Err(RimError::TooMany(texts.len()))];
        }
        texts.iter().map(|text| Rim::authenticate(text, &self.rim_root_spki, self.now)).collect()
    }
}

/// What this version does not judge.
fn file_unmade(transcript: &mut Transcript) {
    transcript.file(CheckId::GpuNras, Finding::skip("NVIDIA's attestation service was not asked"));
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
}

/// The first objection, with the number of the GPU that it is about.
fn first_objection<'a, 'b: 'a>(
    gpus: &'a [Gpu<'b>],
    objection: impl Fn(&'a Gpu<'b>) -> Option<String>,
) -> Option<Finding> {
    gpus.iter()
        .enumerate()
        .find_map(|(at, gpu)| objection(gpu).map(|reason| Finding::fail(format!("GPU {at}: {reason}"))))
}

fn text(error: &impl Display) -> Option<String> {
    Some(error.to_string())
}

fn present(gpus: &[Gpu<'_>], claimed: Option<u32>) -> Finding {
    let keys: Vec<_> = gpus.iter().filter_map(|gpu| gpu.chain.as_ref().ok()).collect();
    for (at, chain) in keys.iter().enumerate() {
        if keys.iter().take(at).any(|other| other.leaf_spki == chain.leaf_spki) {
            return Finding::fail("the evidence of one GPU is there twice");
        }
    }
    let count = gpus.len();
    match claimed {
        Some(claimed) if usize::try_from(claimed).ok() != Some(count) => {
            Finding::fail(format!("evidence of {count}, while the claims say {claimed}"))
        }
        Some(_) => Finding::pass(format!("evidence of {count}, as many as the claims say")),
        None => Finding::pass(format!("evidence of {count}; how many the machine has is not attested")),
    }
}

fn chain(gpus: &[Gpu<'_>]) -> Finding {
    first_objection(gpus, |gpu| gpu.chain.as_ref().err().and_then(text))
        .unwrap_or_else(|| Finding::pass("every chain ends at the pinned root"))
}

fn signature(gpus: &[Gpu<'_>], chained: bool) -> Finding {
    let illegible = first_objection(gpus, |gpu| gpu.report.as_ref().err().and_then(text));
    if let Some(finding) = illegible {
        return finding;
    }
    if !chained {
        return Finding::skip("rests on gpu.chain");
    }
    let unsigned = first_objection(gpus, |gpu| {
        let (Ok(chain), Ok(report)) = (&gpu.chain, &gpu.report) else { return Some("not legible".into()) };
        let holds = Signature::from_slice(report.signature)
            .is_ok_and(|signature| chain.key.verify(report.signed, &signature).is_ok());
        (!holds).then(|| "the report's signature is wrong".into())
    });
    unsigned.unwrap_or_else(|| {
        let blocks = gpus.iter().filter_map(|gpu| gpu.report.as_ref().ok()).map(|report| report.blocks.len());
        Finding::pass(format!("every report is signed, over {} measurements in all", blocks.sum::<usize>()))
    })
}

fn nonce(gpus: &[Gpu<'_>], payload: &Payload, expected: Result<Nonce, &'static str>) -> Finding {
    let expected = match expected {
        Ok(expected) => expected,
        Err(reason) => return Finding::skip(reason),
    };
    let stale = first_objection(gpus, |gpu| {
        let report = gpu.report.as_ref().ok()?;
        (report.nonce != expected.as_bytes())
            .then(|| "the report is over another nonce than the binding derives".into())
    });
    if let Some(finding) = stale {
        return finding;
    }
    if gpus.iter().any(|gpu| gpu.report.is_err()) {
        return Finding::skip("rests on gpu.signature");
    }
    if payload.nonce != expected {
        return Finding::fail("the payload names another nonce than its reports are over");
    }
    Finding::pass("every report is over the nonce that the binding derives")
}

fn firmware(gpus: &[Gpu<'_>]) -> Finding {
    let compare = |gpu: &Gpu<'_>| match (&gpu.chain, &gpu.report) {
        (Ok(chain), Ok(report)) => firmware::compare(report, &chain.leaf),
        _ => Firmware::Other,
    };
    let other = first_objection(gpus, |gpu| {
        (compare(gpu) == Firmware::Other)
            .then(|| "the report names other firmware than its certificate".into())
    });
    match other {
        Some(finding) => finding,
        None if gpus.iter().any(|gpu| compare(gpu) == Firmware::Unnamed) => {
            Finding::skip("a report names no firmware, as from drivers before 550")
        }
        None => Finding::pass("every report names the firmware that its certificate was issued to"),
    }
}

#[cfg(test)]
mod tests;
