//! What the agent sends back, taken apart as little as the report needs.

use jurat_proto::ReportData;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Info;
use crate::QuoteFailure;

/// No quote is near this.
const LONGEST_QUOTE: usize = 64 * 1024;
/// How much of the agent's own words goes into an error.
const LONGEST_REASON: usize = 300;

/// `GetQuote` and `TdxQuote`, as far as they are one.
#[derive(Debug, Deserialize)]
struct QuoteAnswer {
    quote: String,
    #[serde(default)]
    event_log: Option<String>,
    /// The agent's echo; tappd has none.
    #[serde(default)]
    report_data: Option<String>,
    #[serde(default)]
    vm_config: Option<String>,
}

/// A quote, decoded, and the texts beside it.
#[derive(Debug)]
pub(super) struct Quoted {
    pub(super) bytes: Vec<u8>,
    pub(super) event_log: Option<String>,
    pub(super) vm_config: Option<String>,
}

pub(super) fn quote(body: &[u8], asked: &ReportData) -> Result<Quoted, QuoteFailure> {
    let answer: QuoteAnswer = serde_json::from_slice(body).map_err(|error| {
        QuoteFailure::Failed(format!("dstack's agent gave no quote that can be read: {error}"))
    })?;
    if answer.quote.is_empty() {
        return Err(QuoteFailure::Failed(
            "dstack's agent gave an empty quote: the host's quoting service failed".to_owned(),
        ));
    }
    // The quote itself is looked into by whoever checks every provider's; this finds answers that went astray.
    if let Some(echo) = answer.report_data.filter(|echo| !echo.is_empty())
        && echo.parse() != Ok(*asked)
    {
        return Err(QuoteFailure::Wrong(
            "dstack's agent answered for other report data than it was asked for".to_owned(),
        ));
    }
    let digits = answer.quote.strip_prefix("0x").unwrap_or(&answer.quote);
    if digits.len() > 2 * LONGEST_QUOTE {
        return Err(QuoteFailure::Failed(format!(
            "dstack's agent gave a quote of {} bytes, at most {LONGEST_QUOTE} are taken",
            digits.len() / 2
        )));
    }
    let bytes = hex::decode(digits).map_err(|error| {
        QuoteFailure::Wrong(format!("dstack's agent gave a quote that is not hexadecimal: {error}"))
    })?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(Quoted { bytes, event_log: given(answer.event_log), vm_config: given(answer.vm_config) })
}

/// The whole object as it came, and the one member that older agents give nowhere else.
pub(super) fn info(body: &[u8]) -> Result<Info, QuoteFailure> {
    #[derive(Deserialize)]
    struct InfoAnswer {
        #[serde(default)]
        vm_config: Option<String>,
    }
    let unreadable = |error: String| {
        QuoteFailure::Failed(format!("dstack's agent gave no info that can be read: {error}"))
    };
    let text = std::str::from_utf8(body).map_err(|error| unreadable(error.to_string()))?.trim();
    if !text.starts_with('{') {
        return Err(unreadable("it is no JSON object".to_owned()));
    }
    let InfoAnswer { vm_config } =
        serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
    let object = RawValue::from_string(text.to_owned()).map_err(|error| unreadable(error.to_string()))?;
    Ok(Info { object, vm_config: vm_config.filter(|text| !text.is_empty()) })
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
}

/// Some agents say 200 and put the error into the body.
pub(super) fn is_error(body: &[u8]) -> bool {
    serde_json::from_slice::<ErrorAnswer>(body).is_ok()
}

/// The agent's own words, bounded and printable. Nothing but its error is repeated: the answer may hold a key.
pub(super) fn reason(body: &[u8]) -> String {
    let Ok(ErrorAnswer { error }) = serde_json::from_slice(body) else {
        return format!("{} bytes that name no error", body.len());
    };
    let printable = error.chars().map(|sign| if sign.is_control() { ' ' } else { sign });
    printable.take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests;
