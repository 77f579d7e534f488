//! What the policy requires, and does not.

use jurat_proto::Binding;

use super::{Lint, Severity};
use crate::{CheckId, Policy};

pub(super) fn look(policy: &Policy, found: &mut Vec<Lint>) {
    if !policy.requires(CheckId::BindNonce) {
        found.push(Lint {
            id: "nonce.not-required",
            severity: Severity::Warning,
            what: "it does not require bind.nonce".into(),
            gain: "a report that was recorded once is shown for ever, of a machine that is long gone or found wanting",
            instead: "\"bind.nonce\" in required; kept reports are judged all the same, as trusted_then",
        });
    }
    gpus(policy, found);
    coherent(policy, found);
}

fn gpus(policy: &Policy, found: &mut Vec<Lint>) {
    let lacks = |ids: &[CheckId]| {
        let lacking = ids.iter().filter(|id| !policy.requires(**id));
        lacking.map(|id| id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let evidence = lacks(&[CheckId::GpuPresent, CheckId::GpuChain, CheckId::GpuSignature, CheckId::GpuNonce]);
    if !evidence.is_empty() {
        found.push(Lint {
            id: "gpu.not-required",
            severity: Severity::Warning,
            what: format!("it does not require {evidence}"),
            gain: "a machine without a confidential GPU, or with evidence that is nobody's, is trusted; its GPU sees prompts in the clear",
            instead: "\"gpu.present\", \"gpu.chain\", \"gpu.signature\", \"gpu.nonce\" in required, unless the machine is to compute on its CPU",
        });
    }
    let appraisal =
        lacks(&[CheckId::GpuFirmware, CheckId::GpuMeasurements, CheckId::GpuMode, CheckId::GpuRevocation]);
    if evidence.is_empty() && !appraisal.is_empty() {
        found.push(Lint {
            id: "gpu.appraisal",
            severity: Severity::Warning,
            what: format!("it does not require {appraisal}"),
            gain: "a genuine GPU may run altered firmware, another mode, or under a certificate that NVIDIA has revoked",
            instead: "\"gpu.firmware\", \"gpu.measurements\", \"gpu.mode\", \"gpu.revocation\" in required",
        });
    }
}

/// Requirements that can't be met, and those that stand twice.
fn coherent(policy: &Policy, found: &mut Vec<Lint>) {
    let no_claims = !policy.bindings.contains(&Binding::JuratV1);
    let never = [
        (CheckId::BindClaims, no_claims, "no binding of it carries claims"),
        (CheckId::BindGpu, no_claims, "no binding of it commits to GPU evidence"),
        (CheckId::BindModel, no_claims, "no binding of it carries claims, which name the model"),
        (CheckId::BindModel, policy.models.is_empty(), "it names no models"),
        (CheckId::TdxPlatform, policy.platforms.is_empty(), "it names no platforms"),
        (CheckId::BindSigner, policy.signers.is_empty(), "it pins no signers"),
        (CheckId::GpuVersions, policy.gpu.is_empty(), "it demands nothing of GPUs"),
    ];
    for (id, _, why) in never.into_iter().filter(|(id, unmet, _)| *unmet && policy.requires(*id)) {
        found.push(Lint {
            id: "required.never-met",
            severity: Severity::Error,
            what: format!("it requires {id}, but {why}"),
            gain: "none; but no report is ever trusted, and whoever tires of that drops the whole policy",
            instead: "what the check compares with, or no such requirement",
        });
    }
    let twice = policy
        .required
        .iter()
        .enumerate()
        .find(|(at, id)| policy.required.iter().take(*at).any(|one| one == *id));
    if let Some((_, id)) = twice {
        found.push(Lint {
            id: "required.twice",
            severity: Severity::Warning,
            what: format!("it requires {id} twice"),
            gain: "none; but another check may have been meant",
            instead: "each check once",
        });
    }
}
