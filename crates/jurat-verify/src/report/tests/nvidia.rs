//! With what NVIDIA says beside the evidence: manifests, OCSP responses, its own verdict.

use jurat_simulated::{Nras, NrasExchange, Ocsp, Rims};

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
    // leafs and boot ROMs of both, and the two that they share
    assert_eq!(all.len(), 6);

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
    assert_eq!(skips, 4, "all but the leafs' are missed");
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
