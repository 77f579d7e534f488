//! What a policy pins, and reports that are of something else.

use super::*;
use crate::{ReferenceSet, ReferenceValues};

const PUBLISHED: &str = include_str!("../../../../../attestation/reference/simulated.toml");

/// The policy for simulated reports, with what `pin` adds to it.
fn pinning(pin: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = policy("simulated");
    pin(&mut policy);
    policy
}

#[test]
fn other_code_is_refused_by_the_register_that_differs() {
    let report = minted().to_string();
    let values = ReferenceValues::parse(PUBLISHED).unwrap();
    let published = pinning(|policy| policy.refer_to(values.clone()).unwrap());
    let verdict = verify_report(&report, &published, inputs());
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let measured = verdict.measured().unwrap();
    assert_eq!(measured.telling("simulated"), values.measurements[0]);

    let mut changed: Vec<(&'static str, ReferenceSet)> = Vec::new();
    let mut change = |member: &'static str, of: fn(&mut ReferenceSet) -> &mut Option<crate::Register>| {
        let mut set = ReferenceSet { name: member.into(), ..measured.clone() };
        let register = of(&mut set).as_mut().unwrap();
        let mut bytes = *register.as_bytes();
        bytes[47] ^= 1;
        *register = crate::Hex::new(bytes);
        changed.push((member, set));
    };
    change("mrtd", |set| &mut set.mrtd);
    change("rtmr0", |set| &mut set.rtmr0);
    change("rtmr1", |set| &mut set.rtmr1);
    change("rtmr2", |set| &mut set.rtmr2);
    change("rtmr3", |set| &mut set.rtmr3);
    change("mrseam", |set| &mut set.mrseam);
    change("mrsignerseam", |set| &mut set.mrsignerseam);
    change("mrconfigid", |set| &mut set.mrconfigid);
    change("mrowner", |set| &mut set.mrowner);
    change("mrownerconfig", |set| &mut set.mrownerconfig);
    let flags = Some(crate::Flags::new([1; 8]));
    changed.push(("td_attributes", ReferenceSet { td_attributes: flags, ..measured.clone() }));
    changed.push(("xfam", ReferenceSet { xfam: flags, ..measured.clone() }));
    changed.push(("compose_hash", ReferenceSet { compose_hash: Some(sha256(b"")), ..measured.clone() }));
    for (member, set) in changed {
        let verdict = verify_report(&report, &pinning(|policy| policy.measurements.push(set)), inputs());
        assert_refused(&verdict, &["tdx.measurements"]);
        let reason = &verdict.check(CheckId::TdxMeasurements).unwrap().reason;
        assert!(reason.contains(&format!("`: {member} is ")), "{reason}");
        assert!(!reason.contains(';'), "nothing else differs: {reason}");
        assert!(verdict.measured().is_none());
    }
}

#[test]
fn whom_a_policy_does_not_name_is_refused() {
    let mut attester = Attester::new(&blueprint());
    let manifest = format!("{}  model.safetensors\n", sha256(b"weights"));
    attester.claims.model = Model {
        sha256: Some(sha256(manifest.as_bytes()).to_string()),
        file_count: Some(1),
        bytes: Some(7),
        files: [("model.safetensors".to_owned(), sha256(b"weights").to_string())].into(),
    };
    let report = attester.report(Binding::JuratV1, &NONCE).to_string();
    let judged = |policy: Policy| verify_report(&report, &policy, inputs());
    let ppid = judged(policy("simulated")).check(CheckId::TdxPlatform).unwrap().reason.clone();
    let ppid: crate::Ppid = ppid.rsplit(' ').next().unwrap().parse().unwrap();

    let named = pinning(|policy| {
        policy.platforms = vec![crate::Hex::new([0; 16]), ppid];
        policy.models = vec![sha256(b"x"), sha256(manifest.as_bytes())];
        policy.signers = vec![jurat_proto::Address::new([1; 20]), attester.key.address()];
    });
    let verdict = judged(named);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    for id in [CheckId::TdxPlatform, CheckId::BindModel, CheckId::BindSigner] {
        assert_eq!(verdict.check(id).unwrap().status, Status::Pass, "{verdict}");
    }
    let platform = pinning(|policy| policy.platforms.push(crate::Hex::new([0; 16])));
    assert_refused(&judged(platform), &["tdx.platform"]);
    assert_refused(&judged(pinning(|policy| policy.models.push(sha256(b"x")))), &["bind.model"]);
    let signer = pinning(|policy| policy.signers.push(jurat_proto::Address::new([1; 20])));
    assert_refused(&judged(signer), &["bind.signer"]);
}

