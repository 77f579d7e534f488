//! `tdx.compose`: which application a dstack VM runs. The compose file's hash is an event of RTMR3, and the host
//! names it in MRCONFIGID; both are in the quote. The text beside it in the report is compared with them, never the
//! other way about.

use jurat_proto::{Digest, sha256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{eventlog::Log, quote::TdQuote};
use crate::{check::Finding, json};

/// First byte of an MRCONFIGID that holds the compose file's hash; zeros follow it.
const COMPOSE_FILE: u8 = 1;

/// The members of dstack's `info` that are looked at. A member given twice makes it illegible.
#[derive(Deserialize)]
struct Info {
    tcb_info: Box<RawValue>,
}

#[derive(Deserialize)]
struct TcbInfo {
    app_compose: String,
}

/// The finding, and the hash if the quote's registers establish one.
pub(super) fn judge(
    log: Option<&Log>,
    info: Option<&RawValue>,
    quote: &TdQuote,
) -> (Finding, Option<Digest>) {
    let Some(log) = log else { return (Finding::skip("rests on tdx.eventlog"), None) };
    if log.has_stripped_events() {
        let reason = "the event log lacks payloads of RTMR3: nobody can say which event is which";
        return (Finding::skip(reason), None);
    }
    let Some(payload) = log.boot_event("compose-hash") else {
        return (Finding::skip("the event log has no compose-hash: no dstack application is measured"), None);
    };
    if !log.ends_the_boot() {
        let reason = "the event log has no system-ready: an application may have written its compose-hash";
        return (Finding::skip(reason), None);
    }
    let hash = match <[u8; 32]>::try_from(payload) {
        Ok(hash) => Digest::new(hash),
        Err(_) => return (Finding::fail("the event compose-hash is no SHA-256"), None),
    };
    let [form, named @ ..] = &quote.td.mr_config_id;
    let named_by_host = match *form {
        COMPOSE_FILE if named.starts_with(hash.as_bytes()) && named.ends_with(&[0; 15]) => true,
        COMPOSE_FILE => {
            return (
                Finding::fail("MRCONFIGID names another compose file than the event compose-hash"),
                None,
            );
        }
        0 if *named == [0; 47] => false,
        form => {
            let reason = format!("MRCONFIGID has the form {form:#04x}, which is not known here");
            return (Finding::skip(reason), None);
        }
    };
    let established = if named_by_host { "RTMR3 and MRCONFIGID" } else { "RTMR3" };
    let finding = match (text(info), named_by_host) {
        (Some(text), _) if sha256(text.as_bytes()) == hash => {
            Finding::pass(format!("the compose file in the report is the one of {established}: {hash}"))
        }
        (Some(_), _) => {
            return (
                Finding::fail(
                    "info.tcb_info.app_compose is another compose file than the one that was measured",
                ),
                None,
            );
        }
        (None, true) => Finding::pass(format!(
            "{established} name one compose file, {hash}; its text is not in the report"
        )),
        (None, false) => {
            Finding::skip(format!("RTMR3 names the compose file {hash}, with nothing to compare it with"))
        }
    };
    (finding, Some(hash))
}

/// The compose file's text: platforms give `info` and `tcb_info` as objects, or as strings that hold them.
fn text(info: Option<&RawValue>) -> Option<String> {
    let info: Info = object(info?)?;
    let tcb_info: TcbInfo = object(&info.tcb_info)?;
    Some(tcb_info.app_compose)
}

fn object<T: DeserializeOwned>(value: &RawValue) -> Option<T> {
    let text = value.get();
    if !text.starts_with('"') {
        return json::object(text).ok();
    }
    let inner: String = serde_json::from_str(text).ok()?;
    json::object(&inner).ok()
}

#[cfg(test)]
mod tests;
