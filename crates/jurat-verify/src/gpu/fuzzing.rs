//! Doors into GPU evidence and what NVIDIA says of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Nonce, UnixSeconds};
use serde_json::json;

use super::{judge as judge_gpus, *};
use crate::{Check, Roots, Status, roots};

/// An SPDM report as it was understood.
#[derive(Debug)]
pub struct Spdm<'a> {
    /// The nonce of the request.
    pub nonce: &'a [u8],
    /// Blocks by index.
    pub blocks: Vec<(u8, &'a [u8])>,
    /// What the signature is over.
    pub signed: &'a [u8],
    /// The signature.
    pub signature: &'a [u8],
}

/// Reads an SPDM report.
pub fn spdm(bytes: &[u8]) -> Option<Spdm<'_>> {
    let SpdmReport { nonce, blocks, signed, signature, .. } = SpdmReport::parse(bytes).ok()?;
    let blocks = blocks.iter().map(|block| (block.index, block.digest)).collect();
    Some(Spdm { nonce, blocks, signed, signature })
}

/// The certificates of a PEM chain that holds under the simulated root of GPUs.
pub fn certificates(pem: &[u8], now: UnixSeconds) -> Option<Vec<Vec<u8>>> {
    certificates::verify(pem, &roots::nvidia(Roots::Simulated), now).ok()?;
    certificates::split(pem).ok()
}

/// The canonical form of a document that the reader of manifests takes.
pub fn canonical(text: &str) -> Option<String> {
    rim::canonical(&text.replace("\r\n", "\n"))
}

/// Whether a manifest is authentic under the simulated root of manifests.
pub fn manifest(text: &str, now: UnixSeconds) -> bool {
    rim::Rim::authenticate(text, &roots::nvidia_rim(Roots::Simulated), now).is_ok()
}

/// What the claims of a GPU's token object to: `None` if they are not legible, or none of a GPU.
pub fn objection(claims: &str) -> Option<Option<String>> {
    nras::objection(claims)
}

/// A GPU's evidence, with everything that is said beside it.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// PEM.
    pub chain: &'a [u8],
    /// SPDM.
    pub report: &'a [u8],
    /// What the report must have been made for.
    pub nonce: Nonce,
    /// Manifests.
    pub rims: &'a [String],
    /// DER.
    pub ocsp: &'a [Vec<u8>],
    /// NVIDIA's verdict.
    pub nras: Option<NrasAnswer<'a>>,
    /// When.
    pub now: UnixSeconds,
}

/// Which checks pass under the simulated roots.
pub fn gpu(said: Said<'_>) -> Vec<CheckId> {
    let entry = json!({"certificate": STANDARD.encode(said.chain), "evidence": STANDARD.encode(said.report)});
    let payload = json!({"nonce": said.nonce.to_string(), "evidence_list": [entry]}).to_string();
    let question = Question {
        payload: &payload,
        switches: "",
        claimed: Some(1),
        required: true,
        policy: &GpuPolicy::default(),
        nonce: Ok(said.nonce),
        root_spki: roots::nvidia(Roots::Simulated),
        rim_root_spki: roots::nvidia_rim(Roots::Simulated),
        rims: said.rims,
        ocsp: said.ocsp,
        nras: said.nras,
        nras_service: roots::nvidia_nras(Roots::Simulated),
        now: said.now,
    };
    let mut transcript = Transcript::default();
    judge_gpus(&question, &mut transcript);
    let passed = |check: Check| (check.status == Status::Pass).then_some(check.id);
    transcript.into_checks().into_iter().filter_map(passed).collect()
}
