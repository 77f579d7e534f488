//! Genuine reports before policies that pin what they are of, and a genuine quote that came without a report.

use jurat_proto::sha256;
use serde_json::Value;

use super::*;
use crate::{Hex, ReferenceSet};

fn reason(verdict: &Verdict, id: CheckId) -> &str {
    &verdict.check(id).unwrap().reason
}

#[test]
fn genuine_compose_files_are_those_of_their_registers() {
    for recording in [nanogpt(), venice()] {
        let Some(recording) = recording else { return };
        let verdict = recording.judge("0g");
        assert_eq!(verdict.check(CheckId::TdxCompose).unwrap().status, Status::Pass, "{verdict}");
        let report: Value = serde_json::from_str(&recording.report).unwrap();
        let text = report["info"]["tcb_info"]["app_compose"].as_str().unwrap();
        let hash = sha256(text.as_bytes());
        assert!(reason(&verdict, CheckId::TdxCompose).ends_with(&hash.to_string()), "{verdict}");
        assert_eq!(verdict.measured().unwrap().compose_hash, Some(hash));
        let verdict = edited(&recording, |report| {
            report["info"]["tcb_info"]["app_compose"] = format!("{text} ").into();
        });
        assert_eq!(failing(&verdict), ["tdx.compose"]);
        // what the report says of the hash itself counts for nothing
        let verdict = edited(&recording, |report| {
            report["info"]["compose_hash"] = "00".repeat(32).into();
            report["info"]["tcb_info"]["compose_hash"] = "00".repeat(32).into();
        });
        assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    }
}

/// What holds of the two whole reports, check by check.
#[test]
fn genuine_reports_hold_as_they_were_recorded() {
    for (recording, gpus) in [(nanogpt(), "evidence of 1"), (venice(), "evidence of 8")] {
        let Some(recording) = recording else { return };
        for policy in ["0g", "permissive"] {
            let verdict = recording.judge(policy);
            assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
            assert_eq!(failing(&verdict), [""; 0]);
            for (id, begins) in [
                (CheckId::TdxQuote, "genuine"),
                (CheckId::TdxTcb, "status UpToDate, evaluation 19"),
                (CheckId::TdxDebug, "no debugging"),
                (CheckId::TdxCompose, "the compose file in the report is the one of RTMR3 and MRCONFIGID"),
                (CheckId::BindAddress, "the quote names it, under dstack-v1"),
                (CheckId::BindNonce, "the quote was made for your nonce"),
                (CheckId::GpuPresent, gpus),
            ] {
                let check = verdict.check(id).unwrap();
                assert!(check.status == Status::Pass && check.reason.starts_with(begins), "{id}\n{verdict}");
            }
            assert!(
                reason(&verdict, CheckId::TdxEventlog).ends_with("events replay to RTMR0 to RTMR3"),
                "{verdict}"
            );
        }
    }
}

#[test]
fn the_window_of_the_collateral_is_told() {
    let Some(recording) = nanogpt() else { return };
    let text = reason(&recording.judge("0g"), CheckId::TdxQuote).to_owned();
    let until: u64 = text.rsplit('(').next().unwrap().trim_end_matches(')').parse().unwrap();
    let from: u64 = text.split('(').nth(1).unwrap().split(')').next().unwrap().parse().unwrap();
    assert!(from <= recording.at.0 && recording.at.0 <= until, "{text}");
    assert!(text.contains("from 2026-06-"), "{text}");
    let at = |at| Recording { at: UnixSeconds(at), ..nanogpt().unwrap() }.judge("0g");
    assert_eq!(at(until - 1).outcome(), Outcome::TrustedThen);
    assert_eq!(failing(&at(until + 1)), ["tdx.quote"]);
}

fn pinned(set: ReferenceSet) -> Policy {
    let mut policy = Policy::named("0g").unwrap();
    policy.measurements.push(set);
    policy
}

