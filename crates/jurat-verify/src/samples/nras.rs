//! Answers of NVIDIA's attestation service, recorded with the reports that they are about.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;
use crate::NrasAnswer;

struct Exchange {
    answer: String,
    jwks: String,
}

impl Exchange {
    fn of(folder: &str) -> Option<Self> {
        let answer = sample(&format!("{folder}/nras_response.json"))?;
        Some(Self { answer, jwks: sample(&format!("{folder}/nras_jwks.json"))? })
    }

    fn judge(&self, recording: &Recording, at: UnixSeconds) -> Verdict {
        let inputs = Inputs::archived(at)
            .nonce(recording.nonce.parse().unwrap())
            .collateral(&recording.collateral)
            .nras(NrasAnswer { answer: &self.answer, jwks: &self.jwks });
        verify_report(&recording.report, &Policy::named("0g").unwrap(), inputs)
    }
}

#[track_caller]
fn assert_nras(verdict: &Verdict, status: Status, reason: &str) {
    let check = verdict.check(CheckId::GpuNras).unwrap();
    assert_eq!(check.status, status, "{verdict}");
    assert!(check.reason.contains(reason), "{verdict}");
}

#[test]
fn nvidias_verdicts_confirm_the_reports_that_they_are_about() {
    let (Some(one), Some(eight)) = (nanogpt(), venice()) else { return };
    let (Some(of_one), Some(of_eight)) =
        (Exchange::of("nanogpt-ecdsa-1xGPU-20260610"), Exchange::of("venice-ecdsa-8xH100-20260610"))
    else {
        return;
    };
    assert_nras(&of_one.judge(&one, one.at), Status::Pass, "says the same of all 1");
    assert_nras(&of_eight.judge(&eight, eight.at), Status::Pass, "says the same of all 8");
    assert_eq!(of_one.judge(&one, one.at).outcome(), Outcome::TrustedThen);
    // the answer is over the other's nonce
    assert_nras(&of_eight.judge(&one, one.at), Status::Fail, "another nonce");
    let later = UnixSeconds(one.at.0 + 3700);
    assert_nras(&of_one.judge(&one, later), Status::Fail, "the overall token: it is not valid at");
    // keys of the service live for two days
    let later = UnixSeconds(one.at.0 + 3 * 86_400);
    assert_nras(&of_one.judge(&one, later), Status::Fail, "certificate 0 of the token's key is not valid at");

    let edited = |from: &str, to: &str| {
        assert!(of_one.answer.contains(from));
        Exchange { answer: of_one.answer.replacen(from, to, 1), jwks: of_one.jwks.clone() }
            .judge(&one, one.at)
    };
    assert_nras(&edited("GPU-0", "GPU-1"), Status::Fail, "names other GPUs");
    assert_nras(&edited("\"JWT\"", "\"CWT\""), Status::Fail, "not a JWT");
    let other: serde_json::Value = serde_json::from_str(&of_eight.answer).unwrap();
    let own: serde_json::Value = serde_json::from_str(&of_one.answer).unwrap();
    let swapped = edited(own[1]["GPU-0"].as_str().unwrap(), other[1]["GPU-0"].as_str().unwrap());
    assert_nras(&swapped, Status::Fail, "is not the one that the overall token names");
}

/// NVIDIA's refusal came with HTTP status 200.
#[test]
fn nvidias_refusal_refutes() {
    let Some(refused) = Exchange::of("phala-20260610") else { return };
    let Some(meta) = sample("phala-20260610/nras_exchange_meta.json") else { return };
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    assert_eq!(meta["status"], 200);
    let request = STANDARD.decode(meta["req_body_base64"].as_str().unwrap()).unwrap();
    let payload = String::from_utf8(request).unwrap();
    let question = crate::gpu::Question {
        nras: Some(NrasAnswer { answer: &refused.answer, jwks: &refused.jwks }),
        now: UnixSeconds(1_781_056_160),
        ..vendors::question(&payload)
    };
    let verdict = vendors::judge(&question);
    assert_nras(&verdict, Status::Fail, "GPU-0: NVIDIA refused it: NONCE_NOT_MATCHING");
    assert_eq!(failing(&verdict), ["gpu.nonce", "gpu.nras"], "{verdict}");
}
