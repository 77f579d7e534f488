use std::sync::LazyLock;

use dcap_qvl::quote::{Quote, Report};
use serde_json::json;

use super::*;
use crate::{Status, tdx::eventlog};

const COMPOSE: &str = r#"{"docker_compose_file":"services: {}"}"#;

/// A quote of the simulated TEE whose registers are those of a log of dstack's, and the log.
fn quoted(events: &[(&str, &[u8])], mr_config_id: [u8; 48]) -> (TdQuote, Box<RawValue>) {
    let events: Vec<_> = events
        .iter()
        .map(|(event, payload)| {
            json!({"imr": 3, "event_type": 0x0800_0001, "digest": "", "event": event, "event_payload": hex::encode(payload)})
        })
        .collect();
    let log = RawValue::from_string(serde_json::Value::from(events).to_string()).unwrap();
    let mut td = *Quote::parse(&SIMULATED).unwrap().report.as_td10().unwrap();
    td.mr_config_id = mr_config_id;
    (td.rt_mr0, td.rt_mr1, td.rt_mr2) = ([0; 48], [0; 48], [0; 48]);
    td.rt_mr3 = eventlog::tests::registers(log.get()).unwrap()[3];
    (TdQuote { td, report: Report::TD10(td), claims: None }, log)
}

static SIMULATED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    use jurat_attest::QuoteProvider as _;
    let gpus = std::num::NonZeroU32::MIN;
    let tee = jurat_simulated::SimulatedTee::mint(jurat_proto::UnixSeconds(1_790_000_000), gpus).unwrap();
    tee.quote_provider().quote(&jurat_proto::ReportData::new([0; 64])).unwrap().bytes
});

fn config_id(form: u8, hash: &Digest) -> [u8; 48] {
    let mut id = [0; 48];
    id[0] = form;
    id[1..33].copy_from_slice(hash.as_bytes());
    id
}

fn found(events: &[(&str, &[u8])], mr_config_id: [u8; 48], text: Option<&str>) -> (Finding, Option<Digest>) {
    let (quote, log) = quoted(events, mr_config_id);
    let (finding, log) = eventlog::judge(Some(&log), &quote);
    assert_eq!(finding.status, Status::Pass, "{finding:?}");
    let info = text.map(|text| json!({"tcb_info": json!({"app_compose": text}).to_string()}).to_string());
    let info = info.map(|info| RawValue::from_string(info).unwrap());
    judge(log.as_ref(), info.as_deref(), &quote)
}

#[test]
fn text_event_and_launch_identity_are_one() {
    let hash = sha256(COMPOSE.as_bytes());
    let events: &[(&str, &[u8])] =
        &[("app-id", b"x"), ("compose-hash", hash.as_bytes()), ("system-ready", b"")];
    let (finding, established) = found(events, config_id(1, &hash), Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Pass, Some(hash)), "{finding:?}");
    let (finding, established) = found(events, config_id(1, &hash), None);
    assert_eq!((finding.status, established), (Status::Pass, Some(hash)), "{finding:?}");
    let (finding, established) = found(events, [0; 48], Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Pass, Some(hash)), "an older dstack\n{finding:?}");
    let (finding, established) = found(events, [0; 48], None);
    assert_eq!((finding.status, established), (Status::Skip, Some(hash)), "nothing to compare with");

    let refused = |(finding, established): (Finding, Option<Digest>)| {
        assert_eq!((finding.status, established), (Status::Fail, None), "{finding:?}");
        finding.reason
    };
    let other = format!("{COMPOSE} ");
    assert!(refused(found(events, config_id(1, &hash), Some(&other))).contains("app_compose"));
    assert!(refused(found(events, config_id(1, &sha256(b"x")), Some(COMPOSE))).contains("MRCONFIGID"));
    let mut trailing = config_id(1, &hash);
    trailing[47] = 1;
    assert!(refused(found(events, trailing, Some(COMPOSE))).contains("MRCONFIGID"));
    let short: &[(&str, &[u8])] = &[("compose-hash", b"short"), ("system-ready", b"")];
    assert!(refused(found(short, config_id(1, &hash), Some(COMPOSE))).contains("no SHA-256"));
}

