//! NVIDIA's verdict: tokens that confirm are the seed's, and claims to which nothing is objected say what they must.
#![no_main]

use jurat_proto::{Nonce, UnixSeconds};
use jurat_verify::{CheckId, NrasAnswer, fuzzing};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SEED: &str = include_str!("../seeds/eat/exchange");
const REPORT: &[u8] = include_bytes!("../seeds/spdm/gpu");

/// Whether an answer and its keys confirm the seed's GPU.
fn confirms(exchange: &Value) -> Option<bool> {
    let nonce: [u8; 32] = fuzzing::spdm(REPORT)?.nonce.try_into().ok()?;
    let nras = NrasAnswer { answer: exchange.get("answer")?.as_str()?, jwks: exchange.get("jwks")?.as_str()? };
    let passed = fuzzing::gpu(fuzzing::Said {
        chain: include_bytes!("../seeds/certificates/gpu"),
        report: REPORT,
        nonce: Nonce::new(nonce),
        rims: &[],
        ocsp: &[],
        nras: Some(nras),
        now: UnixSeconds(1_790_000_000),
    });
    assert!(passed.contains(&CheckId::GpuSignature));
    Some(passed.contains(&CheckId::GpuNras))
}

fn tokens(exchange: &Value) -> Vec<String> {
    let answer = exchange["answer"].as_str().unwrap_or_default();
    answer.split('"').filter(|part| part.len() > 100).map(|token| token.rsplit('.').skip(1).collect()).collect()
}

fuzz_target!(
    init: {
        let seed = serde_json::from_str(SEED).expect("JSON");
        assert_eq!(confirms(&seed), Some(true));
    },
    |text: &str| {
        if fuzzing::objection(text) == Some(None) && text.trim_start().starts_with('{') {
            let claims: Value = serde_json::from_str(text).expect("it was read");
            assert_eq!(claims["measres"], "success");
            assert_eq!(claims["dbgstat"], "disabled");
            assert_eq!(claims["secboot"], true);
            for matched in ["nonce-match", "signature-verified"] {
                assert_eq!(claims[format!("x-nvidia-gpu-attestation-report-{matched}")], true);
            }
            assert_eq!(claims["x-nvidia-error-details"], Value::Null);
        }
        let Ok(exchange) = serde_json::from_str::<Value>(text) else { return };
        if confirms(&exchange) == Some(true) {
            let seed = serde_json::from_str(SEED).expect("JSON");
            assert_eq!(tokens(&exchange), tokens(&seed));
        }
    }
);
