//! `tdx.eventlog`: the events that the platform lists are those that the quote's RTMRs were extended with.
//!
//! It says only that the log is true. Which log is acceptable is for tdx.measurements and tdx.compose. Payloads of
//! RTMR0 to RTMR2 are not looked at: firmware measures other bytes than it logs, so nothing ties the two.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha384};

use super::quote::TdQuote;
use crate::{check::Finding, json};

const MAX_TEXT: usize = 4 << 20;
/// A SHA-384 register.
type Register = [u8; 48];

/// An event, as dstack lists them. Gateways strip payloads, and digests of the fourth register.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    imr: usize,
    event_type: u32,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    event: String,
    #[serde(default)]
    event_payload: String,
}

/// Why a log does not tell what the registers hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LogError {
    #[error("the event log is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("the event log is not legible: {0}")]
    Json(String),
    #[error("event {0} extends register {1}, which a TD does not have")]
    Register(usize, usize),
    #[error("event {0}'s digest or payload is not hexadecimal of the right length")]
    Hex(usize),
    #[error("event {0}'s digest is not that of its payload")]
    Payload(usize),
    #[error("event {0} calls itself {1} a second time")]
    Twice(usize, &'static str),
    #[error("event {0} calls itself {1}, but the system was up already: the application wrote it")]
    Late(usize, &'static str),
}

/// Events of RTMR3 by which dstack says what it boots. Each is written once, before the application runs, which may
/// then add events of its own by any name.
const BOOT: [&str; 7] =
    ["app-id", "compose-hash", "instance-id", "os-image-hash", "mr-kms", "key-provider", SYSTEM_READY];
const SYSTEM_READY: &str = "system-ready";
const GUEST: usize = 3;

/// A log that replays to the quote's registers.
pub(super) struct Log(Vec<Event>);

impl Log {
    /// The payload of an event of RTMR3, one of [`BOOT`]. Heed it only if the log [ends the boot](Self::ends_the_boot)
    /// and no event of the register is stripped: else the genuine one may stand there by another name.
    pub(super) fn boot_event(&self, name: &str) -> Option<Vec<u8>> {
        hex::decode(&self.guest_event(name)?.event_payload).ok()
    }

    /// Whether the log says where the boot ended: nothing that an application wrote passes for an event before that.
    pub(super) fn ends_the_boot(&self) -> bool {
        self.guest_event(SYSTEM_READY).is_some()
    }

    fn guest_event(&self, name: &str) -> Option<&Event> {
        self.0.iter().find(|event| event.imr == GUEST && event.event == name)
    }

    /// Whether some event of RTMR3 is a bare digest, by whatever name.
    pub(super) fn has_stripped_events(&self) -> bool {
        let mut guest = self.0.iter().enumerate().filter(|(_, event)| event.imr == GUEST);
        guest.any(|(at, event)| {
            event.digest(at).is_ok_and(|digest| digest != event.computed(&[]))
                && event.event_payload.is_empty()
        })
    }
}

/// The finding, and the log if it holds.
pub(super) fn judge(log: Option<&RawValue>, quote: &TdQuote) -> (Finding, Option<Log>) {
    let events = match log.map(read) {
        None => return (Finding::skip("the report has no event log"), None),
        Some(Ok(events)) if events.is_empty() => return (Finding::skip("the event log is empty"), None),
        Some(Ok(events)) => events,
        Some(Err(error)) => return (Finding::fail(error.to_string()), None),
    };
    let registers = match replay(&events).and_then(|registers| in_order(&events).map(|()| registers)) {
        Ok(registers) => registers,
        Err(error) => return (Finding::fail(error.to_string()), None),
    };
    let quoted = [quote.td.rt_mr0, quote.td.rt_mr1, quote.td.rt_mr2, quote.td.rt_mr3];
    match registers.iter().zip(&quoted).position(|(replayed, quoted)| replayed != quoted) {
        Some(at) => (Finding::fail(format!("RTMR{at} does not follow from the event log")), None),
        None => {
            (Finding::pass(format!("{} events replay to RTMR0 to RTMR3", events.len())), Some(Log(events)))
        }
    }
}

/// No event of the boot twice, and none once the system is up.
fn in_order(events: &[Event]) -> Result<(), LogError> {
    let mut seen = Vec::new();
    for (at, event) in events.iter().enumerate().filter(|(_, event)| event.imr == GUEST) {
        let Some(name) = BOOT.into_iter().find(|name| event.event == *name) else { continue };
        if seen.contains(&name) {
            return Err(LogError::Twice(at, name));
        }
        if seen.contains(&SYSTEM_READY) {
            return Err(LogError::Late(at, name));
        }
        seen.push(name);
    }
    Ok(())
}

/// An array, or a string that holds one.
fn read(log: &RawValue) -> Result<Vec<Event>, LogError> {
    let text = log.get();
    if text.len() > MAX_TEXT {
        return Err(LogError::TooLong);
    }
    if !text.starts_with('"') {
        return json::read(text).map_err(LogError::Json);
    }
    let inner: String = json::read(text).map_err(LogError::Json)?;
    if inner.is_empty() { Ok(Vec::new()) } else { json::read(&inner).map_err(LogError::Json) }
}

fn replay(events: &[Event]) -> Result<[Register; 4], LogError> {
    let mut registers = [[0; 48]; 4];
    for (at, event) in events.iter().enumerate() {
        let register = registers.get_mut(event.imr).ok_or(LogError::Register(at, event.imr))?;
        let digest = event.digest(at)?;
        *register = Sha384::new().chain_update(*register).chain_update(digest).finalize().into();
    }
    Ok(registers)
}

impl Event {
    /// The digest that was extended. An event of the fourth register is dstack's own, and its digest follows
    /// from its members: it is recomputed, or the payload would be anybody's word.
    fn digest(&self, at: usize) -> Result<Register, LogError> {
        let hex = |_| LogError::Hex(at);
        let mut listed = [0; 48];
        if !self.digest.is_empty() {
            hex::decode_to_slice(&self.digest, &mut listed).map_err(hex)?;
        }
        if self.imr != GUEST {
            return if self.digest.is_empty() { Err(LogError::Hex(at)) } else { Ok(listed) };
        }
        let computed = self.computed(&hex::decode(&self.event_payload).map_err(hex)?);
        // A log whose payloads were stripped still replays; nothing rests on what they said.
        let stripped = self.event_payload.is_empty() && !self.digest.is_empty();
        if self.digest.is_empty() || computed == listed {
            Ok(computed)
        } else if stripped {
            Ok(listed)
        } else {
            Err(LogError::Payload(at))
        }
    }

    /// What dstack extends for an event of these members.
    fn computed(&self, payload: &[u8]) -> Register {
        let digest = Sha384::new().chain_update(self.event_type.to_le_bytes()).chain_update(b":");
        let digest = digest.chain_update(self.event.as_bytes()).chain_update(b":").chain_update(payload);
        digest.finalize().into()
    }
}

#[cfg(test)]
pub(super) mod tests;
