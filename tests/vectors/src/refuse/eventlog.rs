//! The event log: its events and their members.

use jurat_verify::CheckId::TdxEventlog;
use serde_json::{Value, json};

use super::{Case, Edit, refuse, report, undecided};

fn log(edit: impl Fn(&mut Vec<Value>) + 'static) -> Edit {
    report(move |report| {
        let text = report["event_log"].as_str().expect("a text");
        let mut events: Vec<Value> = serde_json::from_str(text).expect("minted as JSON");
        edit(&mut events);
        let mut events = Value::Array(events);
        events.sort_all_objects();
        report.insert("event_log".into(), events.to_string().into());
    })
}

/// In the log of the stage: the first event of the guest with a payload.
const APP_ID: usize = 7;

fn refused(name: &str, about: &str, edit: Edit) -> Case {
    refuse(TdxEventlog, &format!("eventlog-{name}"), about, edit)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        refused("removed", "the last event of the guest is left out", log(|events| drop(events.pop()))),
        refused(
            "removed-boot",
            "the first event of the firmware is left out",
            log(|events| drop(events.remove(0))),
        ),
        refused("added", "an event stands twice", log(|events| events.push(events[APP_ID].clone()))),
        refused(
            "reordered",
            "two events of the guest are in each other's place",
            log(|events| events.swap(APP_ID, APP_ID + 1)),
        ),
        refused(
            "reordered-boot",
            "two events of the firmware are in each other's place",
            log(|events| events.swap(0, 1)),
        ),
        refused(
            "payload",
            "an event's payload is another",
            log(|events| events[APP_ID]["event_payload"] = "00".repeat(20).into()),
        ),
        refused(
            "payload-and-digest",
            "an event's payload is another, and its digest fits",
            log(|events| {
                events[APP_ID]["event_payload"] = "00".repeat(20).into();
                events[APP_ID]["digest"] = "".into();
            }),
        ),
        refused(
            "payload-text",
            "an event's payload is no hexadecimal",
            log(|events| events[APP_ID]["event_payload"] = "zz".into()),
        ),
        refused(
            "digest",
            "an event's digest is not that of its payload",
            log(|events| events[APP_ID]["digest"] = "00".repeat(48).into()),
        ),
        refused(
            "digest-boot",
            "an event of the firmware has another digest",
            log(|events| events[0]["digest"] = "00".repeat(48).into()),
        ),
        refused(
            "digest-absent",
            "an event of the firmware has no digest",
            log(|events| events[0]["digest"] = "".into()),
        ),
        refused(
            "digest-short",
            "an event's digest is a SHA-256",
            log(|events| events[0]["digest"] = "00".repeat(32).into()),
        ),
        refused("name", "an event has another name", log(|events| events[APP_ID]["event"] = "app-ib".into())),
        refused("type", "an event has another type", log(|events| events[APP_ID]["event_type"] = 1.into())),
        refused(
            "register",
            "an event of the second register is said to be the first's",
            log(|events| events[3]["imr"] = 0.into()),
        ),
        refused(
            "register-unknown",
            "an event extends a register that a TD does not have",
            log(|events| events[3]["imr"] = 4.into()),
        ),
        refused(
            "shape",
            "the event log is an object",
            report(|report| drop(report.insert("event_log".into(), json!({})))),
        ),
        refused(
            "text",
            "the event log is no JSON",
            report(|report| drop(report.insert("event_log".into(), "[".into()))),
        ),
        undecided(
            TdxEventlog,
            "eventlog-none",
            "the report has no event log",
            report(|report| drop(report.remove("event_log"))),
        ),
        undecided(
            TdxEventlog,
            "eventlog-empty",
            "the event log has no events",
            report(|report| drop(report.insert("event_log".into(), "[]".into()))),
        ),
    ]
}
