//! The attested configuration: what a signer says of itself, under its hardware's signature.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Address, Digest, PublicKey, UnixMillis, bytes::text};

/// The `claims` object. It is served and hashed as one JSON string and never changes in a process's life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// 1.
    pub version: u32,
    /// The signer.
    #[serde(with = "text")]
    pub signing_address: Address,
    /// Its key, `x‖y`.
    #[serde(with = "text")]
    pub signing_public_key: PublicKey,
    /// Name of the receipt chain that this process began.
    #[serde(with = "text")]
    pub chain: Digest,
    /// Where the key comes from.
    pub key: KeyOrigin,
    /// Where TLS ends.
    pub tls: Tls,
    /// SHA-256 of the TLS certificate's SubjectPublicKeyInfo, 64 hex; `null` without TLS.
    pub tls_spki_sha256: Option<String>,
    /// How many GPUs the machine has.
    pub gpus: u32,
    /// The model files that jurat itself read.
    pub model: Model,
    /// How their digests were made.
    pub manifest_source: ManifestSource,
    /// The program.
    pub software: Software,
    /// SHA-256 of the effective configuration's canonical text, 64 hex.
    #[serde(with = "text")]
    pub config_sha256: Digest,
    /// When the process started.
    pub started_at: UnixMillis,
}

impl Claims {
    /// The string that is hashed, quoted and served.
    pub fn to_json(&self) -> String {
        // invariant: a struct of strings and numbers has a JSON form
        #[allow(clippy::expect_used)]
        serde_json::to_string(self).expect("claims are plain data")
    }
}

/// Where the signing key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyOrigin {
    /// Drawn in the enclave when the process started, gone with it.
    Fresh,
    /// Derived by dstack's key service from the measured identity.
    Dstack,
}

/// Where TLS ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Tls {
    /// Not inside the enclave.
    None,
    /// In this process, under a certificate that it made.
    SelfSigned,
    /// In this process, under a certificate from files.
    Files,
}

/// How the model's digests were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ManifestSource {
    /// Not at all: nothing is claimed about the model's files.
    None,
    /// By reading every file when the process started.
    AtStart,
    /// From an earlier reading, kept on a disk that the host may control.
    Cached,
}

/// The model files that jurat read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// SHA-256 of the manifest, 64 hex; absent if nothing was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The program's own name for itself: informative, the measurements are what proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    /// Release.
    pub version: String,
    /// Source revision, empty if the build did not know it.
    pub commit: String,
}
