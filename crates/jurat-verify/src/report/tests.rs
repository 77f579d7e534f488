//! The judge over simulated reports that hold. `refused.rs` beside this file has the ways to spoil one, `pinned.rs` those
//! that are of something else than the policy names.

mod filed;
mod nvidia;
mod pinned;
mod refused;
mod seeds;

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_attest::{GpuEvidence, GpuProvider, QuoteProvider};
use jurat_proto::{
    Binding, Claims, Digest, KeyOrigin, Layout, ManifestSource, Model, PublicKey, ReportData, Software, Tls,
    UnixMillis, gpu_nonce, report_data, sha256,
};
use jurat_simulated::{
    Blueprint, GpuChain, GpuFirmware, GpuNonce, ProtectedPcie, QuoteForm, Revoked, SimulatedTee, Tcb,
};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Outcome, Status};

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
pub(crate) const NONCE: Nonce = Nonce::new([0x5a; 32]);
const OTHER_NONCE: Nonce = Nonce::new([0xa5; 32]);

pub(crate) fn blueprint() -> Blueprint {
    Blueprint::new(NOW, NonZeroU32::new(2).unwrap())
}

/// A process in front of a simulated TEE: what it would attest, before it is asked.
pub(crate) struct Attester {
    tee: SimulatedTee,
    key: PublicKey,
    pub(crate) claims: Claims,
}

impl Attester {
    pub(crate) fn new(blueprint: &Blueprint) -> Self {
        Self::with_key(blueprint, 0x11)
    }

    fn with_key(blueprint: &Blueprint, key: u8) -> Self {
        let key = PublicKey::from(SigningKey::from_slice(&[key; 32]).unwrap().verifying_key());
        let claims = Claims {
            version: 1,
            signing_address: key.address(),
            signing_public_key: key,
            chain: sha256(b"chain"),
            key: KeyOrigin::Fresh,
            key_provenance: None,
            tls: Tls::SelfSigned,
            tls_spki_sha256: Some(sha256(b"spki").to_string()),
            gpus: blueprint.gpus.get(),
            model: Model::default(),
            manifest_source: ManifestSource::AtStart,
            software: Software { version: "0.1.0".into(), commit: String::new() },
            config_sha256: sha256(b"configuration"),
            started_at: UnixMillis(NOW.0 * 1000),
        };
        Self { tee: blueprint.mint().unwrap(), key, claims }
    }

    fn payload(&self, binding: Binding, nonce: &Nonce) -> String {
        let nonce = gpu_nonce(binding, &self.key, nonce);
        payload(&nonce, &self.tee.gpu_provider().evidence(&nonce).unwrap())
    }

    fn quote(&self, data: &ReportData) -> Value {
        hex::encode(self.tee.quote_provider().quote(data).unwrap().bytes).into()
    }

    /// The report as the sidecar serves it.
    pub(crate) fn report(&self, binding: Binding, nonce: &Nonce) -> Value {
        let (claims, payload) = (self.claims.to_json(), self.payload(binding, nonce));
        let spki = sha256(b"spki");
        let layout = match binding {
            Binding::JuratV1 => {
                Layout::JuratV1 { claims: &claims, nvidia_payload: &payload, nvswitch_payload: "" }
            }
            Binding::DstackV1 => Layout::DstackV1,
            Binding::DstackV2 => Layout::DstackV2 { spki: &spki },
        };
        let data = report_data(&self.key.address(), nonce, layout);
        let quote = self.tee.quote_provider().quote(&data).unwrap();
        let mut report = json!({
            "signing_address": self.key.address().to_string(),
            "signing_public_key": self.key.to_string(),
            "signing_algo": "ecdsa",
            "request_nonce": nonce.to_string(),
            "intel_quote": hex::encode(&quote.bytes),
            "quote": hex::encode(&quote.bytes),
            "nvidia_payload": payload,
            "event_log": quote.event_log,
            "vm_config": "",
            "info": {},
            "binding": binding.as_str(),
            "report_data": data.to_string(),
            "tee": "simulated",
            "report_age_seconds": 0,
            "collateral": self.tee.collateral(),
            "something": "that a later version may add",
        });
        match binding {
            Binding::JuratV1 => report["claims"] = claims.into(),
            Binding::DstackV1 => (),
            Binding::DstackV2 => report["tls_cert_fingerprint"] = spki.to_string().into(),
        }
        report
    }
}

fn payload(nonce: &Nonce, gpus: &[GpuEvidence]) -> String {
    let list: Vec<Value> = gpus
        .iter()
        .map(|gpu| {
            json!({
                "certificate": STANDARD.encode(&gpu.certificate_chain),
                "evidence": STANDARD.encode(&gpu.report),
                "arch": gpu.architecture.as_str(),
            })
        })
        .collect();
    json!({"nonce": nonce.to_string(), "evidence_list": list, "arch": "HOPPER"}).to_string()
}

