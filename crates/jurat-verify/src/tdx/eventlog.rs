//! `tdx.eventlog`: the events that the platform lists are those that the quote's RTMRs were extended with.
//!
//! It says only that the log is true. Which log is acceptable is for tdx.measurements.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha384};

use super::quote::TdQuote;
use crate::check::Finding;

const MAX_TEXT: usize = 4 << 20;
/// A SHA-384 register.
type Register = [u8; 48];

/// An event, as dstack lists them. Gateways strip payloads, and digests of the fourth register.
#[derive(Debug, Clone, Deserialize)]
struct Event {
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
enum LogError {
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
}

pub(super) fn judge(log: Option<&RawValue>, quote: &TdQuote) -> Finding {
    let events = match log.map(read) {
        None => return Finding::skip("the report has no event log"),
        Some(Ok(events)) if events.is_empty() => return Finding::skip("the event log is empty"),
        Some(Ok(events)) => events,
        Some(Err(error)) => return Finding::fail(error.to_string()),
    };
    let registers = match replay(&events) {
        Ok(registers) => registers,
        Err(error) => return Finding::fail(error.to_string()),
    };
    let quoted = [quote.td.rt_mr0, quote.td.rt_mr1, quote.td.rt_mr2, quote.td.rt_mr3];
    match registers.iter().zip(&quoted).position(|(replayed, quoted)| replayed != quoted) {
        Some(at) => Finding::fail(format!("RTMR{at} does not follow from the event log")),
        None => Finding::pass(format!("{} events replay to RTMR0 to RTMR3", events.len())),
    }
}

/// An array, or a string that holds one.
fn read(log: &RawValue) -> Result<Vec<Event>, LogError> {
    let text = log.get();
    if text.len() > MAX_TEXT {
        return Err(LogError::TooLong);
    }
    let json = |error: serde_json::Error| LogError::Json(error.to_string());
    if !text.starts_with('"') {
        return serde_json::from_str(text).map_err(json);
    }
    let inner: String = serde_json::from_str(text).map_err(json)?;
    if inner.is_empty() { Ok(Vec::new()) } else { serde_json::from_str(&inner).map_err(json) }
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
        if self.imr != 3 {
            return if self.digest.is_empty() { Err(LogError::Hex(at)) } else { Ok(listed) };
        }
        let payload = hex::decode(&self.event_payload).map_err(hex)?;
        let computed: Register = Sha384::new()
            .chain_update(self.event_type.to_le_bytes())
            .chain_update(b":")
            .chain_update(self.event.as_bytes())
            .chain_update(b":")
            .chain_update(&payload)
            .finalize()
            .into();
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
}

#[cfg(test)]
mod tests;