#[test]
fn a_model_that_is_not_named_or_not_made_of_its_files_is_refused() {
    let attester = Attester::new(&blueprint());
    let wants = pinning(|policy| policy.models.push(sha256(b"x")));
    let refused = |attester: &Attester| {
        let report = attester.report(Binding::JuratV1, &NONCE).to_string();
        verify_report(&report, &wants, inputs())
    };
    assert_refused(&refused(&attester), &["bind.model"]);
    let mut attester = Attester::new(&blueprint());
    attester.claims.model.sha256 = Some("00".into());
    assert_refused(&refused(&attester), &["bind.model"]);
    attester.claims.model.sha256 = Some(sha256(b"x").to_string());
    assert_eq!(refused(&attester).outcome(), Outcome::Trusted);
    attester.claims.model.files.insert("config.json".into(), sha256(b"{}").to_string());
    assert_refused(&refused(&attester), &["bind.model"]);
}

/// What is pinned must be compared with: where no claims are attested a pinned model leaves it undecided.
#[test]
fn a_pin_without_anything_to_compare_with_is_no_pass() {
    let report = Attester::new(&blueprint()).report(Binding::DstackV1, &NONCE).to_string();
    let mut lax = Policy { roots: Roots::Simulated, ..policy("0g") };
    assert_eq!(verify_report(&report, &lax, inputs()).outcome(), Outcome::Trusted);
    lax.models.push(sha256(b"x"));
    let verdict = verify_report(&report, &lax, inputs());
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert!(verdict.trusted_signer().is_none() && verdict.measured().is_none());
}

#[test]
fn another_compose_file_is_refused() {
    let mut blueprint = blueprint();
    blueprint.compose = Some("services: {vllm: {image: one}}".into());
    let mut report = Attester::new(&blueprint).report(Binding::JuratV1, &NONCE);
    let verdict = judge(&report);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert_eq!(verdict.check(CheckId::TdxCompose).unwrap().status, Status::Pass, "{verdict}");
    let hash = sha256(blueprint.compose.as_deref().unwrap().as_bytes());
    let set = verdict.measured().unwrap().telling("app");
    assert_eq!((set.compose_hash, set.rtmr3), (Some(hash), None));
    let app = pinning(|policy| policy.measurements.push(set));
    let judged = |report: &Value| verify_report(&report.to_string(), &app, inputs());
    assert_eq!(judged(&report).outcome(), Outcome::Trusted);
    // the same operating system with another application
    blueprint.compose = Some("services: {vllm: {image: two}}".into());
    assert_refused(
        &judged(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE)),
        &["tdx.measurements"],
    );
    // a harmless text beside the quote: and then nothing says which application it is
    report["info"]["tcb_info"]["app_compose"] = "services: {}".into();
    assert_refused(&judge(&report), &["tdx.compose"]);
    assert_refused(&judged(&report), &["tdx.measurements", "tdx.compose"]);
    // a log without its payloads is true, and tells no application
    let mut report = Attester::new(&blueprint).report(Binding::JuratV1, &NONCE);
    let mut log: Vec<Value> = serde_json::from_str(report["event_log"].as_str().unwrap()).unwrap();
    log.iter_mut().for_each(|event| event["event_payload"] = "".into());
    report["event_log"] = serde_json::to_string(&log).unwrap().into();
    let verdict = judge(&report);
    assert_eq!(verdict.check(CheckId::TdxEventlog).unwrap().status, Status::Pass, "{verdict}");
    assert_eq!(verdict.check(CheckId::TdxCompose).unwrap().status, Status::Skip, "{verdict}");
}

#[test]
fn the_code_limit_is_there_unless_the_code_was_checked() {
    let limited = |verdict: &Verdict| verdict.limits().iter().any(|limit| limit.contains("NOT checked"));
    let mut hardware = policy("permissive");
    assert!(limited(&verify_report(&minted().to_string(), &hardware, inputs())));
    hardware.refer_to(ReferenceValues::parse(PUBLISHED).unwrap()).unwrap();
    assert!(limited(&verify_report(&minted().to_string(), &hardware, inputs())), "no quote, no code");
}

/// What the library refuses first is refused in our words too.
#[test]
fn attributes_are_named_though_the_quote_is_what_fails() {
    for (bits, words) in
        [(0, "SEPT_VE_DISABLE is off"), (1 << 28 | 1 << 29, "migratable"), (1 << 28 | 1 << 40, "reserved")]
    {
        let mut blueprint = blueprint();
        blueprint.td_attributes = bits;
        let verdict = judge(&Attester::new(&blueprint).report(Binding::JuratV1, &NONCE));
        let reason = &verdict.check(CheckId::TdxQuote).unwrap().reason;
        assert!(reason.contains(words), "{reason}");
    }
}
