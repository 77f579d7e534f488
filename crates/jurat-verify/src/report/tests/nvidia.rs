//! With what NVIDIA says beside the evidence: manifests, OCSP responses, its own verdict.

use jurat_simulated::{GpuFeature, Nras, NrasExchange, Ocsp, Rims, Switches};

use super::*;
use crate::NrasAnswer;

#[test]
fn with_manifests_measurements_are_compared() {
    let attester = Attester::new(&blueprint());
    let report = attester.report(Binding::JuratV1, &NONCE).to_string();
    let judge = |form| {
        let rims = attester.tee.rims(form).unwrap();
        verify_report(&report, &policy("simulated"), inputs().rims(&rims))
    };
    let verdict = judge(Rims::Fitting);
    let check = verdict.check(CheckId::GpuMeasurements).unwrap();
    assert_eq!(check.status, Status::Pass, "{verdict}");
    assert_eq!(check.reason, "28 measurements equal NVIDIA's for driver and VBIOS", "two GPUs, 14 each");
    for (form, reason) in [
        (
            Rims::OtherDriver,
            "GPU 0: no manifest of driver 000.000.00 of GH100; there is one of GH100 000.000.01",
        ),
        (
            Rims::OtherVbios,
            "no manifest of VBIOS EE.EE.EE.EE.EE of GH100; there is one of GH100 EE.EE.EE.EE.EF",
        ),
        (Rims::OtherChip, "no manifest of driver 000.000.00 of GH100; there is one of GB100 000.000.00"),
        (Rims::OtherMeasurement, "GPU 0: measurement 26 is"),
        (Rims::Overlapping, "GPU 0: measurement 26 is in both manifests"),
        (Rims::ExpiredSigner, "manifest 0: its signer's certificate 0 is not valid at 1790000000"),
    ] {
        let verdict = judge(form);
        assert_refused(&verdict, &["gpu.measurements"]);
        let found = &verdict.check(CheckId::GpuMeasurements).unwrap().reason;
        assert!(found.contains(reason), "{form:?}: {found}");
    }
}

#[test]
fn with_ocsp_responses_revocation_is_judged() {
    let attester = Attester::new(&blueprint());
    let report = attester.report(Binding::JuratV1, &NONCE).to_string();
    let judge = |ocsp: &[Vec<u8>]| verify_report(&report, &policy("simulated"), inputs().ocsp(ocsp));
    let all = attester.tee.ocsp(Ocsp::Good).unwrap();
    let verdict = judge(&all);
    let check = verdict.check(CheckId::GpuRevocation).unwrap();
    assert_eq!(check.status, Status::Pass, "{verdict}");
    // the boot ROMs of both, the two that they share, and a refusal to speak of leafs
    assert_eq!(all.len(), 5);
    let unknown = judge(&attester.tee.ocsp(Ocsp::LeafUnknown).unwrap());
    assert_eq!(unknown.check(CheckId::GpuRevocation).unwrap().status, Status::Pass, "{unknown}");

    for (form, reason) in [
        (Ocsp::Revoked, "GPU 0, certificate 2: it is revoked"),
        (Ocsp::Hold, "GPU 0, certificate 2: it is on hold"),
        (Ocsp::Unknown, "GPU 0, certificate 2: the responder does not know it"),
        (Ocsp::Stale, "what is said of it does not hold at 1790000000"),
        (Ocsp::OtherResponder, "who answers was not authorised to by anybody above it"),
        (Ocsp::NotAResponder, "who answers was not authorised to by anybody above it"),
    ] {
        let verdict = judge(&attester.tee.ocsp(form).unwrap());
        assert_refused(&verdict, &["gpu.revocation"]);
        let found = &verdict.check(CheckId::GpuRevocation).unwrap().reason;
        assert!(found.contains(reason), "{form:?}: {found}");
    }
    let skipped = |ocsp: &[Vec<u8>], reason: &str| {
        let verdict = judge(ocsp);
        let check = verdict.check(CheckId::GpuRevocation).unwrap();
        assert_eq!(check.status, Status::Skip, "{verdict}");
        assert!(check.reason.contains(reason), "{verdict}");
    };
    // an answer that nobody signs is none
    skipped(&attester.tee.ocsp(Ocsp::Unauthorized).unwrap(), "GPU 0: nobody vouches for certificate 1");
    // others' certificates
    let stranger = Attester::new(&blueprint()).tee.ocsp(Ocsp::Revoked).unwrap();
    skipped(&stranger, "GPU 0: nobody vouches for certificate 1");
    let mut skips = 0;
    for left_out in 0..all.len() {
        let mut rest = all.clone();
        rest.remove(left_out);
        let status = judge(&rest).check(CheckId::GpuRevocation).unwrap().status;
        assert_ne!(status, Status::Fail);
        skips += usize::from(status == Status::Skip);
    }
    assert_eq!(skips, 4, "all but what is said of leafs is missed");
}

