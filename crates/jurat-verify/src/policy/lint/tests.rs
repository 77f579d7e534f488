use super::*;
use crate::{
    CheckId,
    policy::{Hex, ReferenceSet},
};

fn ids(policy: &Policy, severity: Severity) -> Vec<&'static str> {
    policy.lint().into_iter().filter(|lint| lint.severity == severity).map(|lint| lint.id).collect()
}

fn production() -> Policy {
    Policy::named("production").unwrap()
}

fn set(name: &str) -> ReferenceSet {
    let register = |byte| Some(Hex::new([byte; 48]));
    ReferenceSet {
        mrtd: register(1),
        rtmr0: register(2),
        rtmr1: register(3),
        rtmr2: register(4),
        rtmr3: register(5),
        ..ReferenceSet::named(name)
    }
}

#[test]
fn the_built_in_policies_have_the_faults_that_they_say_they_have() {
    let production = production();
    assert_eq!(ids(&production, Severity::Error), [""; 0]);
    assert_eq!(ids(&production, Severity::Warning), [""; 0]);
    assert_eq!(ids(&production, Severity::Note), ["platforms.none", "models.none", "measurements.none"]);
    for name in ["permissive", "0g"] {
        let policy = Policy::named(name).unwrap();
        assert_eq!(ids(&policy, Severity::Error), ["measurements.not-required"], "{name}");
        let warnings = ids(&policy, Severity::Warning);
        for id in ["bindings.dstack", "tcb.evaluation", "manifest.cached", "gpu.appraisal"] {
            assert!(warnings.contains(&id), "{name}: {warnings:?}");
        }
        assert_eq!(warnings.contains(&"nonce.not-required"), name == "permissive");
    }
    assert_eq!(ids(&Policy::named("simulated").unwrap(), Severity::Error), ["roots.simulated"]);
}

/// A policy against which nothing can be said.
fn clean() -> Policy {
    let mut policy = production();
    policy.platforms.push(Hex::new([1; 16]));
    policy.models.push(jurat_proto::sha256(b"model"));
    policy.measurements.push(set("one"));
    assert_eq!(policy.lint(), []);
    policy
}

#[test]
fn every_fault_has_its_name() {
    let faulty = |spoil: fn(&mut Policy), severity: Severity, id: &str| {
        let mut policy = clean();
        spoil(&mut policy);
        assert_eq!(ids(&policy, severity), [id], "{:?}", policy.lint());
        assert!(policy.sound().is_ok(), "{id}: lint is about policies that parse");
    };
    use Severity::{Error, Note, Warning};
    faulty(|p| p.roots = crate::Roots::Simulated, Error, "roots.simulated");
    faulty(|p| p.bindings.push(jurat_proto::Binding::DstackV1), Warning, "bindings.dstack");
    faulty(|p| p.tcb_statuses.push(crate::TcbStatus::OutOfDate), Warning, "tcb.out-of-date");
    faulty(|p| p.tcb_statuses.push(crate::TcbStatus::SWHardeningNeeded), Note, "tcb.hardening");
    faulty(|p| p.rejected_advisories.push("SA-1".into()), Warning, "tcb.advisories");
    faulty(|p| p.min_tcb_evaluation_data_number = 0, Warning, "tcb.evaluation");
    faulty(|p| p.manifest_sources.push(jurat_proto::ManifestSource::Cached), Warning, "manifest.cached");
    faulty(|p| p.platforms.clear(), Note, "platforms.none");
    faulty(|p| p.models.clear(), Note, "models.none");
    faulty(|p| p.signers.push(jurat_proto::Address::new([1; 20])), Note, "signers.pinned");
    faulty(|p| p.required.retain(|id| *id != CheckId::BindNonce), Warning, "nonce.not-required");
    faulty(|p| p.required.retain(|id| *id != CheckId::GpuChain), Warning, "gpu.not-required");
    faulty(|p| p.required.retain(|id| *id != CheckId::GpuRevocation), Warning, "gpu.appraisal");
    faulty(|p| p.required.push(CheckId::TdxQuote), Warning, "required.twice");
    faulty(|p| p.required.push(CheckId::BindSigner), Error, "required.never-met");
    faulty(|p| p.measurements.clear(), Note, "measurements.none");
    faulty(|p| p.measurements[0].rtmr3 = None, Warning, "measurements.application");
    faulty(|p| p.measurements[0].rtmr2 = Some(Hex::new([0; 48])), Warning, "measurements.unmeasured");
    faulty(|p| p.measurements.push(set("same")), Warning, "measurements.twice");
    faulty(
        |p| p.measurements.push(ReferenceSet { mrowner: Some(Hex::new([0; 48])), ..set("narrower") }),
        Warning,
        "measurements.wider",
    );
    // 28 counted from the other end
    let wrong_end =
        |p: &mut Policy| p.measurements[0].td_attributes = Some(Hex::new([0, 0, 0, 0, 0x10, 0, 0, 0]));
    faulty(wrong_end, Error, "measurements.never-met");
    faulty(|p| p.measurements[0].mrsignerseam = Some(Hex::new([1; 48])), Error, "measurements.never-met");
    let disagree = |p: &mut Policy| {
        p.measurements[0].mrconfigid = Some(Hex::new([1; 48]));
        p.measurements[0].compose_hash = Some(jurat_proto::sha256(b"x"));
    };
    faulty(disagree, Error, "measurements.never-met");
}

#[test]
fn a_preference_for_the_weaker_binding_is_told() {
    let mut policy = clean();
    policy.bindings.insert(0, jurat_proto::Binding::DstackV1);
    assert_eq!(ids(&policy, Severity::Warning), ["bindings.dstack", "bindings.order"]);
    policy.bindings.remove(1);
    assert!(ids(&policy, Severity::Error).contains(&"required.never-met"), "{:?}", policy.lint());
}

#[test]
fn every_remark_is_in_the_manual() {
    let manual = include_str!("../../../../../docs/verify.md");
    for text in [include_str!("accepted.rs"), include_str!("required.rs"), include_str!("measurements.rs")] {
        for id in text.lines().filter_map(|line| line.trim().strip_prefix("id: \"")?.strip_suffix("\",")) {
            assert!(manual.contains(&format!("| `{id}` |")), "{id} is not in docs/verify.md");
        }
    }
}
