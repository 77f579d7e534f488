//! What the simulated TD says it measured, in dstack's form, and the registers that follow from it.

use jurat_proto::sha256;
use serde::Serialize;
use sha2::{Digest, Sha384};

use crate::MintError;

/// A SHA-384 register.
pub(crate) type Register = [u8; 48];

/// A log and RTMR0 to RTMR3 as it leaves them.
pub(crate) struct EventLog {
    /// JSON array of `{imr,event_type,digest,event,event_payload}`.
    pub(crate) json: String,
    pub(crate) registers: [Register; 4],
}

/// One event. Of the first three registers dstack gives the digest alone.
#[derive(Serialize)]
struct Event {
    imr: usize,
    event_type: u32,
    digest: String,
    event: &'static str,
    event_payload: String,
}

/// dstack's own events, all in the fourth register.
const DSTACK: u32 = 0x0800_0001;

/// Events of the firmware and the boot chain: register, type by TCG's *PC Client Platform Firmware Profile*,
/// and the text whose digest is extended.
const BOOT: [(usize, u32, &str); 6] = [
    (0, 0x8000_000b, "SIMULATED firmware table"),
    (0, 0x8000_0001, "SIMULATED Secure Boot variable"),
    (0, 0x0000_0004, "SIMULATED separator"),
    (1, 0x8000_0003, "SIMULATED kernel"),
    (2, 0x0000_0006, "SIMULATED kernel command line"),
    (2, 0x0000_0006, "SIMULATED initial file system"),
];

/// Events of the guest before `compose-hash`, which is there if an application is measured: name and payload.
const GUEST: [(&str, &[u8]); 2] = [("system-preparing", b""), ("app-id", &[0xee; 20])];
/// And behind it.
const READY: [(&str, &[u8]); 3] =
    [("instance-id", &[0xee; 20]), ("simulated", b"SIMULATED - NOT INTEL"), ("system-ready", b"")];

impl EventLog {
    /// `compose` is the text of the compose file that is run.
    pub(crate) fn simulated(compose: Option<&str>) -> Result<Self, MintError> {
        let mut registers = [[0; 48]; 4];
        let mut events = Vec::with_capacity(BOOT.len() + GUEST.len() + READY.len() + 1);
        let [rtmr0, rtmr1, rtmr2, rtmr3] = &mut registers;
        for (imr, event_type, text) in BOOT {
            let digest = Sha384::digest(text).into();
            let register = match imr {
                0 => &mut *rtmr0,
                1 => &mut *rtmr1,
                _ => &mut *rtmr2,
            };
            extend(register, digest);
            let digest = hex::encode(digest);
            events.push(Event { imr, event_type, digest, event: "", event_payload: String::new() });
        }
        let compose = compose.map(|text| sha256(text.as_bytes()));
        let compose = compose.iter().map(|hash| ("compose-hash", &hash.as_bytes()[..]));
        for (event, payload) in GUEST.into_iter().chain(compose).chain(READY) {
            let digest = guest_digest(event, payload);
            extend(rtmr3, digest);
            let (digest, event_payload) = (hex::encode(digest), hex::encode(payload));
            events.push(Event { imr: 3, event_type: DSTACK, digest, event, event_payload });
        }
        let json = serde_json::to_string(&events).map_err(MintError::encoding("the event log"))?;
        Ok(Self { json, registers })
    }
}

fn guest_digest(event: &str, payload: &[u8]) -> Register {
    let digest = Sha384::new().chain_update(DSTACK.to_le_bytes()).chain_update(b":").chain_update(event);
    digest.chain_update(b":").chain_update(payload).finalize().into()
}

fn extend(register: &mut Register, digest: Register) {
    *register = Sha384::new().chain_update(*register).chain_update(digest).finalize().into();
}