#[test]
fn with_nvidias_answer_it_must_say_the_same() {
    let attester = Attester::new(&blueprint());
    let report = attester.report(Binding::JuratV1, &NONCE);
    let payload = report["nvidia_payload"].as_str().unwrap();
    let judge = |exchange: &NrasExchange| {
        let nras = NrasAnswer { answer: &exchange.answer, jwks: &exchange.jwks };
        verify_report(&report.to_string(), &policy("simulated"), inputs().nras(nras))
    };
    let holds = attester.tee.nras(payload, Nras::Holds, NOW).unwrap();
    let verdict = judge(&holds);
    let check = verdict.check(CheckId::GpuNras).unwrap();
    assert_eq!(check.status, Status::Pass, "{verdict}");

    for (form, reason) in [
        (Nras::NonceMismatch, "GPU-0: NVIDIA refused it: NONCE_NOT_MATCHING"),
        (Nras::OtherMeasurements, "GPU-0: NVIDIA says that measres is not success"),
        (Nras::Contradictory, "GPU-0: NVIDIA says that measres is not success"),
        (Nras::OtherNonce, "the overall token is over another nonce"),
        (Nras::OtherDriver, "GPU-0: NVIDIA speaks of another driver than the evidence"),
        (Nras::OneMissing, "1 GPUs in NVIDIA's answer, 2 in the evidence"),
        (Nras::OtherKey, "the key set has not exactly one key of the token's name"),
        (Nras::Unsigned, "it is not signed with ES384"),
        (Nras::Expired, "the overall token: it is not valid at 1790000000"),
        (Nras::UncertifiedKeys, "the token's key comes with 1 certificates"),
    ] {
        let verdict = judge(&attester.tee.nras(payload, form, NOW).unwrap());
        assert_refused(&verdict, &["gpu.nras"]);
        let found = &verdict.check(CheckId::GpuNras).unwrap().reason;
        assert!(found.contains(reason), "{form:?}: {found}");
    }
    // another stage's answer about this evidence: its keys are certified by the same public root
    let verdict = judge(&Attester::new(&blueprint()).tee.nras(payload, Nras::Holds, NOW).unwrap());
    assert_eq!(verdict.check(CheckId::GpuNras).unwrap().status, Status::Pass, "{verdict}");
    let mut impostor = blueprint();
    impostor.roots = jurat_simulated::Roots::Fresh;
    let verdict = judge(&Attester::new(&impostor).tee.nras(payload, Nras::Holds, NOW).unwrap());
    let check = verdict.check(CheckId::GpuNras).unwrap();
    assert_eq!(check.status, Status::Skip, "{verdict}");
    assert!(check.reason.contains("which is not the pinned one"), "{verdict}");
}

/// A report under `dstack-v1`, which commits to no switch evidence, so that each deviation is told by it alone.
fn fabric(protected: &Blueprint, form: Option<Switches>) -> Verdict {
    let attester = Attester::new(protected);
    let mut report = attester.report(Binding::DstackV1, &NONCE);
    if let Some(form) = form {
        let list: Vec<_> = attester.tee.switches(&NONCE, form).unwrap();
        let list: Vec<Value> = list
            .iter()
            .map(|switch| {
                json!({
                    "certificate": STANDARD.encode(&switch.certificate_chain),
                    "evidence": STANDARD.encode(&switch.report),
                    "arch": "LS10",
                })
            })
            .collect();
        let payload = json!({"nonce": NONCE.to_string(), "evidence_list": list, "arch": "LS10"});
        report["nvswitch_payload"] = payload.to_string().into();
    }
    let policy = Policy { roots: Roots::Simulated, ..policy("0g") };
    verify_report(&report.to_string(), &policy, inputs())
}

#[test]
fn switches_are_judged_where_there_is_evidence_of_them() {
    let mut protected = blueprint();
    protected.protected_pcie = ProtectedPcie::On;
    let verdict = fabric(&protected, Some(Switches::Attested));
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let check = verdict.check(CheckId::GpuMode).unwrap();
    assert_eq!(check.status, Status::Pass, "{verdict}");
    assert!(check.reason.contains("4 attested switches"), "{verdict}");
    assert!(verdict.limits().iter().any(|limit| limit.contains("in the clear")), "{verdict}");

    for (form, reason) in [
        (Switches::OneMissing, "GPU 0 is linked to other switches"),
        (Switches::OneTwice, "switch 3 is there twice"),
        (Switches::OtherGpus, "the switches lead to 3 GPUs, and there is evidence of 2"),
        (Switches::OtherNonce, "switch 0: the report is over another nonce"),
    ] {
        let verdict = fabric(&protected, Some(form));
        assert_refused(&verdict, &["gpu.mode"]);
        let found = &verdict.check(CheckId::GpuMode).unwrap().reason;
        assert!(found.contains(reason), "{form:?}: {found}");
    }
    assert_eq!(fabric(&protected, None).check(CheckId::GpuMode).unwrap().status, Status::Skip);
}

