//! An event log and the compose file beside it: a log that holds replays the same another way, and a compose file that
//! passes is one of which the log has the hash.
#![no_main]

use jurat_verify::{
    Status,
    fuzzing::{event_log, registers},
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|report: &str| {
    let value: Option<Value> = serde_json::from_str(report).ok();
    let replayed = value.as_ref().and_then(|value| registers(value.get("event_log")?));
    let held = replayed.unwrap_or([[0; 48]; 4]);
    let unnamed = event_log(report, held, [0; 48]);
    let Some(hash) = unnamed.and_then(|found| {
        if found.log == Status::Pass {
            assert!(replayed.is_some(), "the judge takes a log that cannot be replayed");
        } else {
            assert_ne!(found.compose, Status::Pass);
        }
        found.compose_hash
    }) else {
        return;
    };
    assert!(report.to_lowercase().contains(&hash.to_string()), "the log names the hash");
    let mut config_id = [0; 48];
    config_id[0] = 1;
    config_id[1..33].copy_from_slice(hash.as_bytes());
    let named = event_log(report, held, config_id).expect("it was read before");
    assert_eq!((named.log, named.compose), (Status::Pass, Status::Pass));
    config_id[32] ^= 1;
    let other = event_log(report, held, config_id).expect("it was read before");
    assert_eq!((other.log, other.compose, other.compose_hash), (Status::Pass, Status::Fail, None));
    // another log's registers
    let mut other = held;
    other[3] = [7; 48];
    assert_eq!(event_log(report, other, [0; 48]).expect("it was read before").log, Status::Fail);
});