fn inputs() -> Inputs<'static> {
    Inputs::live(NOW).nonce(NONCE)
}

pub(crate) fn policy(name: &str) -> Policy {
    Policy::named(name).unwrap()
}

fn judge(report: &Value) -> Verdict {
    verify_report(&report.to_string(), &policy("simulated"), inputs())
}

pub(crate) fn of(verdict: &Verdict, status: Status) -> Vec<&'static str> {
    verdict.checks().iter().filter(|check| check.status == status).map(|check| check.id.as_str()).collect()
}

/// Exactly these checks fail, and nobody is trusted.
#[track_caller]
fn assert_refused(verdict: &Verdict, checks: &[&str]) {
    assert_eq!(of(verdict, Status::Fail), checks, "{verdict}");
    assert_eq!(verdict.outcome(), Outcome::Refuted, "{verdict}");
    assert!(verdict.trusted_signer().is_none());
}

fn minted() -> Value {
    Attester::new(&blueprint()).report(Binding::JuratV1, &NONCE)
}

#[test]
fn a_simulated_report_is_trusted_under_its_own_policy() {
    let attester = Attester::new(&blueprint());
    let verdict = judge(&attester.report(Binding::JuratV1, &NONCE));
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert_eq!(
        of(&verdict, Status::Skip),
        [
            "tdx.platform",
            "tdx.measurements",
            "tdx.compose",
            "bind.signer",
            "bind.model",
            "bind.tls",
            "gpu.versions",
            "gpu.measurements",
            "gpu.revocation",
            "gpu.nras"
        ]
    );
    let signer = verdict.trusted_signer().unwrap();
    assert_eq!(*signer.address(), attester.key.address());
    assert_eq!(verdict.signing_address(), Some(&attester.key.address()));
    assert_eq!(signer.claims(), Some(&attester.claims));
    assert_eq!(signer.claims_hash(), Some(&sha256(attester.claims.to_json().as_bytes())));
    assert!(verdict.limits()[0].starts_with("simulated hardware"));

    let json: Value = serde_json::from_str(&verdict.to_json()).unwrap();
    assert_eq!(json["verdict"], "trusted");
    assert_eq!(json["tee"], "simulated");
    assert_eq!(json["policy"], "simulated");
    assert_eq!(json["signing_address"], attester.key.address().to_string());
    assert_eq!(json["checks"][0]["id"], "tdx.quote");
    assert_eq!(json["checks"][0]["status"], "pass");
    assert_eq!(json.as_object().unwrap().len(), 6, "{json}");
}

#[test]
fn every_form_of_quote_is_judged() {
    for quote in [QuoteForm::V4, QuoteForm::V5, QuoteForm::V5Td15] {
        let mut blueprint = blueprint();
        blueprint.quote = quote;
        let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
        assert_eq!(verdict.outcome(), Outcome::Trusted, "{quote:?}\n{verdict}");
    }
}

#[test]
fn a_kept_report_is_trusted_then() {
    let verdict =
        verify_report(&minted().to_string(), &policy("simulated"), Inputs::archived(NOW).nonce(NONCE));
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert_eq!(verdict.trusted_signer().unwrap().standing(), Standing::Archived);
}

/// Nobody asked a kept report anything: its lack of a nonce is told, and not held against it.
#[test]
fn an_archived_report_proves_the_past_alone() {
    let mut report = minted();
    report["archived"] = true.into();
    report["archived_at"] = (NOW.0 * 1000).into();
    for inputs in [Inputs::archived(NOW), Inputs::live(NOW), Inputs::live(NOW).nonce(NONCE)] {
        let verdict = verify_report(&report.to_string(), &policy("simulated"), inputs);
        assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
        let made = if inputs.nonce.is_none() { Status::Skip } else { Status::Pass };
        assert_eq!(verdict.check(CheckId::BindNonce).unwrap().status, made, "{verdict}");
        assert!(
            verdict.limits().iter().any(|limit| limit.contains("the past, not the present")),
            "{verdict}"
        );
    }
    let other = Inputs::archived(NOW).nonce(OTHER_NONCE);
    let verdict = verify_report(&report.to_string(), &policy("simulated"), other);
    assert_eq!(verdict.outcome(), Outcome::Refuted, "a nonce that is given counts\n{verdict}");
}

#[test]
fn without_a_nonce_of_ones_own_freshness_is_a_skip() {
    let verdict = verify_report(&minted().to_string(), &policy("simulated"), Inputs::live(NOW));
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert_eq!(verdict.check(CheckId::BindNonce).unwrap().status, Status::Skip);
    assert_eq!(verdict.check(CheckId::BindGpu).unwrap().status, Status::Pass);
    assert_eq!(verdict.check(CheckId::GpuNonce).unwrap().status, Status::Pass);
}