#[test]
fn a_genuine_machine_is_that_of_its_reference_values() {
    let (Some(one), Some(eight)) = (nanogpt(), venice()) else { return };
    let first = one.judge("0g");
    assert!(first.limits().iter().any(|limit| limit.contains("NOT checked")), "{first}");
    let set = first.measured().unwrap().telling("nanogpt");
    assert!(set.compose_hash.is_some() && set.rtmr3.is_none());

    let verdict = one.judge_under(&pinned(set.clone()));
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert_eq!(verdict.check(CheckId::TdxMeasurements).unwrap().status, Status::Pass);
    assert!(!verdict.limits().iter().any(|limit| limit.contains("NOT checked")), "{verdict}");

    let flip = |register: Option<crate::Register>| {
        let mut bytes = *register.unwrap().as_bytes();
        bytes[20] ^= 0x80;
        Some(Hex::new(bytes))
    };
    for (member, other) in [
        ("mrtd", ReferenceSet { mrtd: flip(set.mrtd), ..set.clone() }),
        ("rtmr0", ReferenceSet { rtmr0: flip(set.rtmr0), ..set.clone() }),
        ("rtmr1", ReferenceSet { rtmr1: flip(set.rtmr1), ..set.clone() }),
        ("rtmr2", ReferenceSet { rtmr2: flip(set.rtmr2), ..set.clone() }),
        ("compose_hash", ReferenceSet { compose_hash: Some(sha256(b"")), ..set.clone() }),
    ] {
        let verdict = one.judge_under(&pinned(other));
        assert_eq!(failing(&verdict), ["tdx.measurements"], "{member}");
        let reason = reason(&verdict, CheckId::TdxMeasurements);
        assert!(reason.contains(&format!("`nanogpt`: {member} is ")) && !reason.contains(';'), "{reason}");
    }

    // another provider's machine: the same firmware, and all else differs
    let verdict = eight.judge_under(&pinned(set));
    assert_eq!(failing(&verdict), ["tdx.measurements"]);
    let reason = reason(&verdict, CheckId::TdxMeasurements);
    for member in ["rtmr0", "rtmr1", "rtmr2", "compose_hash"] {
        assert!(reason.contains(&format!("{member} is ")), "{reason}");
    }
    assert!(!reason.contains("mrtd"), "{reason}");
}

#[test]
fn a_genuine_platform_and_signer_are_told_apart() {
    let (Some(one), Some(eight)) = (nanogpt(), venice()) else { return };
    let ppid = reason(&one.judge("0g"), CheckId::TdxPlatform).rsplit(' ').next().unwrap().parse().unwrap();
    let signer = *one.judge("0g").signing_address().unwrap();
    let mut policy = Policy::named("0g").unwrap();
    (policy.platforms, policy.signers) = (vec![ppid], vec![signer]);
    assert_eq!(one.judge_under(&policy).outcome(), Outcome::TrustedThen);
    assert_eq!(failing(&eight.judge_under(&policy)), ["tdx.platform", "bind.signer"]);
    let mut model = Policy::named("0g").unwrap();
    model.models.push(sha256(b"model"));
    assert_eq!(one.judge_under(&model).outcome(), Outcome::Undecided, "dstack-v1 carries no claims");
}

/// Instance 0: a genuine quote of another layout, with its evidence in members of other names.
#[test]
fn a_quote_under_a_foreign_layout_is_genuine_and_names_nobody() {
    let (Some(report), Some(collateral)) =
        (sample("phala-20260610/attestation_report.json"), sample("phala-20260610/collateral.json"))
    else {
        return;
    };
    let report: Value = serde_json::from_str(&report).unwrap();
    let instance = report["all_attestations"][0].to_string();
    let inputs = Inputs::archived(UnixSeconds(1_781_056_160)).collateral(&collateral);
    let verdict = verify_report(&instance, &Policy::named("0g").unwrap(), inputs);
    for id in [CheckId::TdxQuote, CheckId::TdxTcb, CheckId::TdxDebug] {
        assert_eq!(verdict.check(id).unwrap().status, Status::Pass, "{verdict}");
    }
    assert!(reason(&verdict, CheckId::TdxTcb).starts_with("status UpToDate"), "{verdict}");
    assert!(failing(&verdict).contains(&"bind.address"), "{verdict}");
    assert!(verdict.trusted_signer().is_none());
}
