//! Doors into the parsers of hostile bytes, past what only a vendor can sign, for `tests/fuzz` alone: no other build has
//! this module.

use dcap_qvl::quote::{Report, TDReport10};
use jurat_proto::{Digest, UnixSeconds, sha256};
use serde_json::Value;
use sha2::{Digest as _, Sha384};

pub use crate::gpu::fuzzing::*;
use crate::{
    CheckId, Platform, Policy, Status, evidence::Evidence, tdx, tdx::quote::TdQuote, verdict::Transcript,
};

fn simulated() -> Policy {
    // invariant: it is built in
    #[allow(clippy::expect_used)]
    Policy::named("simulated").expect("a built-in policy")
}

/// Judges a quote under the simulated roots: what it says of itself if it is genuine. Without collateral none is.
pub fn quote(bytes: &[u8], collateral: Option<&str>, now: UnixSeconds) -> Option<[u8; 64]> {
    let body = serde_json::from_str("{}").ok()?;
    let evidence = Evidence { body, quote: Ok(bytes.to_vec()) };
    let _ = Platform::of(&evidence);
    let mut transcript = Transcript::default();
    let policy = simulated();
    let quote = tdx::authenticate(&evidence, &policy, collateral, now, &mut transcript);
    tdx::appraise(&evidence, &policy, quote.as_ref(), &mut transcript);
    quote.filter(|_| transcript.passed(CheckId::TdxQuote)).map(|quote| quote.td.report_data)
}

/// What was made of a log and of the compose file beside it.
#[derive(Debug)]
pub struct Logged {
    /// Of `tdx.eventlog`.
    pub log: Status,
    /// Of `tdx.compose`.
    pub compose: Status,
    /// The hash that the registers establish.
    pub compose_hash: Option<Digest>,
}

/// Judges a report's event log and compose file against a TD whose registers and MRCONFIGID are as given.
pub fn event_log(report: &str, registers: [[u8; 48]; 4], config_id: [u8; 48]) -> Option<Logged> {
    let evidence = Evidence::read(report).ok()?;
    let [rt_mr0, rt_mr1, rt_mr2, rt_mr3] = registers;
    let td = TDReport10 {
        tee_tcb_svn: [0; 16],
        mr_seam: [0; 48],
        mr_signer_seam: [0; 48],
        seam_attributes: [0; 8],
        td_attributes: [0; 8],
        xfam: [0; 8],
        mr_td: [0; 48],
        mr_config_id: config_id,
        mr_owner: [0; 48],
        mr_owner_config: [0; 48],
        rt_mr0,
        rt_mr1,
        rt_mr2,
        rt_mr3,
        report_data: [0; 64],
    };
    let quote = TdQuote { td, report: Report::TD10(td), claims: None };
    let mut transcript = Transcript::default();
    let measured = tdx::appraise(&evidence, &simulated(), Some(&quote), &mut transcript)?;
    let checks = transcript.into_checks();
    let status = |id| checks.iter().find(|check| check.id == id).map(|check| check.status);
    Some(Logged {
        log: status(CheckId::TdxEventlog)?,
        compose: status(CheckId::TdxCompose)?,
        compose_hash: measured.compose_hash,
    })
}

/// The registers that a log leaves, replayed another way than the judge does; `None` if it is none.
pub fn registers(log: &Value) -> Option<[[u8; 48]; 4]> {
    let inner;
    let events = match log {
        Value::String(text) => {
            inner = serde_json::from_str::<Value>(text).ok()?;
            inner.as_array()?
        }
        log => log.as_array()?,
    };
    let mut registers = [[0; 48]; 4];
    for event in events {
        let text = |name: &str| event.get(name).map_or(Some(""), Value::as_str);
        let (listed, payload) =
            (hex::decode(text("digest")?).ok()?, hex::decode(text("event_payload")?).ok()?);
        let kind = u32::try_from(event.get("event_type")?.as_u64()?).ok()?;
        let own = [&kind.to_le_bytes()[..], b":", text("event")?.as_bytes(), b":", &payload].concat();
        let digest = if listed.is_empty() { Sha384::digest(own).to_vec() } else { listed };
        let register = registers.get_mut(usize::try_from(event.get("imr")?.as_u64()?).ok()?)?;
        *register = Sha384::digest([&register[..], &digest].concat()).into();
    }
    Some(registers)
}

/// SHA-256, for targets that compare.
pub fn digest(bytes: &[u8]) -> Digest {
    sha256(bytes)
}
