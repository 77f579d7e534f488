use std::{num::NonZeroU32, sync::LazyLock};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jurat_attest::GpuProvider as _;
use jurat_simulated::{Blueprint, Nras, NrasExchange};
use proptest::prelude::*;

use super::*;
use crate::{Roots, Status, gpu::payload::Evidence, roots};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const NONCE: Nonce = Nonce::new([1; 32]);

struct Stage {
    evidence: Evidence,
    exchange: NrasExchange,
}

static STAGE: LazyLock<Stage> = LazyLock::new(|| {
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    let gpu = tee.gpu_provider().evidence(&NONCE).unwrap().remove(0);
    let entry = serde_json::json!({
        "certificate": STANDARD.encode(&gpu.certificate_chain),
        "evidence": STANDARD.encode(&gpu.report),
    });
    let payload = serde_json::json!({"nonce": NONCE.to_string(), "evidence_list": [entry]}).to_string();
    Stage {
        exchange: tee.nras(&payload, Nras::Holds, NOW).unwrap(),
        evidence: Evidence { certificates: gpu.certificate_chain, report: gpu.report },
    }
});

fn found(answer: &str, jwks: &str) -> Finding {
    let gpus = [Gpu::read(&STAGE.evidence, &roots::nvidia(Roots::Simulated), NOW)];
    let service = roots::nvidia_nras(Roots::Simulated);
    judge(&gpus, NrasAnswer { answer, jwks }, Ok(NONCE), &service, NOW)
}

#[track_caller]
fn refused(answer: &str, jwks: &str, reason: &str) {
    let finding = found(answer, jwks);
    assert_eq!(finding.status, Status::Fail, "{finding:?}");
    assert!(finding.reason.contains(reason), "{finding:?}");
}

/// The answer with the header of its overall token replaced.
fn with_header(header: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(&STAGE.exchange.answer).unwrap();
    let token = answer[0][1].as_str().unwrap();
    let (_, rest) = token.split_once('.').unwrap();
    STAGE.exchange.answer.replace(token, &format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header)))
}

