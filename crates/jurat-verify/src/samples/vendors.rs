//! Evidence that NVIDIA and the makers of `dcap-qvl` publish, without any report around it.

use jurat_proto::{Digest, Nonce};
use serde_json::{Value, json};

use super::*;
use crate::{Roots, gpu, roots, verdict::Transcript};

/// The statuses of the checks on a payload that lists the evidence of a file.
fn gpus(path: &str) -> Option<Vec<(CheckId, Status)>> {
    let list: Value = serde_json::from_str(&sample(path)?).unwrap();
    let nonce: Nonce = list[0]["nonce"].as_str().unwrap().parse().unwrap();
    let payload = json!({"nonce": nonce.to_string(), "evidence_list": list, "arch": list[0]["arch"]}).to_string();
    let question = gpu::Question {
        payload: &payload,
        switches: false,
        claimed: None,
        required: true,
        nonce: Ok(nonce),
        root_spki: roots::nvidia(Roots::Production),
        now: UnixSeconds(1_749_600_000),
    };
    let mut transcript = Transcript::default();
    gpu::judge(&question, &mut transcript);
    let verdict =
        transcript.judge_report(&Policy::named("permissive").unwrap(), crate::Standing::Live, None, |_| None);
    Some(verdict.checks().iter().map(|check| (check.id, check.status)).collect())
}

#[track_caller]
fn assert_genuine(path: &str, present: Status) {
    let Some(found) = gpus(path) else { return };
    for (id, status) in
        [(CheckId::GpuPresent, present), (CheckId::GpuChain, Status::Pass), (CheckId::GpuSignature, Status::Pass), (CheckId::GpuNonce, Status::Pass)]
    {
        assert!(found.contains(&(id, status)), "{path}: {found:?}");
    }
}

#[test]
fn published_gpu_evidence_is_genuine() {
    assert_genuine("nvidia-evidence/hopper_evidence.json", Status::Pass);
    assert_genuine("nvidia-evidence/hopper_evidence_cert_hold.json", Status::Pass);
    assert_genuine("nv-wheel-2.1.0-golden/evidence.json", Status::Pass);
}

/// NVIDIA's sample of several GPUs is one GPU's evidence, four times.
#[test]
fn one_gpu_four_times_over_is_not_four() {
    assert_genuine("nvidia-evidence/multi_gpu_hopper.json", Status::Fail);
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
    ] {
        let Some((status, verdict)) = quote(name, at) else { return };
        assert_eq!(status, expected, "{name} at {at}\n{verdict}");
    }
}

#[test]
fn a_published_platform_that_is_out_of_date_is_refused() {
    // any time at which its collateral is valid will do: the platform is behind at all of them
    let Some(collateral) = sample("dcap-qvl-crate/tdx_quote_outdated_collateral.json") else { return };
    let collateral: Value = serde_json::from_str(&collateral).unwrap();
    let info: Value = serde_json::from_str(collateral["tcb_info"].as_str().unwrap()).unwrap();
    println!("{} {}", info["issueDate"], info["nextUpdate"]);
}

/// The pins of `attestation/roots/`, which a second implementation reads, are the ones that are compiled in.
#[test]
fn the_pinned_roots_are_the_published_ones() {
    let pins: toml::Value = toml::from_str(include_str!("../../../../attestation/roots/roots.toml")).unwrap();
    let pin = |vendor: &str| pins[vendor]["spki_sha256"].as_str().unwrap().parse::<Digest>().unwrap();
    assert_eq!(pin("nvidia"), roots::nvidia(Roots::Production));
}
