use dcap_qvl::quote::Report;

use super::*;
use crate::{Status, tdx::debug::tests::td};

const EVENT: &str =
    r#"{"imr":3,"event_type":134217729,"digest":"","event":"app-id","event_payload":"c0ffee"}"#;

/// The registers that a log leaves.
pub(in crate::tdx) fn registers(log: &str) -> Result<[Register; 4], LogError> {
    let log = RawValue::from_string(log.to_owned()).unwrap();
    read(&log).and_then(|events| replay(&events))
}

#[test]
fn the_fourth_registers_digests_follow_from_the_payloads() {
    let digest = Sha384::digest([&[1, 0, 0, 8][..], b":app-id:", &[0xc0, 0xff, 0xee]].concat());
    let register: Register = Sha384::new().chain_update([0; 48]).chain_update(digest).finalize().into();
    assert_eq!(registers(&format!("[{EVENT}]")).unwrap()[3], register);
    let listed = EVENT.replace(r#""digest":"""#, &format!(r#""digest":"{}""#, hex::encode(digest)));
    assert_eq!(registers(&format!("[{listed}]")).unwrap()[3], register);
    let text = serde_json::to_string(&format!("[{listed}]")).unwrap();
    assert_eq!(registers(&text).unwrap()[3], register, "a string that holds the array");
    // the digest replays, and the payload beside it is somebody's word
    let forged = listed.replace("c0ffee", "c0ffef");
    assert_eq!(registers(&format!("[{forged}]")), Err(LogError::Payload(0)));
    let stripped = listed.replace("c0ffee", "");
    assert_eq!(registers(&format!("[{stripped}]")).unwrap()[3], register);
}

#[test]
fn logs_of_other_shapes_are_refused() {
    assert!(matches!(registers("{}"), Err(LogError::Json(_))));
    assert!(matches!(registers("\"[\""), Err(LogError::Json(_))));
    // serde would take an event's members by their order
    let listed = r#"[[3,134217729,"","app-id","c0ffee"]]"#;
    for log in [listed.to_owned(), serde_json::to_string(listed).unwrap()] {
        assert!(matches!(registers(&log), Err(LogError::Json(_))), "{log}");
    }
    assert_eq!(registers(&format!("[{}]", EVENT.replace(":3", ":4"))), Err(LogError::Register(0, 4)));
    assert_eq!(registers(&format!("[{}]", EVENT.replace(":3", ":0"))), Err(LogError::Hex(0)), "no digest");
    assert_eq!(registers(&format!("[{}]", EVENT.replace("c0ffee", "c0ffe"))), Err(LogError::Hex(0)));
}

#[test]
fn logs_are_bounded() {
    let padded = |length: usize| format!("[{EVENT}{}]", " ".repeat(length - EVENT.len() - 2));
    assert!(registers(&padded(4 << 20)).is_ok());
    assert_eq!(registers(&padded((4 << 20) + 1)), Err(LogError::TooLong));
}

#[test]
fn an_event_without_its_payload_is_stripped() {
    let stripped = |event: &str| {
        let events = read(&RawValue::from_string(format!("[{event}]")).unwrap()).unwrap();
        Log(events).has_stripped_events()
    };
    let event = |imr: u8, digest: &str, payload: &str| {
        let (imr, digest) = (format!("\"imr\":{imr}"), format!("\"digest\":\"{digest}\""));
        EVENT.replace("\"imr\":3", &imr).replace("\"digest\":\"\"", &digest).replace("c0ffee", payload)
    };
    let whole = digest("app-id", &[0xc0, 0xff, 0xee]);
    assert!(!stripped(&event(3, &whole, "c0ffee")));
    assert!(stripped(&event(3, &whole, "")));
    assert!(!stripped(&event(0, &whole, "")), "another register");
    assert!(!stripped(&event(3, "", "")), "of no payload at all");
    assert!(!stripped(&event(3, &digest("app-id", b""), "")), "of no payload at all");
}

/// What dstack extends for an event.
pub(in crate::tdx) fn digest(event: &str, payload: &[u8]) -> String {
    let text = [&0x0800_0001_u32.to_le_bytes()[..], b":", event.as_bytes(), b":", payload].concat();
    hex::encode(Sha384::digest(text))
}

#[test]
fn the_boot_is_told_once_and_in_time() {
    let event = |name: &str| EVENT.replace("app-id", name);
    let order = |names: &[&str]| {
        let list: Vec<_> = names.iter().map(|name| event(name)).collect();
        in_order(&read(&RawValue::from_string(format!("[{}]", list.join(","))).unwrap()).unwrap())
    };
    assert_eq!(order(&["app-id", "compose-hash", "system-ready", "anything", "anything"]), Ok(()));
    assert_eq!(order(&["compose-hash", "compose-hash"]), Err(LogError::Twice(1, "compose-hash")));
    assert_eq!(order(&["app-id", "system-ready", "app-id"]), Err(LogError::Twice(2, "app-id")));
    assert_eq!(order(&["system-ready", "compose-hash"]), Err(LogError::Late(1, "compose-hash")));
    assert_eq!(order(&["system-ready", "system-ready"]), Err(LogError::Twice(1, "system-ready")));
    // names in the firmware's registers are nobody's word
    let firmware = EVENT.replace("\"imr\":3", "\"imr\":1");
    let log = RawValue::from_string(format!("[{EVENT},{firmware},{firmware}]")).unwrap();
    assert_eq!(in_order(&read(&log).unwrap()), Ok(()));
}

#[test]
fn no_log_is_a_skip() {
    // of registers that nothing was extended into, as an empty log would leave them
    let td = td(0);
    let quote = TdQuote { td, report: Report::TD10(td), claims: None };
    let empty = ["\"\"", "[]", "\"[]\""].map(|text| RawValue::from_string(text.to_owned()).unwrap());
    for log in [None].into_iter().chain(empty.iter().map(|log| Some(&**log))) {
        let (finding, log) = judge(log, &quote);
        assert!(finding.status == Status::Skip && log.is_none());
    }
}
