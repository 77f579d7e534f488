//! What a trusted verdict does not say. Printed with every verdict, trusted or not, where it applies.

use jurat_proto::{Binding, UnixSeconds};

use crate::{CheckId, Inputs, Standing, bind::Bound, policy::Roots, verdict::Transcript};

const SIMULATED: &str = "simulated hardware: this says nothing about any real machine";
const CODE: &str = "at best genuine TDX and GPU: which code runs there was NOT checked";
const RELAY: &str = "an identical genuine machine elsewhere may be answering in this one's place";
const PHYSICAL: &str = "whoever holds the machine may extract attestation keys from its memory bus (TEE.fail, \
                        WireTap, Battering RAM)";
const GPU_TO_CPU: &str = "without TDISP the hardware does not tie the GPU to the CPU: the GPU may be another \
                          machine's, relayed by code inside the VM";
const SHARED_NONCE: &str = "the quote does not commit to the GPU evidence: both share a public nonce alone, so \
                            the GPU may be any genuine one";
/// Where the GPUs' own evidence says protected PCIe, and the switches are not attested.
pub(crate) const NVLINK: &str = "NVLink fabric unattested: in protected-PCIe mode GPUs talk to each other in the \
                                 clear, over switches that nobody has vouched for";
/// Where they are.
pub(crate) const PLAIN_NVLINK: &str = "in protected-PCIe mode GPUs talk to each other in the clear: the switches \
                                       between them are genuine, the links can be read by whoever taps them";
const FRESHNESS: &str = "no nonce of your own: the report may be old";
const ARCHIVED: &str = "judged as of a time that was named, not proven";
const PAST: &str = "the report was kept: it proves the past, not the present; the machine may since have been stopped, \
                    altered or found wanting";
/// Of a bundle that has hashes for bodies, where the caller brings none.
pub(crate) const NO_BODIES: &str = "the bodies were not at hand: their hashes are the bundle's own word, so this is about \
                                    an answer of these hashes and about none that you hold";
/// Of a bundle without an answer.
pub(crate) const NO_ANSWER: &str =
    "the bundle has no receipt: this is about a machine, and about no answer of its";
const REWRITTEN: &str = "the engine was given another request body than the one that was received: a rewrite \
                         that the machine's configuration names";

pub(crate) fn of_report(
    roots: Roots,
    inputs: &Inputs<'_>,
    bound: &Bound,
    gpus: bool,
    transcript: &mut Transcript,
) {
    if roots == Roots::Simulated {
        transcript.limit(SIMULATED);
    } else {
        if !transcript.passed(CheckId::TdxMeasurements) {
            transcript.limit(CODE);
        }
        transcript.limit(RELAY);
        transcript.limit(PHYSICAL);
    }
    if gpus {
        transcript.limit(GPU_TO_CPU);
        if matches!(bound.binding, Some(Binding::DstackV1 | Binding::DstackV2)) {
            transcript.limit(SHARED_NONCE);
        }
    }
    if inputs.nonce.is_none() {
        transcript.limit(FRESHNESS);
    }
    if inputs.standing == Standing::Archived {
        transcript.limit(ARCHIVED);
        transcript.limit(PAST);
    }
}

/// Of a receipt: those of its signer's report, and its own.
pub(crate) fn of_receipt(of_signer: &[String], rewritten: bool, transcript: &mut Transcript) {
    of_signer.iter().for_each(|limit| transcript.limit(limit));
    if rewritten {
        transcript.limit(REWRITTEN);
    }
}

/// Of a bundle that is judged by the time that it names itself.
pub(crate) fn of_bundle(verified_at: UnixSeconds) -> String {
    format!("judged as of {verified_at}, the bundle's own word: whoever made it chose that time")
}