#[test]
fn what_cannot_be_said_is_skipped() {
    let hash = sha256(COMPOSE.as_bytes());
    let unended: &[(&str, &[u8])] = &[("compose-hash", hash.as_bytes())];
    let (finding, established) = found(unended, config_id(1, &hash), Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Skip, None), "who wrote it?\n{finding:?}");
    let events: &[(&str, &[u8])] = &[("compose-hash", hash.as_bytes()), ("system-ready", b"")];
    let (finding, established) = found(events, config_id(2, &hash), Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Skip, None), "another form\n{finding:?}");
    let (finding, established) = found(events, config_id(0, &hash), Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Skip, None), "no form, and not empty\n{finding:?}");
    assert_eq!(finding.reason, "MRCONFIGID has the form 0x00, which is not known here");
    let (finding, established) = found(&[("app-id", b"x")], config_id(1, &hash), Some(COMPOSE));
    assert_eq!((finding.status, established), (Status::Skip, None), "no event\n{finding:?}");
    let (finding, established) = judge(None, None, &quoted(events, [0; 48]).0);
    assert_eq!((finding.status, established), (Status::Skip, None), "no log\n{finding:?}");
}

/// The application writes a compose-hash of its own once the system is up, and whoever serves the report hides what
/// was before it behind bare digests.
#[test]
fn a_hidden_event_lets_no_other_take_its_place() {
    let (genuine, forged) = (sha256(COMPOSE.as_bytes()), sha256(b"harmless"));
    let events: &[(&str, &[u8])] =
        &[("compose-hash", genuine.as_bytes()), ("system-ready", b""), ("compose-hash", forged.as_bytes())];
    let (quote, log) = quoted(events, [0; 48]);
    let (finding, _) = eventlog::judge(Some(&log), &quote);
    assert_eq!(finding.status, Status::Fail, "{finding:?}");

    let mut listed: serde_json::Value = serde_json::from_str(log.get()).unwrap();
    for at in [0, 1] {
        let (name, payload) = events[at];
        let digest = eventlog::tests::digest(name, payload);
        listed[at] = json!({"imr": 3, "event_type": 0x0800_0001, "digest": digest, "event": "other", "event_payload": ""});
    }
    let log = RawValue::from_string(listed.to_string()).unwrap();
    let (finding, log) = eventlog::judge(Some(&log), &quote);
    assert_eq!(finding.status, Status::Pass, "the digests are true\n{finding:?}");
    let info = json!({"tcb_info": {"app_compose": "harmless"}}).to_string();
    let (finding, established) = judge(log.as_ref(), Some(&RawValue::from_string(info).unwrap()), &quote);
    assert_eq!((finding.status, established), (Status::Skip, None), "{finding:?}");
}

#[test]
fn info_of_other_shapes_has_no_text() {
    let of = |info: &str| text(Some(&RawValue::from_string(info.to_owned()).unwrap()));
    assert_eq!(of(r#"{"tcb_info":{"app_compose":"x"}}"#).as_deref(), Some("x"));
    assert_eq!(of(r#""{\"tcb_info\":\"{\\\"app_compose\\\":\\\"x\\\"}\"}""#).as_deref(), Some("x"));
    for info in [
        "{}",
        "[]",
        "null",
        "\"\"",
        "[[\"x\"]]",
        r#"{"tcb_info":["x"]}"#,
        r#""[[\"x\"]]""#,
        r#"{"tcb_info":"[\"x\"]"}"#,
        r#"{"tcb_info":{"app_compose":1}}"#,
    ] {
        assert_eq!(of(info), None, "{info}");
    }
    assert_eq!(of(r#"{"tcb_info":{"app_compose":"x","app_compose":"y"}}"#), None, "two texts");
}
