//! What a judgement costs the processor, offline and with everything that NVIDIA says beside the evidence:
//! `cargo run --release -p jurat-verify --example judge-cost`. For `docs/performance.md`.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::{fs, num::NonZeroU32};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_attest::{GpuProvider, QuoteProvider};
use jurat_proto::{Layout, Nonce, PublicKey, UnixSeconds, report_data};
use jurat_simulated::{Blueprint, Nras, Ocsp, Rims};
use jurat_verify::{CheckId, Inputs, NrasAnswer, Policy, Roots, Status, verify_report};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const NONCE: Nonce = Nonce::new([0x5a; 32]);
const RUNS: u32 = 20;

/// Nanoseconds that this thread has been on a processor.
fn processor_time() -> u64 {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    schedstat.split(' ').next().and_then(|field| field.parse().ok()).expect("a number")
}

fn main() {
    let mut policy = Policy::named("0g").unwrap();
    policy.roots = Roots::Simulated;
    for gpus in [1, 8] {
        let tee = Blueprint::new(NOW, NonZeroU32::new(gpus).unwrap()).mint().unwrap();
        let key = PublicKey::from(SigningKey::from_slice(&[0x11; 32]).unwrap().verifying_key());
        let list: Vec<Value> = tee
            .gpu_provider()
            .evidence(&NONCE)
            .unwrap()
            .iter()
            .map(|gpu| {
                json!({
                    "certificate": STANDARD.encode(&gpu.certificate_chain),
                    "evidence": STANDARD.encode(&gpu.report),
                    "arch": gpu.architecture.as_str(),
                })
            })
            .collect();
        let payload =
            json!({"nonce": NONCE.to_string(), "evidence_list": list, "arch": "HOPPER"}).to_string();
        let data = report_data(&key.address(), &NONCE, Layout::DstackV1);
        let quote = tee.quote_provider().quote(&data).unwrap();
        let report = json!({
            "signing_address": key.address().to_string(),
            "signing_public_key": key.to_string(),
            "signing_algo": "ecdsa",
            "request_nonce": NONCE.to_string(),
            "intel_quote": hex::encode(&quote.bytes),
            "nvidia_payload": payload,
            "event_log": quote.event_log,
            "collateral": tee.collateral(),
        })
        .to_string();
        let rims = tee.rims(Rims::Fitting).unwrap();
        let ocsp = tee.ocsp(Ocsp::Good).unwrap();
        let exchange = tee.nras(&payload, Nras::Holds, NOW).unwrap();
        let nras = NrasAnswer { answer: &exchange.answer, jwks: &exchange.jwks };

        let bare = Inputs::live(NOW).nonce(NONCE);
        for (what, inputs, made) in [
            ("evidence alone", bare, CheckId::GpuSignature),
            ("and manifests", bare.rims(&rims), CheckId::GpuMeasurements),
            ("and OCSP", bare.rims(&rims).ocsp(&ocsp), CheckId::GpuRevocation),
            ("and NVIDIA's verdict", bare.rims(&rims).ocsp(&ocsp).nras(nras), CheckId::GpuNras),
        ] {
            let verdict = verify_report(&report, &policy, inputs);
            assert!(verdict.outcome().is_trusted(), "{verdict}");
            assert_eq!(verdict.check(made).unwrap().status, Status::Pass, "{verdict}");
            let mut times: Vec<u64> = (0..RUNS)
                .map(|_| {
                    let before = processor_time();
                    let _ = verify_report(&report, &policy, inputs);
                    processor_time() - before
                })
                .collect();
            times.sort_unstable();
            let milliseconds = |at: usize| times[at] as f64 / 1e6;
            println!(
                "{gpus} GPUs, {what:<20} median {:5.1} ms, most {:5.1} ms",
                milliseconds(times.len() / 2),
                milliseconds(times.len() - 1)
            );
        }
    }
}
