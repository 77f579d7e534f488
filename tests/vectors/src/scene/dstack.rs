//! A VM of dstack: an event for the application's compose file, and its hash in MRCONFIGID.

use std::num::NonZeroU32;

use jurat_attest::QuoteProvider;
use jurat_proto::{Digest, ReportData, sha256};
use jurat_simulated::Blueprint;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha384};

/// The application's compose file.
const COMPOSE: &str = "{\"docker_compose_file\":\"services: {}\",\"name\":\"simulated\"}";
const MRCONFIGID: usize = 48 + 184;
const RTMR3: usize = 48 + 472;
const DSTACK: u32 = 0x0800_0001;

/// SHA-256 of the compose file.
pub fn compose_hash() -> Digest {
    sha256(COMPOSE.as_bytes())
}

/// An event of the guest, as dstack lists it.
pub fn event(name: &str, payload: &[u8]) -> Value {
    json!({
        "imr": 3,
        "event_type": DSTACK,
        "digest": hex::encode(digest(name, payload)),
        "event": name,
        "event_payload": hex::encode(payload),
    })
}

fn digest(name: &str, payload: &[u8]) -> [u8; 48] {
    Sha384::digest([&DSTACK.to_le_bytes()[..], b":", name.as_bytes(), b":", payload].concat()).into()
}

/// Puts a log in place of the one that is there, and into the register what it leads to. The quote must be signed anew.
pub fn log(quote: &mut [u8], events: Vec<Value>) -> String {
    let guest = events.iter().filter(|event| event["imr"] == 3);
    let register: [u8; 48] = guest.fold([0; 48], |register, event| {
        let digest = hex::decode(event["digest"].as_str().expect("a digest")).expect("hexadecimal");
        Sha384::new().chain_update(register).chain_update(digest).finalize().into()
    });
    quote[RTMR3..RTMR3 + 48].copy_from_slice(&register);
    let mut events = Value::Array(events);
    events.sort_all_objects();
    events.to_string()
}

/// Names the compose file as the host does.
pub fn config_id(quote: &mut [u8], form: u8, hash: &Digest) {
    quote[MRCONFIGID] = form;
    quote[MRCONFIGID + 1..MRCONFIGID + 33].copy_from_slice(hash.as_bytes());
    quote[MRCONFIGID + 33..MRCONFIGID + 48].fill(0);
}

/// The VM's log.
pub fn vm_log() -> String {
    let tee = super::minted(1, Blueprint::new(super::NOW, NonZeroU32::MIN));
    let quoted = tee.quote_provider().quote(&ReportData::new([0; 64])).expect("the stage quotes");
    let log = quoted.event_log.unwrap_or_default();
    let mut events: Vec<Value> = serde_json::from_str(&log).expect("minted as JSON");
    // after `app-id`, as on dstack
    events.insert(8, event("compose-hash", compose_hash().as_bytes()));
    Value::Array(events).to_string()
}

/// Measures the application.
pub(super) fn measure(quote: &mut [u8], event_log: &mut String, info: &mut Value) {
    *event_log = log(quote, serde_json::from_str(&vm_log()).expect("made as JSON"));
    config_id(quote, 1, &compose_hash());
    *info = json!({"tcb_info": json!({"app_compose": COMPOSE}).to_string()});
}