#[test]
fn a_gpu_is_no_switch_and_a_switch_no_gpu() {
    let mut protected = blueprint();
    protected.protected_pcie = ProtectedPcie::On;
    let attester = Attester::new(&protected);
    let mut report = attester.report(Binding::DstackV1, &NONCE);
    report["nvswitch_payload"] = report["nvidia_payload"].clone();
    let policy = Policy { roots: Roots::Simulated, ..policy("0g") };
    let verdict = verify_report(&report.to_string(), &policy, inputs());
    assert_refused(&verdict, &["gpu.mode"]);
    assert!(verdict.check(CheckId::GpuMode).unwrap().reason.contains("GH100, which is no switch"));

    let switches = attester.tee.switches(&NONCE, Switches::Attested).unwrap();
    let as_gpus: Vec<GpuEvidence> = switches
        .into_iter()
        .take(2)
        .map(|switch| GpuEvidence {
            certificate_chain: switch.certificate_chain,
            report: switch.report,
            architecture: jurat_attest::GpuArchitecture::Hopper,
        })
        .collect();
    report["nvswitch_payload"] = "".into();
    report["nvidia_payload"] = payload(&NONCE, &as_gpus).into();
    let verdict = verify_report(&report.to_string(), &policy, inputs());
    assert_refused(&verdict, &["gpu.present"]);
    assert!(verdict.check(CheckId::GpuPresent).unwrap().reason.contains("LS_10, which is no GPU"));
}

#[test]
fn modes_are_told_apart_and_not_mixed() {
    let mode = |change: &dyn Fn(&mut Blueprint)| {
        let mut blueprint = blueprint();
        change(&mut blueprint);
        let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
        let check = verdict.check(CheckId::GpuMode).unwrap();
        (check.status, check.reason.clone())
    };
    for (feature, status, reason) in [
        (GpuFeature::Single, Status::Pass, "without protected PCIe"),
        (GpuFeature::Multiple, Status::Pass, "encrypted links"),
        (GpuFeature::Mixed, Status::Fail, "do not all run in the same mode"),
        (GpuFeature::ProtectedPcie, Status::Fail, "two are named"),
    ] {
        let found = mode(&|blueprint| blueprint.gpu_feature = feature);
        assert_eq!(found.0, status, "{feature:?}: {}", found.1);
        assert!(found.1.contains(reason), "{feature:?}: {}", found.1);
    }
    let mixed = mode(&|blueprint| blueprint.protected_pcie = ProtectedPcie::Mixed);
    assert_eq!(mixed, (Status::Fail, "the GPUs do not all run in the same mode".into()));
    let protected = mode(&|blueprint| {
        blueprint.protected_pcie = ProtectedPcie::On;
        blueprint.gpu_feature = GpuFeature::ProtectedPcie;
    });
    assert_eq!(protected.0, Status::Skip, "{}", protected.1);
}

#[test]
fn a_policys_versions_are_heeded() {
    let report = minted().to_string();
    let judge = |gpu: &str| {
        let policy = Policy { gpu: toml::from_str(gpu).unwrap(), ..policy("simulated") };
        verify_report(&report, &policy, inputs())
    };
    let of = |verdict: &Verdict| {
        let check = verdict.check(CheckId::GpuVersions).unwrap();
        (check.status, check.reason.clone())
    };
    let told = "GH100 with driver 000.000.00 and VBIOS EE.EE.EE.EE.EE";
    assert_eq!(of(&judge("")), (Status::Skip, format!("the policy names no versions; there are {told}")));
    for accepted in [
        "min_driver = \"0.0.0\"",
        "drivers = [\"570.172.08\", \"000.000.00\"]",
        "min_vbios = \"ee.ee.ee.ee.ee\"",
        "vbioses = [\"EE.EE.EE.EE.EE\"]\narchitectures = [\"HOPPER\"]",
    ] {
        assert_eq!(of(&judge(accepted)), (Status::Pass, told.into()), "{accepted}");
    }
    for (refused, reason) in [
        ("min_driver = \"000.000.01\"", "GPU 0: driver 000.000.00 is older than the policy's minimum"),
        ("drivers = [\"570.172.08\"]", "GPU 0: driver 000.000.00 is not one of the policy's"),
        ("min_vbios = \"EE.EE.EE.EE.EF\"", "GPU 0: VBIOS EE.EE.EE.EE.EE is older than the policy's minimum"),
        ("vbioses = [\"96.00.D0.00.03\"]", "GPU 0: VBIOS EE.EE.EE.EE.EE is not one of the policy's"),
        ("architectures = [\"BLACKWELL\"]", "GPU 0: the policy does not accept the chip GH100"),
        (
            "drivers = [\"0.0.0\"]\nmin_driver = \"1\"",
            "GPU 0: driver 000.000.00 is older than the policy's minimum",
        ),
    ] {
        let verdict = judge(refused);
        assert_refused(&verdict, &["gpu.versions"]);
        assert_eq!(of(&verdict).1, reason);
    }
    // no GPU meets no demand
    let mut report = minted();
    report["nvidia_payload"] = "".into();
    let mut policy = policy("permissive");
    policy.roots = Roots::Simulated;
    policy.gpu = toml::from_str("architectures = [\"HOPPER\"]").unwrap();
    policy.required.retain(|id| *id != CheckId::GpuPresent);
    let verdict = verify_report(&report.to_string(), &policy, inputs());
    assert_eq!(verdict.check(CheckId::GpuPresent).unwrap().status, Status::Fail, "{verdict}");
}
