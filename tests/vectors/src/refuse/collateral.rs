//! Intel's statements on the platform: edited, expired, of another issuer, about another platform.

use jurat_proto::UnixSeconds;
use jurat_simulated::{Roots, Tcb};
use jurat_verify::CheckId::{GpuRevocation, TdxQuote, TdxTcb};
use serde_json::Value;

use super::{Case, Edit, collateral, inputs, machine, refuse, undecided};
use crate::{
    bases::Name,
    scene::{DAY, Machine, NOW, Setting, swap},
};

/// An edit of a statement's text, signed anew by Intel's look-alike.
fn stated(statement: &'static str, edit: impl Fn(&mut String) + 'static) -> Edit {
    collateral(move |collateral, machine| {
        let mut text = collateral[statement].as_str().expect("a text").to_owned();
        edit(&mut text);
        let signature = machine.tee.sign_statement(&text).expect("the stage signs");
        collateral[format!("{statement}_signature")] = hex::encode(signature).into();
        collateral[statement] = text.into();
    })
}

/// Some members of the collateral of another machine.
fn from(other: impl Fn() -> Machine + 'static, members: &'static [&'static str]) -> Edit {
    collateral(move |collateral, _| {
        let others: Value = serde_json::from_str(other().tee.collateral()).expect("minted as JSON");
        members.iter().for_each(|member| collateral[*member] = others[*member].clone());
    })
}

fn impostor() -> Machine {
    Setting { seed: 3, ..Name::OneGpu.setting() }.machine(|m| m.roots = Roots::Fresh)
}

fn expired() -> Machine {
    Name::OneGpu.setting().machine(|m| m.next_update = UnixSeconds(NOW.0 - 1))
}

fn date(text: &mut String, member: &str, date: &str) {
    let at = text.find(&format!("\"{member}\":\"")).expect("the member is there") + member.len() + 4;
    text.replace_range(at..at + 20, date);
}

fn flip(collateral: &mut Value, member: &str) {
    let text = collateral[member].as_str().expect("a text");
    let at = text.len() / 2;
    let (head, tail) = text.split_at(at);
    let digit = if tail.starts_with('0') { "1" } else { "0" };
    collateral[member] = format!("{head}{digit}{}", &tail[1..]).into();
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![
        undecided(
            TdxQuote,
            "collateral-none",
            "no collateral is given",
            inputs(|inputs, _| inputs.collateral = None),
        ),
        refuse(
            TdxQuote,
            "collateral-text",
            "the collateral is no JSON",
            inputs(|inputs, _| inputs.collateral = Some("{".into())),
        ),
        refuse(
            TdxQuote,
            "collateral-early",
            "it is judged before the collateral was issued",
            inputs(|inputs, _| inputs.now = NOW.0 - 2 * DAY),
        )
        .beside(&[jurat_verify::CheckId::GpuChain]),
        refuse(
            TdxQuote,
            "collateral-late",
            "it is judged after the collateral ended",
            inputs(|inputs, _| inputs.now = NOW.0 + 31 * DAY),
        )
        // what NVIDIA's responder said has ended with it
        .beside(&[GpuRevocation]),
        refuse(
            TdxQuote,
            "tcb-info-edited",
            "the TCB info calls every level UpToDate, and is not signed anew",
            collateral(|collateral, _| {
                let text = collateral["tcb_info"].as_str().expect("a text").replace("OutOfDate", "UpToDate");
                collateral["tcb_info"] = text.into();
            }),
        ),
        refuse(
            TdxQuote,
            "tcb-info-expired",
            "the TCB info alone has expired",
            stated("tcb_info", |text| date(text, "nextUpdate", "2026-09-20T00:00:00Z")),
        ),
        refuse(
            TdxQuote,
            "tcb-info-fmspc",
            "the TCB info is about another family of platforms",
            stated("tcb_info", |text| swap(text, "EEEEEEEEEEEE", "EEEEEEEEEEE0")),
        ),
        refuse(
            TdxQuote,
            "tcb-info-pceid",
            "the TCB info is about another PCE",
            stated("tcb_info", |text| swap(text, "\"pceId\":\"0000\"", "\"pceId\":\"0001\"")),
        ),
        refuse(
            TdxQuote,
            "tcb-info-id",
            "the TCB info is of SGX, not TDX",
            stated("tcb_info", |text| swap(text, "\"id\":\"TDX\"", "\"id\":\"SGX\"")),
        ),
        refuse(
            TdxQuote,
            "tcb-info-version",
            "the TCB info has version 2",
            stated("tcb_info", |text| swap(text, "\"version\":3", "\"version\":2")),
        ),
        refuse(
            TdxTcb,
            "tcb-info-evaluation",
            "the TCB info is of an older evaluation than the policy wants",
            stated("tcb_info", |text| {
                swap(text, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":0");
            }),
        ),
        refuse(
            TdxTcb,
            "qe-identity-evaluation",
            "the QE identity is of an older evaluation than the policy wants",
            stated("qe_identity", |text| {
                swap(text, "\"tcbEvaluationDataNumber\":1", "\"tcbEvaluationDataNumber\":0");
            }),
        ),
        refuse(
            TdxQuote,
            "tcb-info-signer",
            "the TCB info is an impostor's, chain and all",
            from(impostor, &["tcb_info", "tcb_info_signature", "tcb_info_issuer_chain"]),
        ),
        refuse(
            TdxQuote,
            "qe-identity-edited",
            "the QE identity names another signer, and is not signed anew",
            collateral(|collateral, _| {
                let text = collateral["qe_identity"].as_str().expect("a text").replace("E5E5", "E4E5");
                collateral["qe_identity"] = text.into();
            }),
        ),
        refuse(
            TdxQuote,
            "qe-identity-expired",
            "the QE identity alone has expired",
            stated("qe_identity", |text| date(text, "nextUpdate", "2026-09-20T00:00:00Z")),
        ),
        refuse(
            TdxQuote,
            "qe-identity-id",
            "the identity is of SGX's quoting enclave",
            stated("qe_identity", |text| swap(text, "\"TD_QE\"", "\"QE\"")),
        ),
        refuse(
            TdxQuote,
            "qe-identity-mrsigner",
            "the QE identity is of an enclave of another signer",
            stated("qe_identity", |text| {
                swap(text, &"E5".repeat(32), &"E4".repeat(32));
            }),
        ),
        refuse(
            TdxQuote,
            "qe-identity-signer",
            "the QE identity is an impostor's, chain and all",
            from(impostor, &["qe_identity", "qe_identity_signature", "qe_identity_issuer_chain"]),
        ),
        refuse(
            TdxQuote,
            "root-crl-expired",
            "the root's revocation list alone has expired",
            from(expired, &["root_ca_crl"]),
        ),
        refuse(
            TdxQuote,
            "pck-crl-expired",
            "the platform CA's revocation list alone has expired",
            from(expired, &["pck_crl"]),
        ),
        refuse(
            TdxQuote,
            "root-crl-other",
            "the root's revocation list is an impostor's",
            from(impostor, &["root_ca_crl"]),
        ),
        refuse(
            TdxQuote,
            "pck-crl-other",
            "the platform CA's revocation list is an impostor's, chain and all",
            from(impostor, &["pck_crl", "pck_crl_issuer_chain"]),
        ),
        refuse(
            TdxQuote,
            "crls-swapped",
            "each revocation list is in the other's place",
            collateral(|collateral, _| {
                let root = collateral["root_ca_crl"].take();
                collateral["root_ca_crl"] = collateral["pck_crl"].take();
                collateral["pck_crl"] = root;
            }),
        ),
        refuse(
            TdxQuote,
            "tcb-info-chain-swapped",
            "the TCB info's certificates are the platform CA's",
            collateral(|collateral, _| {
                collateral["tcb_info_issuer_chain"] = collateral["pck_crl_issuer_chain"].clone();
            }),
        ),
        refuse(
            TdxQuote,
            "qe-identity-chain-swapped",
            "the QE identity's certificates are the platform CA's",
            collateral(|collateral, _| {
                collateral["qe_identity_issuer_chain"] = collateral["pck_crl_issuer_chain"].clone();
            }),
        ),
        refuse(
            TdxTcb,
            "advisory-rejected",
            "an advisory is open that the policy rejects",
            inputs(|inputs, _| {
                let rejected = "rejected_advisories = [\"SIMULATED-SA-00001\"]\nplatforms";
                swap(&mut inputs.policy, "platforms", rejected);
                swap(&mut inputs.policy, "[\"UpToDate\"]", "[\"UpToDate\", \"SWHardeningNeeded\"]");
            }),
        )
        .and(machine(|m| m.tcb = Tcb::SwHardeningNeeded)),
    ];
    let members = ["tcb_info_signature", "qe_identity_signature", "root_ca_crl", "pck_crl"];
    cases.extend(members.map(|member| {
        let name = member.replace('_', "-");
        let about = format!("one digit of {member} is another");
        refuse(
            TdxQuote,
            &format!("{name}-flipped"),
            &about,
            collateral(move |collateral, _| flip(collateral, member)),
        )
    }));
    let members = ["tcb_info", "qe_identity", "root_ca_crl", "pck_crl", "tcb_info_issuer_chain"];
    cases.extend(members.map(|member| {
        let name = format!("collateral-without-{}", member.replace('_', "-"));
        refuse(
            TdxQuote,
            &name,
            &format!("{member} is absent"),
            collateral(move |collateral, _| {
                collateral.as_object_mut().expect("an object").remove(member);
            }),
        )
    }));
    cases
}
