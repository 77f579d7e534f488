//! The application of a VM of dstack: event, MRCONFIGID, and the text in the report.

use jurat_proto::sha256;
use jurat_verify::CheckId::{TdxCompose, TdxEventlog, TdxMeasurements};
use serde_json::{Value, json};

use super::{Case, Edit, quote, refuse, report, undecided};
use crate::{
    bases::Name,
    scene::dstack::{compose_hash, config_id, event, log},
};

/// In the log of the VM.
const COMPOSE_HASH: usize = 8;

/// An edit of the events, which the register and the log both have: the enclave quotes it.
fn events(edit: impl Fn(&mut Vec<Value>) + Clone + 'static) -> [Edit; 2] {
    let changed = {
        let edit = edit.clone();
        move |quote: &mut [u8]| {
            let text = crate::scene::dstack::vm_log();
            let mut events: Vec<Value> = serde_json::from_str(&text).expect("made as JSON");
            edit(&mut events);
            log(quote, events)
        }
    };
    let again = changed.clone();
    [
        quote(move |quote, machine| {
            changed(quote);
            machine.tee.resign_quote(quote).expect("a quote");
        }),
        report(move |report| drop(report.insert("event_log".into(), again(&mut [0; 632]).into()))),
    ]
}

fn host(form: u8, named: &'static str) -> Edit {
    quote(move |quote, machine| {
        let hash = if named.is_empty() { compose_hash() } else { sha256(named.as_bytes()) };
        config_id(quote, form, &hash);
        machine.tee.resign_quote(quote).expect("a quote");
    })
}

pub(super) fn cases() -> Vec<Case> {
    let of = |case: fn(jurat_verify::CheckId, &str, &str, Edit) -> Case,
              check,
              name: &str,
              about: &str,
              edits: [Edit; 2]| {
        let [first, second] = edits;
        case(check, &format!("compose-{name}"), about, first).and(second).on(Name::DstackVm)
    };
    let alone = |name: &str, about: &str, edit: Edit| {
        refuse(TdxCompose, &format!("compose-{name}"), about, edit).on(Name::DstackVm)
    };
    vec![
        alone(
            "text",
            "the report has another compose file than the one measured",
            report(|report| {
                report.insert("info".into(), json!({"tcb_info": {"app_compose": "{}"}}));
            }),
        ),
        alone("host", "the host names another compose file than the event", host(1, "another")),
        refuse(
            TdxMeasurements,
            "compose-host-form",
            "the host's word has a form that is not known",
            host(2, ""),
        )
        .beside(&[TdxCompose])
        .on(Name::DstackVm),
        undecided(
            TdxCompose,
            "compose-none",
            "the policy requires a compose file, and no application is measured",
            super::inputs(|inputs, _| {
                crate::scene::swap(
                    &mut inputs.policy,
                    "  \"tdx.quote\",\n",
                    "  \"tdx.quote\",\n  \"tdx.compose\",\n",
                );
            }),
        ),
        of(
            refuse,
            TdxCompose,
            "event",
            "the event names another compose file than the host",
            events(|events| {
                events[COMPOSE_HASH] = event("compose-hash", sha256(b"another").as_bytes());
            }),
        ),
        of(
            refuse,
            TdxCompose,
            "event-short",
            "the event has no SHA-256",
            events(|events| events[COMPOSE_HASH] = event("compose-hash", b"x")),
        ),
        of(
            refuse,
            TdxMeasurements,
            "event-none",
            "no event names a compose file, and the reference set pins one",
            events(|events| drop(events.remove(COMPOSE_HASH))),
        )
        .beside(&[TdxCompose]),
        of(
            refuse,
            TdxMeasurements,
            "event-stripped",
            "an event's payload is left out: nobody can say which event names the file",
            events(|events| {
                events[COMPOSE_HASH - 1]["event_payload"] = "".into();
            }),
        )
        .beside(&[TdxCompose]),
        of(
            refuse,
            TdxMeasurements,
            "event-unended",
            "no event ends the boot: the application may have named the file",
            events(|events| drop(events.pop())),
        )
        .beside(&[TdxCompose]),
        of(
            refuse,
            TdxEventlog,
            "event-twice",
            "the application names a compose file once more",
            events(|events| {
                events.push(event("compose-hash", sha256(b"another").as_bytes()));
            }),
        ),
        of(
            refuse,
            TdxEventlog,
            "event-late",
            "the application names a compose file after the boot",
            events(|events| {
                let event = events.remove(COMPOSE_HASH);
                events.push(event);
            }),
        ),
        refuse(
            TdxMeasurements,
            "compose-reference",
            "the reference set pins another compose file",
            super::inputs(|inputs, _| {
                crate::scene::swap(&mut inputs.policy, &compose_hash().to_string(), &"0a".repeat(32));
            }),
        )
        .on(Name::DstackVm),
    ]
}
