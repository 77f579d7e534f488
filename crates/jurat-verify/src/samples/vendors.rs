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

/// A switch's chain, signature and nonce are judged before it is asked whom it links: no published GPU evidence is
/// of the switch that there is evidence of.
#[test]
fn published_switch_evidence_is_genuine() {
    let (Some(gpus), Some(one), Some(same)) = (
        payload("nvidia-evidence/hopper_evidence_cert_hold.json"),
        payload("nvidia-evidence/switch_evidence_ls10.json"),
        payload("nvidia-evidence/multi_switch_ls10.json"),
    ) else {
        return;
    };
    let mode = |switches: &str| {
        let verdict = judge(&gpu::Question { switches, ..question(&gpus) });
        assert_eq!(failing(&verdict), ["gpu.mode"], "{verdict}");
        verdict.check(CheckId::GpuMode).unwrap().reason.clone()
    };
    assert_eq!(mode(&one), "GPU 0 is linked to other switches than those there is evidence of");
    assert_eq!(mode(&same), "switch 1 is there twice");
    assert_eq!(mode(&gpus), "switch 0: the certificate is that of a GH100, which is no switch");
    let edited = |edit: &dyn Fn(&mut Vec<u8>)| {
        let mut body: Value = serde_json::from_str(&one).unwrap();
        let mut report = STANDARD.decode(body["evidence_list"][0]["evidence"].as_str().unwrap()).unwrap();
        edit(&mut report);
        body["evidence_list"][0]["evidence"] = STANDARD.encode(report).into();
        mode(&body.to_string())
    };
    assert_eq!(edited(&|report| report[120] ^= 1), "switch 0: the report's signature is wrong");
    assert_eq!(edited(&|report| report[10] ^= 1), "switch 0: the report's signature is wrong");
    // a switch is no GPU
    let verdict = judge(&question(&one));
    assert_eq!(failing(&verdict), ["gpu.present"], "{verdict}");
}

/// Only NVIDIA's responder knows of the hold: offline nothing is said of it, and a skip is no pass.
#[test]
fn a_hold_is_not_seen_without_asking() {
    let Some(payload) = payload("nvidia-evidence/hopper_evidence_cert_hold.json") else { return };
    let verdict = judge(&question(&payload));
    let check = verdict.check(CheckId::GpuRevocation).unwrap();
    assert_eq!((check.status, check.reason.as_str()), (Status::Skip, "NVIDIA's OCSP service was not asked"));
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
        assert_eq!(verdict.contains("pass tdx.debug"), expected == Status::Pass, "{name} at {at}\n{verdict}");
    }
}

fn pin(vendor: &str, member: &str) -> Digest {
    let pins: toml::Value = toml::from_str(include_str!("../../../../attestation/roots/roots.toml")).unwrap();
    pins[vendor][member].as_str().unwrap().parse().unwrap()
}

/// A second implementation reads the file; this one has the pin compiled in.
#[test]
fn the_pins_of_nvidias_roots_are_the_published_ones() {
    assert_eq!(pin("nvidia", "spki_sha256"), roots::nvidia(Roots::Production));
    assert_eq!(pin("nvidia_rim", "spki_sha256"), roots::nvidia_rim(Roots::Production));
    assert_eq!(pin("nvidia_nras", "spki_sha256"), roots::nvidia_nras(Roots::Production).pin);
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

#[test]
fn the_published_fingerprints_are_those_of_nvidias_services() {
    let (Some(rim), Some(jwks)) = (
        sample("nv-wheel-2.1.0-golden/Driver_RIM_test_no_gpu.swidtag"),
        sample("nanogpt-ecdsa-1xGPU-20260610/nras_jwks.json"),
    ) else {
        return;
    };
    let end = rim.rfind("</ds:X509Certificate>").unwrap();
    let begin = rim[..end].rfind('>').unwrap() + 1;
    let jwks: Value = serde_json::from_str(&jwks).unwrap();
    for (of, text) in
        [("nvidia_rim", &rim[begin..end]), ("nvidia_nras", jwks["keys"][0]["x5c"][1].as_str().unwrap())]
    {
        let text: String = text.split_whitespace().collect();
        let der = STANDARD.decode(text).unwrap();
        let certificate = <Certificate as der::Decode>::from_der(&der).unwrap();
        let spki = certificate.tbs_certificate().subject_public_key_info().to_der().unwrap();
        assert_eq!(pin(of, "certificate_sha256"), sha256(&der), "{of}");
        assert_eq!(pin(of, "spki_sha256"), sha256(&spki), "{of}");
    }
}