#[test]
fn headers_other_than_the_one_form_are_refused() {
    let NrasExchange { answer, jwks } = &STAGE.exchange;
    assert!(found(answer, jwks).holds());
    let keys: serde_json::Value = serde_json::from_str(jwks).unwrap();
    let kid = keys["keys"][1]["kid"].as_str().unwrap();
    let other = keys["keys"][0]["kid"].as_str().unwrap();
    for (header, reason) in [
        (format!(r#"{{"alg":"none","kid":"{kid}"}}"#), "it is not signed with ES384"),
        (format!(r#"{{"alg":"HS384","kid":"{kid}"}}"#), "it is not signed with ES384"),
        (format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#), "it is not signed with ES384"),
        (format!(r#"{{"alg":"ES384","kid":"{other}"}}"#), "its signature is wrong"),
        (format!(r#"{{"alg":"ES384","kid":"{kid}x"}}"#), "not exactly one key of the token's name"),
        (format!(r#"{{"alg":"ES384","kid":"{kid}","kid":"{kid}"}}"#), "duplicate field `kid`"),
        (format!(r#"{{"alg":"ES384","kid":"{kid}","crit":["b64"],"b64":false}}"#), "unknown field `crit`"),
        (format!(r#"{{"alg":"ES384","kid":"{kid}","jwk":{{}}}}"#), "unknown field `jwk`"),
        (format!(r#"["ES384","{kid}"]"#), "not a JSON object"),
        // the same words, written otherwise, are not what was signed
        (format!(r#"{{"alg": "ES384","kid":"{kid}"}}"#), "its signature is wrong"),
    ] {
        refused(&with_header(&header), jwks, reason);
    }
}

#[test]
fn answers_of_other_shapes_are_refused() {
    let NrasExchange { answer, jwks } = &STAGE.exchange;
    for (wrong, reason) in [
        ("", "not a detached EAT"),
        ("{}", "not a detached EAT"),
        ("[]", "not a detached EAT"),
        (r#"[["JWT","x"],{}]"#, "it does not have the three parts"),
        (r#"[["JWT","x.y"],{}]"#, "it does not have the three parts"),
        (r#"[["JWT","!.!.!"],{}]"#, "it does not have the three parts"),
        (r#"[["JWT","x.y.z"],{"GPU-0":"a","GPU-0":"b"}]"#, "a member is there twice"),
    ] {
        refused(wrong, jwks, reason);
    }
    refused(&" ".repeat((1 << 20) + 1), jwks, "longer than");
    refused(&answer.replace("\"GPU-0\"", "\"GPU-9\""), jwks, "names other GPUs");
    refused(answer, "{}", "the key set is not legible");
    refused(answer, r#"{"keys":[]}"#, "not exactly one key");
    // the same name twice: which of them signed?
    let set: serde_json::Value = serde_json::from_str(jwks).unwrap();
    let twice = serde_json::json!({"keys": [set["keys"][1], set["keys"][1]]}).to_string();
    refused(answer, &twice, "not exactly one key");
    let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut set = set.clone();
        edit(&mut set["keys"][1]);
        set.to_string()
    };
    let other = &set["keys"][0];
    refused(answer, &edited(&|key| key["x5c"] = other["x5c"].clone()), "is another key's");
    refused(answer, &edited(&|key| key["x"] = other["x"].clone()), "is not one of P-384");
    refused(answer, &edited(&|key| key["crv"] = "P-256".into()), "is not one of P-384");
    refused(answer, &edited(&|key| key["x5c"][0] = key["x5c"][1].clone()), "is another key's");
    refused(
        answer,
        &edited(&|key| key["x5c"][1] = key["x5c"][0].clone()),
        "is not issued by the one after it",
    );
    refused(answer, &edited(&|key| key["x5c"] = serde_json::json!([])), "comes with 0 certificates");
    // certified by nobody who is pinned: perhaps NVIDIA's new intermediate, so no refutation either
    let gpus = [Gpu::read(&STAGE.evidence, &roots::nvidia(Roots::Simulated), NOW)];
    let mut service = roots::nvidia_nras(Roots::Simulated);
    service.pin = jurat_proto::Digest::ZERO;
    let finding = judge(&gpus, NrasAnswer { answer, jwks }, Ok(NONCE), &service, NOW);
    assert_eq!(finding.status, Status::Skip, "{finding:?}");
}

#[test]
fn tokens_are_of_their_issuer() {
    let NrasExchange { answer, jwks } = &STAGE.exchange;
    let gpus = [Gpu::read(&STAGE.evidence, &roots::nvidia(Roots::Simulated), NOW)];
    let service =
        Service { issuer: "https://nras.attestation.nvidia.com", ..roots::nvidia_nras(Roots::Simulated) };
    let finding = judge(&gpus, NrasAnswer { answer, jwks }, Ok(NONCE), &service, NOW);
    assert_eq!(finding.reason, "the overall token: it is from \"https://nras.simulated.invalid\"");
    // a minute of leeway, and an hour
    let at = |now| {
        let service = roots::nvidia_nras(Roots::Simulated);
        judge(&gpus, NrasAnswer { answer, jwks }, Ok(NONCE), &service, UnixSeconds(now)).holds()
    };
    assert!(at(NOW.0 - 60) && !at(NOW.0 - 61) && at(NOW.0 + 3659) && !at(NOW.0 + 3660));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_of_an_answer_is_refused(at in any::<prop::sample::Index>(), bit in 0..7u8) {
        let NrasExchange { answer, jwks } = &STAGE.exchange;
        let mut bytes = answer.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(flipped) = String::from_utf8(bytes) {
            let same = serde_json::from_str::<serde_json::Value>(&flipped).ok()
                == serde_json::from_str::<serde_json::Value>(answer).ok();
            prop_assert!(same || !found(&flipped, jwks).holds(), "byte {}", at);
        }
    }

    #[test]
    fn no_texts_make_it_panic(answer in ".{0,100}", jwks in ".{0,100}", token in "[A-Za-z0-9_.-]{0,80}") {
        let _ = found(&answer, &jwks);
        let _ = found(&format!(r#"[["JWT","{token}"],{{}}]"#), &STAGE.exchange.jwks);
    }
}

#[test]
fn numbers_are_written_in_decimal() {
    assert_eq!(ueid(&[]), "0");
    assert_eq!(ueid(&[0]), "0");
    assert_eq!(ueid(&[1, 0]), "256");
    assert_eq!(ueid(&[0xff; 8]), u64::MAX.to_string());
    assert_eq!(
        ueid(&0x1234_5678_9abc_def0_1122_3344_5566_7788_u128.to_be_bytes()),
        "24197857203266734864716154819477665672"
    );
}

/// Version 2.0 says that a chain was validated, 3.0 how it is. A token that says both, or neither, says nothing.
#[test]
fn both_versions_claims_are_heeded() {
    let objection = |members: &[(&str, serde_json::Value)]| {
        let mut claims = serde_json::json!({
            "measres": "success", "secboot": true, "dbgstat": "disabled",
            "x-nvidia-gpu-attestation-report-nonce-match": true,
            "x-nvidia-gpu-attestation-report-signature-verified": true,
        });
        for (name, value) in members {
            claims[name] = value.clone();
        }
        serde_json::from_value::<Device>(claims).unwrap().objection()
    };
    let validated = |value: bool| ("x-nvidia-gpu-attestation-report-cert-chain-validated", value.into());
    let chain = |status: &str, ocsp: &str| {
        let state = serde_json::json!({"x-nvidia-cert-status": status, "x-nvidia-cert-ocsp-status": ocsp});
        ("x-nvidia-gpu-attestation-report-cert-chain", state)
    };
    assert_eq!(objection(&[validated(true)]), None);
    assert_eq!(objection(&[chain("valid", "good")]), None);
    for members in [
        vec![],
        vec![validated(false)],
        vec![chain("valid", "revoked")],
        vec![chain("expired", "good")],
        vec![validated(true), chain("valid", "good")],
    ] {
        let found = objection(&members).unwrap();
        assert_eq!(found, "NVIDIA says that its certificates were not validated", "{members:?}");
    }
    for (name, value, words) in [
        ("measres", "fail".into(), "measres is not success"),
        ("secboot", false.into(), "secboot is not true"),
        ("dbgstat", "enabled".into(), "dbgstat is not disabled"),
        ("x-nvidia-gpu-attestation-report-nonce-match", false.into(), "its nonce did not match"),
        ("x-nvidia-gpu-attestation-report-signature-verified", false.into(), "signature was not verified"),
    ] {
        let found = objection(&[validated(true), (name, value)]).unwrap();
        assert!(found.contains(words), "{found}");
    }
}

mod keys;
mod tokens;
