//! What must be trusted: the bases themselves, and what may differ from them.

use jurat_attest::GpuArchitecture;
use jurat_simulated::{QuoteForm, Tcb};
use serde_json::Value;

use crate::{
    bases::{
        Name,
        policy::{MEMBERS, quote},
    },
    format::Verdict,
    refuse::{Case, inputs, machine, report},
    scene::{Edit, swap},
};

fn accept(name: &str, about: &str, edit: Edit) -> Case {
    Case::new(Verdict::Trusted, None, name, about, edit)
}

fn accept_then(name: &str, about: &str, edit: Edit) -> Case {
    Case::new(Verdict::TrustedThen, None, name, about, edit)
}

/// Every acceptance.
pub fn all() -> Vec<Case> {
    let unchanged = || inputs(|_, _| ());
    let mut all: Vec<Case> = Name::ALL
        .iter()
        .map(|base| {
            accept(base.as_str(), &format!("the base {} itself", base.as_str()), unchanged()).on(*base)
        })
        .collect();
    all.extend([
        accept(
            "hardening",
            "a platform with an open advisory, under a policy that allows it",
            machine(|m| m.tcb = Tcb::SwHardeningNeeded),
        )
        .and(inputs(|inputs, _| {
            swap(&mut inputs.policy, "[\"UpToDate\"]", "[\"UpToDate\", \"SWHardeningNeeded\"]")
        })),
        accept(
            "reference-whole",
            "a reference set that pins everything",
            inputs(|inputs, _| {
                for (name, at, length) in &MEMBERS[5..] {
                    let value = hex::encode(&quote()[48 + at..][..*length]);
                    inputs.policy += &format!("{name} = \"{value}\"\n");
                }
            }),
        ),
        accept(
            "reference-second",
            "two reference sets, of which the second matches",
            inputs(|inputs, _| {
                let at = inputs.policy.find("\n[[measurements]]").expect("it has a set");
                let first = inputs.policy[at..].replace("the simulated TD", "another").replacen(
                    "rtmr0 = \"",
                    "rtmr0 = \"0x",
                    1,
                );
                let value = first.find("rtmr0 = \"0x").expect("a register") + 11;
                let first = format!("{}{}{}", &first[..value], "00".repeat(48), &first[value + 96..]);
                inputs.policy.insert_str(at, &first);
            }),
        ),
        accept("quote-v5", "a quote of version 5 with a TD 1.0 report", machine(|m| m.quote = QuoteForm::V5)),
        accept(
            "quote-v5-td15",
            "a quote of version 5 with a TD 1.5 report",
            machine(|m| m.quote = QuoteForm::V5Td15),
        ),
        accept(
            "blackwell",
            "a GPU of NVIDIA's next generation",
            machine(|m| m.gpu_architecture = GpuArchitecture::Blackwell),
        )
        .and(inputs(|inputs, _| swap(&mut inputs.policy, "HOPPER", "BLACKWELL"))),
        accept(
            "quote-twice",
            "the quote under both its names, as it is served",
            report(|report| {
                let quote = report["intel_quote"].clone();
                report.insert("quote".into(), quote);
            }),
        ),
        accept(
            "quote-other-name",
            "the quote under its other name, with 0x",
            report(|report| {
                let quote = report.remove("intel_quote").unwrap_or_default();
                report.insert("quote".into(), format!("0x{}", quote.as_str().unwrap_or_default()).into());
            }),
        ),
        accept(
            "event-log-array",
            "the event log as an array",
            report(|report| {
                let log = report["event_log"].as_str().expect("a text");
                let log: Value = serde_json::from_str(log).expect("minted as JSON");
                report.insert("event_log".into(), log);
            }),
        ),
        accept(
            "collateral-inside",
            "the collateral is in the report, which the policy simulated allows",
            inputs(|inputs, _| {
                let collateral = inputs.collateral.take().unwrap_or_default();
                inputs.report.insert("collateral".into(), collateral.into());
            }),
        ),
        accept(
            "unknown-members",
            "a report with members that a later version may add",
            report(|report| {
                report.insert("something".into(), "new".into());
            }),
        ),
        accept(
            "no-binding-named",
            "a report that does not name its binding",
            report(|report| drop(report.remove("binding"))),
        ),
        accept(
            "request-nonce-other",
            "the report names another nonce: the caller's own counts",
            report(|report| {
                report.insert("request_nonce".into(), "a5".repeat(32).into());
            }),
        ),
        accept(
            "several-bindings",
            "the policy prefers another binding and takes this one too",
            inputs(|inputs, _| {
                swap(&mut inputs.policy, "[\"jurat-v1\"]", "[\"dstack-v1\", \"jurat-v1\"]");
            }),
        ),
        accept(
            "no-spki-seen",
            "nobody looked at the connection's key, and the policy does not ask",
            inputs(|inputs, _| {
                inputs.peer_spki = None;
                swap(&mut inputs.policy, "  \"bind.tls\",\n", "");
            }),
        ),
        accept("later", "half an hour later", inputs(|inputs, _| inputs.now += 1800)),
        accept_then(
            "kept",
            "a report that was kept, with the nonce of that time",
            inputs(|inputs, _| inputs.standing = "archived".into()),
        ),
        accept_then(
            "kept-no-nonce",
            "a report that was kept, whose nonce nobody drew",
            inputs(|inputs, _| {
                inputs.standing = "archived".into();
                inputs.nonce = None;
            }),
        ),
        accept_then(
            "archived",
            "a report that calls itself archived",
            report(|report| {
                report.insert("archived".into(), true.into());
            }),
        ),
    ]);
    all
}
