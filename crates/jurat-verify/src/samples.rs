//! The judge over genuine reports. They are not part of the project: where `../shared/samples` is absent
//! these tests skip, and say so.

mod golden;
mod nras;
mod pinned;
mod vendors;

use std::{fs, path::PathBuf};

use jurat_proto::{Binding, UnixSeconds};

use crate::{CheckId, Inputs, Outcome, Policy, Status, Verdict, verify_report};

fn samples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/samples")
}

/// A file of the samples, or `None` with a visible line.
fn sample(path: &str) -> Option<String> {
    let file = samples().join(path);
    match fs::read_to_string(&file) {
        Ok(text) => Some(text),
        Err(error) => {
            eprintln!("skipped: {}: {error}", file.display());
            None
        }
    }
}

/// A recorded report with its collateral and nonce, and when it was recorded.
struct Recording {
    report: String,
    collateral: String,
    at: UnixSeconds,
    nonce: &'static str,
}

fn nanogpt() -> Option<Recording> {
    Some(Recording {
        report: sample("nanogpt-ecdsa-1xGPU-20260610/attestation_report.json")?,
        collateral: sample("nanogpt-ecdsa-1xGPU-20260610/collateral.json")?,
        at: UnixSeconds(1_781_056_145),
        nonce: "9a796732359e9324a45576a730e5a9c47bff518b8ee8bcb882d00b5b1ff6f39a",
    })
}

fn venice() -> Option<Recording> {
    Some(Recording {
        report: sample("venice-ecdsa-8xH100-20260610/attestation_report.json")?,
        collateral: sample("venice-ecdsa-8xH100-20260610/collateral.json")?,
        at: UnixSeconds(1_781_056_027),
        nonce: "d2f37ab51f93f80365506fcc09119b28bd9c521be89ba25e3aa439912bbba732",
    })
}

impl Recording {
    fn judge(&self, policy: &str) -> Verdict {
        self.judge_under(&Policy::named(policy).unwrap())
    }

    fn judge_under(&self, policy: &Policy) -> Verdict {
        let inputs =
            Inputs::archived(self.at).nonce(self.nonce.parse().unwrap()).collateral(&self.collateral);
        verify_report(&self.report, policy, inputs)
    }
}

/// The GPU evidence of the report with one GPU.
pub(crate) fn nanogpt_payload() -> Option<String> {
    let report: serde_json::Value = serde_json::from_str(&nanogpt()?.report).unwrap();
    Some(report["nvidia_payload"].as_str().unwrap().to_owned())
}

/// The quote of the report with one GPU.
pub(crate) fn nanogpt_quote() -> Option<Vec<u8>> {
    let report: serde_json::Value = serde_json::from_str(&nanogpt()?.report).unwrap();
    Some(hex::decode(report["quote"].as_str().unwrap()).unwrap())
}

fn statuses(verdict: &Verdict, status: Status) -> Vec<&'static str> {
    verdict.checks().iter().filter(|check| check.status == status).map(|check| check.id.as_str()).collect()
}

#[test]
fn a_genuine_report_of_one_gpu_holds() {
    let Some(recording) = nanogpt() else { return };
    for policy in ["0g", "permissive"] {
        let verdict = recording.judge(policy);
        assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
        assert_eq!(
            statuses(&verdict, Status::Pass),
            [
                "tdx.quote",
                "tdx.tcb",
                "tdx.debug",
                "tdx.eventlog",
                "tdx.compose",
                "bind.address",
                "bind.nonce",
                "gpu.present",
                "gpu.chain",
                "gpu.signature",
                "gpu.nonce",
                "gpu.firmware",
                "gpu.mode"
            ],
            "{verdict}"
        );
        let signer = verdict.trusted_signer().unwrap();
        assert_eq!(signer.address().to_string(), "0xa6df16ebBc510D97A32b99B4DFD33793acC90e2b");
        assert!(signer.claims().is_none());
    }
}

#[test]
fn a_genuine_report_of_eight_gpus_holds_but_for_its_fabric() {
    let Some(recording) = venice() else { return };
    let verdict = recording.judge("0g");
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert_eq!(verdict.check(CheckId::GpuMode).unwrap().status, Status::Skip);
    assert!(verdict.limits().iter().any(|limit| limit.contains("NVLink")), "{verdict}");
    assert!(verdict.check(CheckId::GpuPresent).unwrap().reason.starts_with("evidence of 8"));
}

/// A verdict on the genuine report after an edit of its members.
fn edited(recording: &Recording, edit: impl FnOnce(&mut serde_json::Value)) -> Verdict {
    let mut report: serde_json::Value = serde_json::from_str(&recording.report).unwrap();
    edit(&mut report);
    let altered =
        Recording { report: report.to_string(), collateral: recording.collateral.clone(), ..*recording };
    altered.judge("0g")
}

fn failing(verdict: &Verdict) -> Vec<&'static str> {
    statuses(verdict, Status::Fail)
}

#[test]
fn the_fields_binding_is_not_productions() {
    let Some(recording) = nanogpt() else { return };
    let verdict = recording.judge("production");
    assert_eq!(failing(&verdict), ["bind.address"]);
    assert!(verdict.check(CheckId::BindAddress).unwrap().reason.contains("domain separator"), "{verdict}");
    assert!(verdict.trusted_signer().is_none());
}

