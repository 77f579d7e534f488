//! The report: our envelope around CPU and GPU evidence, as `GET /attestation/report` serves it.

use alloc::{boxed::Box, string::String, vec::Vec};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::UnixMillis;

/// Every member but `all_attestations`. Members that are absent in other sidecars' reports are optional,
/// so that the judge can read those too; unknown members are ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReportBody {
    /// The signer, EIP-55.
    #[serde(default)]
    pub signing_address: String,
    /// The signer's key `x‖y`, 128 hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_public_key: Option<String>,
    /// `ecdsa`.
    #[serde(default)]
    pub signing_algo: String,
    /// The caller's nonce, or ours if it named none; 64 hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_nonce: Option<String>,
    /// The nonce that the GPUs signed; 64 hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_nonce: Option<String>,
    /// The TDX quote, hex without `0x`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intel_quote: Option<String>,
    /// The same string: clients differ in which they read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// JSON in a string, as NVIDIA's attestation service takes it; empty if the machine has no GPU.
    #[serde(default)]
    pub nvidia_payload: String,
    /// The same for switches; absent if there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nvswitch_payload: Option<String>,
    /// `unattested` where GPUs talk over NVLink in the clear (protected PCIe) and nobody vouches for the switches
    /// between them; absent elsewhere. The machine's own remark: a judge reads the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nvlink: Option<String>,
    /// A JSON array of events, as a string or (on request) as itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_log: Option<Box<RawValue>>,
    /// As the platform gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm_config: Option<Box<RawValue>>,
    /// As the platform gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub info: Option<Box<RawValue>>,
    /// JSON in a string, hashed after JSON decoding; under `jurat-v1` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
    /// Name of the layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// The 64 bytes that the quote carries, 128 hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_data: Option<String>,
    /// SHA-256 of the TLS certificate's SubjectPublicKeyInfo; under `dstack-v2` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_cert_fingerprint: Option<String>,
    /// `tdx` or `simulated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tee: Option<String>,
    /// 0 for a fresh one. Unproven: only a nonce of one's own proves freshness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_age_seconds: Option<u64>,
    /// `true` on a report from the archive, of a signer or of claims that are no more: it proves the past, not the
    /// present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// When an archived report's evidence was made, Unix milliseconds by that process's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<UnixMillis>,
    /// Collateral of a simulated report as a JSON string, heeded under the policy `simulated` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral: Option<String>,
}

/// A report as served: the body, and the body once more in the list that multi-backend clients read.
///
/// Readers take a [`ReportBody`], to which that list is an unknown member.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The evidence.
    #[serde(flatten)]
    pub body: ReportBody,
    /// One entry a backend; ours has one.
    pub all_attestations: Vec<ReportBody>,
}

impl From<ReportBody> for Report {
    fn from(body: ReportBody) -> Self {
        Self { all_attestations: alloc::vec![body.clone()], body }
    }
}
