//! Evidence that NVIDIA and the makers of `dcap-qvl` publish, without any report around it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{DecodePem, Encode};
use jurat_proto::{Digest, Nonce, sha256};
use serde_json::{Value, json};
use x509_cert::Certificate;

use super::*;
use crate::{Roots, gpu, roots, verdict::Transcript};

/// The evidence of a file as a report would carry it.
pub(super) fn payload(path: &str) -> Option<String> {
    let list: Value = serde_json::from_str(&sample(path)?).unwrap();
    Some(json!({"nonce": list[0]["nonce"], "evidence_list": list, "arch": list[0]["arch"]}).to_string())
}

/// A policy that asks for nothing.
static NO_DEMANDS: std::sync::LazyLock<crate::GpuPolicy> = std::sync::LazyLock::new(Default::default);

/// What is asked about such evidence, with nothing beside it.
pub(super) fn question(payload: &str) -> gpu::Question<'_> {
    let body: Value = serde_json::from_str(payload).unwrap();
    let nonce: Nonce = body["nonce"].as_str().unwrap().parse().unwrap();
    gpu::Question {
        payload,
        switches: "",
        claimed: None,
        required: true,
        policy: &NO_DEMANDS,
        nonce: Ok(nonce),
        root_spki: roots::nvidia(Roots::Production),
        rim_root_spki: roots::nvidia_rim(Roots::Production),
        nras_service: roots::nvidia_nras(Roots::Production),
        rims: &[],
        ocsp: &[],
        nras: None,
        now: UnixSeconds(1_749_600_000),
    }
}

/// The transcript of the GPU checks alone.
pub(super) fn judge(question: &gpu::Question<'_>) -> Verdict {
    let mut transcript = Transcript::default();
    gpu::judge(question, &mut transcript);
    transcript.judge_report(&Policy::named("permissive").unwrap(), crate::Standing::Live, None, |_| None)
}

#[track_caller]
fn assert_genuine(path: &str) {
    let Some(payload) = payload(path) else { return };
    let verdict = judge(&question(&payload));
    for id in [CheckId::GpuPresent, CheckId::GpuChain, CheckId::GpuSignature, CheckId::GpuNonce] {
        assert_eq!(verdict.check(id).unwrap().status, Status::Pass, "{path}: {verdict}");
    }
}

#[test]
fn published_gpu_evidence_is_genuine() {
    assert_genuine("nvidia-evidence/hopper_evidence.json");
    assert_genuine("nvidia-evidence/hopper_evidence_cert_hold.json");
    assert_genuine("nvidia-evidence/multi_gpu_hopper.json");
    assert_genuine("nv-wheel-2.1.0-golden/evidence.json");
}

/// The verdict on `tdx.quote` of a published quote.
fn quote(name: &str, at: u64) -> Option<(Status, String)> {
    let folder = samples().join("dcap-qvl-crate");
    let bytes = match fs::read(folder.join(name)) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("skipped: {name}: {error}");
            return None;
        }
    };
    let collateral = sample(&format!("dcap-qvl-crate/{name}_collateral.json"))?;
    let report = json!({"signing_address": format!("0x{}", "00".repeat(20)), "quote": hex::encode(bytes)});
    let inputs = Inputs::archived(UnixSeconds(at)).collateral(&collateral);
    let verdict = verify_report(&report.to_string(), &Policy::named("permissive").unwrap(), inputs);
    let check = verdict.check(CheckId::TdxQuote).unwrap();
    Some((check.status, verdict.to_string()))
}

#[test]
fn published_quotes_are_judged_at_their_times() {
    for (name, at, expected) in [
        ("tdx_quote", 1_752_000_000, Status::Pass),
        ("tdx_quote_td15ex", 1_792_000_000, Status::Pass),
        ("tdx_quote", 1_852_000_000, Status::Fail),
        ("sgx_quote", 1_752_000_000, Status::Fail),
        // so far behind that Intel's collateral has no level for it
        ("tdx_quote_outdated", 1_772_323_200, Status::Fail),
    ] {
        let Some((status, verdict)) = quote(name, at) else { return };
        assert_eq!(status, expected, "{name} at {at}\n{verdict}");
    }
}

fn pin(vendor: &str, member: &str) -> Digest {
    let pins: toml::Value = toml::from_str(include_str!("../../../../attestation/roots/roots.toml")).unwrap();
    pins[vendor][member].as_str().unwrap().parse().unwrap()
}

/// A second implementation reads the file; this one has the pin compiled in.
#[test]
fn the_pin_of_nvidias_root_is_the_published_one() {
    assert_eq!(pin("nvidia", "spki_sha256"), roots::nvidia(Roots::Production));
}

/// The last certificate of a PEM chain.
fn last_certificate(pem: &str) -> Certificate {
    let at = pem.rfind("-----BEGIN").unwrap();
    Certificate::from_pem(pem[at..].trim_end_matches('\0')).unwrap()
}

#[test]
fn the_published_fingerprints_are_those_of_genuine_chains() {
    let (Some(recording), Some(payload)) = (nanogpt(), nanogpt_payload()) else { return };
    let collateral: Value = serde_json::from_str(&recording.collateral).unwrap();
    let payload: Value = serde_json::from_str(&payload).unwrap();
    let gpu = STANDARD.decode(payload["evidence_list"][0]["certificate"].as_str().unwrap()).unwrap();
    for (vendor, root) in [
        ("intel", last_certificate(collateral["tcb_info_issuer_chain"].as_str().unwrap())),
        ("nvidia", last_certificate(std::str::from_utf8(&gpu).unwrap())),
    ] {
        let spki = root.tbs_certificate().subject_public_key_info().to_der().unwrap();
        assert_eq!(pin(vendor, "certificate_sha256"), sha256(&root.to_der().unwrap()), "{vendor}");
        assert_eq!(pin(vendor, "spki_sha256"), sha256(&spki), "{vendor}");
    }
}
