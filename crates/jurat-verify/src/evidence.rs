//! A report, read and not yet believed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::ReportBody;

use crate::json;

/// Longest report that is read: eight GPUs and an event log make some 200 KiB.
pub const MAX_REPORT: usize = 16 << 20;
/// Quotes are some 5 KiB.
const MAX_QUOTE: usize = 64 << 10;

/// A report's members, with the quote decoded.
pub(crate) struct Evidence {
    pub(crate) body: ReportBody,
    pub(crate) quote: Result<Vec<u8>, EvidenceError>,
}

/// Why a report, or the quote in it, cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EvidenceError {
    #[error("the report is longer than {MAX_REPORT} bytes")]
    TooLong,
    #[error("the report is not legible: {0}")]
    Json(String),
    #[error("the report has no quote")]
    NoQuote,
    #[error("the quote is neither hexadecimal nor base64")]
    QuoteText,
    #[error("the quote is longer than {MAX_QUOTE} bytes")]
    QuoteLength,
    #[error("quote and intel_quote differ")]
    TwoQuotes,
}

impl Evidence {
    /// Unknown members are ignored, members given twice are not.
    pub(crate) fn read(report: &str) -> Result<Self, EvidenceError> {
        if report.len() > MAX_REPORT {
            return Err(EvidenceError::TooLong);
        }
        let body: ReportBody = json::object(report).map_err(EvidenceError::Json)?;
        let quote = quote(&body);
        Ok(Self { body, quote })
    }

    /// The report's own word that it is simulated. Enough to refuse it, never to believe it.
    pub(crate) fn says_simulated(&self) -> bool {
        self.body.tee.as_deref() == Some("simulated")
    }
}

fn quote(body: &ReportBody) -> Result<Vec<u8>, EvidenceError> {
    match (&body.intel_quote, &body.quote) {
        (None, None) => Err(EvidenceError::NoQuote),
        (Some(only), None) | (None, Some(only)) => decode(only),
        (Some(one), Some(other)) => {
            let quote = decode(one)?;
            if decode(other)? == quote { Ok(quote) } else { Err(EvidenceError::TwoQuotes) }
        }
    }
}

/// Hexadecimal with or without `0x`, or base64: sidecars differ.
fn decode(text: &str) -> Result<Vec<u8>, EvidenceError> {
    if text.len() > 2 * MAX_QUOTE + 2 {
        return Err(EvidenceError::QuoteLength);
    }
    let bytes = hex::decode(text.strip_prefix("0x").unwrap_or(text))
        .or_else(|_| STANDARD.decode(text))
        .map_err(|_| EvidenceError::QuoteText)?;
    match bytes.len() {
        0 => Err(EvidenceError::NoQuote),
        1..=MAX_QUOTE => Ok(bytes),
        _ => Err(EvidenceError::QuoteLength),
    }
}

#[cfg(test)]
mod tests;
