//! The attested configuration: what a signer says of itself, under its hardware's signature.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

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
    /// What vouches for a derived key; absent for a fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_provenance: Option<KeyProvenance>,
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

/// Where a derived key comes from, in the terms of dstack's key service.
///
/// With the signing key's compressed SEC1 form in hexadecimal, `purpose:key` is what the first signature covers
/// (secp256k1 over Keccak-256, 65 bytes `r‖s‖v` with v 0 or 1), made by the application's key; the second is the key
/// service's over the application's key. Whom to believe as a key service is for a policy to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyProvenance {
    /// Place of the key in the application's tree of keys.
    pub path: String,
    /// What the key service vouches for it as.
    pub purpose: String,
    /// Hexadecimal without `0x`, from the signing key upwards.
    pub signature_chain: Vec<String>,
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

/// The model files that jurat read; every member is absent if none was.
///
/// The manifest is the text of `sha256sum` over the files in the order of their paths' bytes: for each the digest in
/// hexadecimal, two spaces, the path below the model's folder, a line feed. Whoever holds the same files makes the
/// same digest with the tools at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    /// SHA-256 of the manifest, 64 hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// How many files it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_count: Option<u64>,
    /// Their bytes in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Path to SHA-256, 64 hex: the manifest itself. Empty if it has more than [`Model::MOST_LISTED`] lines, which
    /// then are not in the claims.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

impl Model {
    /// A list of so many files is some 30 KB in every report. Large models have about 200.
    pub const MOST_LISTED: usize = 256;
}

/// The program's own name for itself: informative, the measurements are what proves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    /// Release.
    pub version: String,
    /// Source revision, empty if the build did not know it.
    pub commit: String,
}