#[test]
fn genuine_hardware_is_undecided_where_measurements_are_required() {
    let Some(recording) = nanogpt() else { return };
    let policy = Policy { bindings: vec![Binding::DstackV1], ..Policy::named("production").unwrap() };
    let verdict = recording.judge_under(&policy);
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert!(verdict.trusted_signer().is_none());
}

#[test]
fn genuine_hardware_is_not_believed_under_the_simulated_roots() {
    let Some(recording) = nanogpt() else { return };
    let verdict = recording.judge("simulated");
    assert_eq!(verdict.outcome(), Outcome::Refuted);
    assert_eq!(verdict.check(CheckId::TdxQuote).unwrap().status, Status::Fail);
    assert_eq!(verdict.check(CheckId::GpuChain).unwrap().status, Status::Fail);
}

#[test]
fn without_collateral_a_genuine_report_is_undecided() {
    let Some(recording) = nanogpt() else { return };
    let inputs = Inputs::archived(recording.at).nonce(recording.nonce.parse().unwrap());
    let verdict = verify_report(&recording.report, &Policy::named("0g").unwrap(), inputs);
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert!(verdict.check(CheckId::TdxQuote).unwrap().reason.starts_with("no collateral"));
    assert!(verdict.trusted_signer().is_none());
}

#[test]
fn expired_collateral_refutes() {
    let Some(recording) = nanogpt() else { return };
    let late = Recording { at: UnixSeconds(recording.at.0 + 60 * 86_400), ..recording };
    let verdict = late.judge("0g");
    assert_eq!(failing(&verdict), ["tdx.quote"], "{verdict}");
}

#[test]
fn another_nonce_refutes() {
    let Some(recording) = nanogpt() else { return };
    let other =
        Recording { nonce: "d2f37ab51f93f80365506fcc09119b28bd9c521be89ba25e3aa439912bbba732", ..recording };
    assert_eq!(failing(&other.judge("0g")), ["bind.nonce", "gpu.nonce"]);
}

#[test]
fn edits_of_a_genuine_report_are_refused_by_name() {
    let (Some(one), Some(eight)) = (nanogpt(), venice()) else { return };
    let other: serde_json::Value = serde_json::from_str(&eight.report).unwrap();

    let verdict = edited(&one, |report| {
        report["signing_address"] = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A".into()
    });
    assert_eq!(failing(&verdict), ["bind.address"]);
    let verdict = edited(&one, |report| {
        report["signing_address"] = other["signing_address"].clone();
        report["signing_public_key"] = other["signing_public_key"].clone();
    });
    assert_eq!(failing(&verdict), ["bind.address"], "another key's report");
    let verdict = edited(&one, |report| report["nvidia_payload"] = other["nvidia_payload"].clone());
    assert_eq!(failing(&verdict), ["gpu.nonce"], "swapped GPU evidence");
    let verdict = edited(&one, |report| report["nvidia_payload"] = "".into());
    assert_eq!(failing(&verdict), ["gpu.present"]);
    let verdict = edited(&one, |report| report["quote"] = other["intel_quote"].clone());
    assert_eq!(failing(&verdict), ["tdx.quote"], "two quotes");
    let verdict = edited(&one, |report| report["binding"] = "jurat-v1".into());
    assert_eq!(failing(&verdict), ["bind.address"], "a misnamed binding");
    let verdict = edited(&one, |report| report["binding"] = "dstack-v9".into());
    assert_eq!(failing(&verdict), ["bind.address"], "an unknown binding");
    let verdict = edited(&one, |report| report["tee"] = "simulated".into());
    assert_eq!(failing(&verdict), ["tdx.quote"]);
    let verdict = edited(&one, |report| report["signing_algo"] = "ed25519".into());
    assert_eq!(failing(&verdict), ["bind.address"]);
    let verdict = edited(&one, |report| {
        let log = report["event_log"].as_str().unwrap().replace("app-id", "app-ib");
        report["event_log"] = log.into();
    });
    assert_eq!(failing(&verdict), ["tdx.eventlog"]);
}

#[test]
fn a_quote_may_come_alone_and_in_base64() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let Some(recording) = nanogpt() else { return };
    let verdict = edited(&recording, |report| {
        let quote = hex::decode(report["intel_quote"].as_str().unwrap()).unwrap();
        report["intel_quote"] = STANDARD.encode(quote).into();
        report.as_object_mut().unwrap().remove("quote");
    });
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
}

#[test]
fn any_flipped_bit_of_a_genuine_quote_is_refused() {
    let Some(recording) = nanogpt() else { return };
    let Some(quote) = nanogpt_quote() else { return };
    // header, measurements, report data, signature, attestation key, enclave report
    for at in [0, 4, 30, 180, 376, 568, 631, 640, 700, 760, 900, 1100] {
        let verdict = edited(&recording, |report| {
            let mut flipped = quote.clone();
            flipped[at] ^= 1;
            report["quote"] = hex::encode(&flipped).into();
            report["intel_quote"] = report["quote"].clone();
        });
        assert!(failing(&verdict).contains(&"tdx.quote"), "byte {at}: {verdict}");
    }
}
