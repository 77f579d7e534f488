use jurat_attest::QuoteProvider;
use jurat_proto::ReportData;
use serde::Deserialize;
use sha2::{Digest, Sha384};

use super::blueprint;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    imr: usize,
    event_type: u32,
    digest: String,
    event: String,
    event_payload: String,
}

#[test]
fn every_register_follows_from_the_log() {
    let quote = blueprint().mint().unwrap().quote_provider().quote(&ReportData::new([0; 64])).unwrap();
    let events: Vec<Event> = serde_json::from_str(&quote.event_log.unwrap()).unwrap();

    let mut registers = [[0u8; 48]; 4];
    for event in &events {
        let digest = hex::decode(&event.digest).unwrap();
        assert_eq!(digest.len(), 48);
        if event.imr == 3 {
            let payload = hex::decode(&event.event_payload).unwrap();
            let bytes =
                [&event.event_type.to_le_bytes()[..], b":", event.event.as_bytes(), b":", &payload].concat();
            assert_eq!(digest, Sha384::digest(bytes)[..]);
            assert_eq!(event.event_type, 134_217_729);
        }
        let register = &mut registers[event.imr];
        *register = Sha384::digest([&register[..], &digest].concat()).into();
    }

    // RTMR0 begins at 328 of the body, which begins at 48
    for (at, register) in registers.iter().enumerate() {
        let offset = 48 + 328 + 48 * at;
        assert_eq!(quote.bytes[offset..offset + 48], register[..], "RTMR{at}");
        assert_ne!(register, &[0; 48], "RTMR{at} was never extended");
    }
}
