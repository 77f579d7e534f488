//! `nvidia_payload` and `nvswitch_payload`: what a report carries of its GPUs and of the switches between them, as NVIDIA's
//! attestation service takes it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::Nonce;
use serde::Deserialize;

use crate::json;

/// More than any machine has: eight GPUs of some twelve kilobytes each are usual.
const MAX_TEXT: usize = 1 << 20;
const MAX_DEVICES: usize = 32;

/// One device's evidence, decoded from base64 and not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// PEM text, perhaps with trailing NULs.
    pub(crate) certificates: Vec<u8>,
    /// SPDM request and response.
    pub(crate) report: Vec<u8>,
}

/// The payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payload {
    /// What the payload says its nonce is.
    pub(crate) nonce: Nonce,
    pub(crate) gpus: Vec<Evidence>,
}

/// Why a payload is not legible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the payload is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("the payload is not the JSON that NVIDIA's service takes: {0}")]
    Json(String),
    #[error("the payload's nonce is not 64 hexadecimal digits")]
    Nonce,
    #[error("the payload lists {0} devices, more than {MAX_DEVICES}")]
    TooMany(usize),
    #[error("device {0}: evidence or certificate is not base64")]
    Base64(usize),
}

impl Payload {
    /// `None` if there is no evidence at all. Unknown members are ignored, members given twice are not.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, PayloadError> {
        #[derive(Deserialize)]
        struct Entry {
            certificate: String,
            evidence: String,
        }
        #[derive(Deserialize)]
        struct Wire {
            nonce: String,
            evidence_list: Vec<Entry>,
        }

        if text.len() > MAX_TEXT {
            return Err(PayloadError::TooLong);
        }
        if text.is_empty() {
            return Ok(None);
        }
        let wire: Wire = json::object(text).map_err(PayloadError::Json)?;
        if wire.evidence_list.is_empty() {
            return Ok(None);
        }
        if wire.evidence_list.len() > MAX_DEVICES {
            return Err(PayloadError::TooMany(wire.evidence_list.len()));
        }
        let nonce = wire.nonce.parse().map_err(|_| PayloadError::Nonce)?;
        let decode = |at, text: &str| STANDARD.decode(text).map_err(|_| PayloadError::Base64(at));
        let gpus = wire.evidence_list.iter().enumerate().map(|(at, entry)| {
            Ok(Evidence {
                certificates: decode(at, &entry.certificate)?,
                report: decode(at, &entry.evidence)?,
            })
        });
        Ok(Some(Self { nonce, gpus: gpus.collect::<Result<_, _>>()? }))
    }
}
