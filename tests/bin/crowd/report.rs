//! Whether a report is the answer to one's own nonce, in each of its parts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Binding, Layout, Nonce, PublicKey, QuoteView, ReportBody, gpu_nonce, report_data};
use serde_json::Value;

/// Envelope, quote, payload and the GPUs' own evidence.
pub(crate) fn bears(report: &[u8], nonce: &str) -> Result<(), String> {
    let report: ReportBody = serde_json::from_slice(report)
        .map_err(|error| format!("no report ({error}): {:.200}", String::from_utf8_lossy(report)))?;
    if report.request_nonce.as_deref() != Some(nonce) {
        return Err(format!("asked with {nonce}, answered with {:?}", report.request_nonce));
    }
    let nonce: Nonce = nonce.parse().map_err(|_| "a nonce of ours is one".to_owned())?;
    let key: PublicKey =
        report.signing_public_key.as_deref().unwrap_or_default().parse().map_err(|_| "no key".to_owned())?;
    let layout = Layout::JuratV1 {
        claims: report.claims.as_deref().unwrap_or_default(),
        nvidia_payload: &report.nvidia_payload,
        nvswitch_payload: report.nvswitch_payload.as_deref().unwrap_or_default(),
    };
    let quote =
        hex::decode(report.quote.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
    let quoted = QuoteView::parse(&quote).map_err(|error| error.to_string())?.report_data();
    if quoted != report_data(&key.address(), &nonce, layout) {
        return Err(format!("the quote is not over {nonce}"));
    }
    let derived = gpu_nonce(Binding::JuratV1, &key, &nonce);
    let payload: Value = serde_json::from_str(&report.nvidia_payload).map_err(|error| error.to_string())?;
    let gpus = payload["evidence_list"].as_array().map(Vec::as_slice).unwrap_or_default();
    if payload["nonce"] != derived.to_string() || gpus.is_empty() {
        return Err(format!("the payload is not over {nonce}"));
    }
    for gpu in gpus {
        let evidence = STANDARD.decode(gpu["evidence"].as_str().unwrap_or_default());
        let evidence = evidence.map_err(|error| error.to_string())?;
        if evidence.get(4..36) != Some(derived.as_bytes().as_slice()) {
            return Err(format!("a GPU's evidence is not over {nonce}"));
        }
    }
    Ok(())
}