#[test]
fn the_fields_bindings_hold_where_a_policy_allows_them() {
    let attester = Attester::new(&blueprint());
    let wanted = policy("0g");
    let policy = Policy { roots: Roots::Simulated, ..wanted };
    for binding in Binding::ALL {
        let report = attester.report(binding, &NONCE);
        let verdict = verify_report(&report.to_string(), &policy, inputs());
        assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
        assert_eq!(verdict.trusted_signer().unwrap().binding(), binding);
        let claims = verdict.check(CheckId::BindClaims).unwrap().status;
        assert_eq!(claims == Status::Pass, binding == Binding::JuratV1, "{verdict}");
        let shared = verdict.limits().iter().any(|limit| limit.contains("public nonce alone"));
        assert_eq!(shared, binding != Binding::JuratV1, "{verdict}");
    }
}

#[test]
fn a_seen_tls_key_is_compared() {
    let report = minted().to_string();
    let seen = |spki: Digest| verify_report(&report, &policy("simulated"), inputs().peer_spki(spki));
    assert_eq!(seen(sha256(b"spki")).check(CheckId::BindTls).unwrap().status, Status::Pass);
    assert_refused(&seen(sha256(b"a terminator's")), &["bind.tls"]);
}

#[test]
fn a_policys_advisories_and_evaluation_are_heeded() {
    let mut blueprint = blueprint();
    blueprint.tcb = Tcb::SwHardeningNeeded;
    let report = Attester::new(&blueprint).report(Binding::JuratV1, &NONCE).to_string();
    let mut policy = policy("simulated");
    policy.tcb_statuses.push(crate::TcbStatus::SWHardeningNeeded);
    let verdict = verify_report(&report, &policy, inputs());
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let reason = &verdict.check(CheckId::TdxTcb).unwrap().reason;
    let advisory = reason.rsplit(' ').next().unwrap().to_lowercase();
    let plain = judge(&minted()).check(CheckId::TdxTcb).unwrap().reason.clone();
    assert!(
        plain.rsplit(' ').next().unwrap().parse::<u32>().is_ok(),
        "no advisories, and no word of them: {plain}"
    );
    policy.rejected_advisories = vec![advisory];
    assert_refused(&verify_report(&report, &policy, inputs()), &["tdx.tcb"]);
    policy.rejected_advisories.clear();
    let number = reason.split("evaluation ").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
    policy.min_tcb_evaluation_data_number = number;
    assert_eq!(verify_report(&report, &policy, inputs()).outcome(), Outcome::Trusted);
    policy.min_tcb_evaluation_data_number = number + 1;
    assert_refused(&verify_report(&report, &policy, inputs()), &["tdx.tcb"]);
    policy.min_tcb_evaluation_data_number = u32::MAX;
    assert_refused(&verify_report(&report, &policy, inputs()), &["tdx.tcb"]);
}

#[test]
fn protected_pcie_is_told() {
    let mut blueprint = blueprint();
    blueprint.protected_pcie = ProtectedPcie::On;
    let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert_eq!(verdict.check(CheckId::GpuMode).unwrap().status, Status::Skip);
    assert!(verdict.limits().iter().any(|limit| limit.contains("NVLink")), "{verdict}");
}

#[test]
fn an_unnamed_firmware_is_a_skip() {
    let mut blueprint = blueprint();
    blueprint.gpu_firmware = GpuFirmware::Unnamed;
    let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
    assert_eq!(verdict.check(CheckId::GpuFirmware).unwrap().status, Status::Skip, "{verdict}");
}

#[test]
fn the_transcript_is_one_line_a_check() {
    let verdict = judge(&minted());
    let text = verdict.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("pass tdx.quote         genuine"), "{text}");
    assert_eq!(lines.len(), verdict.checks().len() + 1 + verdict.limits().len());
    assert!(
        lines[verdict.checks().len()]
            .starts_with("verdict: trusted under the policy simulated, tee simulated, signer 0x")
    );
    // what a stranger writes does not reach the terminal's control
    let mut report = minted();
    report["claims"] = "\u{1b}[2J".into();
    assert!(!judge(&report).to_string().contains('\u{1b}'));
}

#[test]
fn a_trusted_signer_checks_receipts() {
    use crate::receipt::tests::{key, receipt, record};
    let attester = Attester::new(&blueprint());
    let verdict = judge(&attester.report(Binding::JuratV1, &NONCE));
    let signer = verdict.trusted_signer().unwrap();
    let mut sworn = receipt(b"{}", b"{\"id\":\"x\"}");
    sworn.claims_hash = *signer.claims_hash().unwrap();
    sworn.chain = attester.claims.chain;
    sworn.previous = attester.claims.chain;
    let record = record(&key(0x11), sworn);
    let verdict = signer.check(&record, b"{}", b"{\"id\":\"x\"}");
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert_eq!(verdict.tee(), crate::Tee::Simulated);
    assert!(verdict.limits()[0].starts_with("simulated hardware"));
    assert_eq!(signer.check(&record, b"{}", b"{\"id\":\"y\"}").outcome(), Outcome::Refuted);
}
