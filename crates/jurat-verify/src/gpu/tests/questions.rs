//! What is filed of evidence that is absent, illegible or not signed: every check, each with its reason.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::Binding;
use serde_json::Value;

use super::*;
use crate::{
    Check, Status,
    report::tests::{Attester, NONCE, NOW, blueprint},
};

fn question<'a>(payload: &'a str, policy: &'a GpuPolicy) -> Question<'a> {
    Question {
        payload,
        switches: "",
        claimed: None,
        required: false,
        policy,
        nonce: Err("no nonce here"),
        root_spki: roots::nvidia(Roots::Simulated),
        rim_root_spki: roots::nvidia_rim(Roots::Simulated),
        rims: &[],
        ocsp: &[],
        nras: None,
        nras_service: roots::nvidia_nras(Roots::Simulated),
        now: NOW,
    }
}

fn judged(question: &Question<'_>) -> Vec<Check> {
    let mut transcript = Transcript::default();
    judge(question, &mut transcript);
    transcript.into_checks()
}

fn filed(checks: &[Check], id: CheckId) -> (Status, &str) {
    let check = checks.iter().find(|check| check.id == id).unwrap();
    (check.status, &check.reason)
}

const ALL: [CheckId; 10] = [
    CheckId::GpuPresent,
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

#[track_caller]
fn assert_skipped(checks: &[Check], ids: &[CheckId], reason: &str) {
    for id in ids {
        assert_eq!(filed(checks, *id), (Status::Skip, reason), "{id}");
    }
}

#[test]
fn absent_evidence_fails_where_there_must_be_some() {
    let (none, some) = (GpuPolicy::default(), toml::from_str("drivers = [\"1\"]").unwrap());
    for (claimed, required, policy, status) in [
        (None, false, &none, Status::Skip),
        (Some(0), false, &none, Status::Skip),
        (Some(1), false, &none, Status::Fail),
        (Some(2), false, &none, Status::Fail),
        (None, true, &none, Status::Fail),
        (None, false, &some, Status::Fail),
    ] {
        let checks = judged(&Question { claimed, required, ..question("", policy) });
        let reason = "the report carries no GPU evidence";
        assert_eq!(filed(&checks, CheckId::GpuPresent), (status, reason), "{claimed:?} {required}");
        assert_skipped(&checks, &ALL[1..], reason);
    }
    let checks = judged(&question("?", &none));
    assert_eq!(filed(&checks, CheckId::GpuPresent).0, Status::Fail);
    assert_skipped(&checks, &ALL[1..], "the GPU evidence is not legible");
}

/// A payload of which each entry is altered.
fn altered(edit: impl Fn(&mut Vec<u8>, &mut Vec<u8>)) -> String {
    let report = Attester::new(&blueprint()).report(Binding::JuratV1, &NONCE);
    let mut payload: Value = serde_json::from_str(report["nvidia_payload"].as_str().unwrap()).unwrap();
    for entry in payload["evidence_list"].as_array_mut().unwrap() {
        let decoded = |member: &str| STANDARD.decode(entry[member].as_str().unwrap()).unwrap();
        let (mut chain, mut evidence) = (decoded("certificate"), decoded("evidence"));
        edit(&mut chain, &mut evidence);
        entry["certificate"] = STANDARD.encode(chain).into();
        entry["evidence"] = STANDARD.encode(evidence).into();
    }
    payload.to_string()
}

#[test]
fn what_rests_on_a_signature_is_skipped_without_one() {
    let policy = GpuPolicy::default();
    let payload = altered(|_, evidence| *evidence.last_mut().unwrap() ^= 1);
    let nras = Some(NrasAnswer { answer: "?", jwks: "?" });
    let checks = judged(&Question { nras, ..question(&payload, &policy) });
    assert_eq!(
        filed(&checks, CheckId::GpuSignature),
        (Status::Fail, "GPU 0: the report's signature is wrong")
    );
    assert_eq!(filed(&checks, CheckId::GpuNonce), (Status::Skip, "no nonce here"));
    assert_skipped(&checks, &ALL[5..], "rests on gpu.signature");
    let checks = judged(&question(&payload, &policy));
    assert_eq!(filed(&checks, CheckId::GpuNras).1, "NVIDIA's attestation service was not asked");
}

#[test]
fn an_objection_names_its_gpu_and_its_reason() {
    let policy = GpuPolicy::default();
    let checks = judged(&question(&altered(|chain, _| chain.insert(0, b'?')), &policy));
    assert_eq!(filed(&checks, CheckId::GpuChain), (Status::Fail, "GPU 0: certificates are not PEM"));
    assert_eq!(filed(&checks, CheckId::GpuSignature), (Status::Skip, "rests on gpu.chain"));
    assert_eq!(filed(&checks, CheckId::GpuRevocation), (Status::Skip, "rests on gpu.chain"));
    let checks = judged(&question(&altered(|_, evidence| evidence.truncate(9)), &policy));
    assert_eq!(filed(&checks, CheckId::GpuSignature), (Status::Fail, "GPU 0: report is cut short"));
}
