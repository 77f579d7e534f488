//! The configuration file.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Collateral, Gpus, KeyChoice, SelfCheckKind, tls::TlsKind};
use crate::exit::Failure;

/// The file. Everything in it is measured where the platform measures configuration; the flags are not.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Option<String>,
    pub(super) admin_listen: Option<String>,
    pub(super) engine: Option<String>,
    pub(super) policy: Option<String>,
    /// File-only: what "ready" means.
    pub(super) self_check: Option<SelfCheckKind>,
    /// File-only, as it is; and where the self-check asks.
    pub(super) collateral: Option<Collateral>,
    pub(super) pcs_url: Option<String>,
    pub(super) rim_url: Option<String>,
    pub(super) ocsp_url: Option<String>,
    pub(super) nras_url: Option<String>,
    /// File-only, as it is.
    pub(super) self_check_every: Option<f64>,
    pub(super) concurrency: Option<usize>,
    pub(super) workers: Option<usize>,
    pub(super) first_byte_timeout: Option<f64>,
    pub(super) idle_timeout: Option<f64>,
    pub(super) drain_grace: Option<f64>,
    pub(super) body_limit: Option<u64>,
    pub(super) multipart_body_limit: Option<u64>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) store_url: Option<String>,
    pub(super) store_username: Option<String>,
    pub(super) store_password_file: Option<PathBuf>,
    pub(super) store_ca_file: Option<PathBuf>,
    pub(super) store_cert_file: Option<PathBuf>,
    pub(super) store_key_file: Option<PathBuf>,
    pub(super) store_timeout: Option<f64>,
    pub(super) store_wait_replicas: Option<u8>,
    /// File-only: whoever reads under another prefix reads another archive.
    pub(super) store_prefix: Option<String>,
    pub(super) store_bytes: Option<u64>,
    pub(super) store_age: Option<f64>,
    pub(super) on_store_failure: Option<String>,
    pub(super) receipt_scope: Option<String>,
    pub(super) memory_store_bytes: Option<u64>,
    pub(super) memory_store_age: Option<f64>,
    /// File-only, as are the three below: which key clients may pin.
    pub(super) tls: Option<TlsKind>,
    pub(super) tls_certificate: Option<PathBuf>,
    pub(super) tls_key: Option<PathBuf>,
    pub(super) tls_names: Option<Vec<String>>,
    /// File-only, as are those below: who comes in, and how fast.
    pub(super) tokens: Option<PathBuf>,
    pub(super) receipt_tokens: Option<PathBuf>,
    pub(super) admin_tokens: Option<PathBuf>,
    pub(super) connections_per_address: Option<usize>,
    pub(super) address_rate: Option<f64>,
    pub(super) address_burst: Option<u32>,
    pub(super) token_rate: Option<f64>,
    pub(super) token_burst: Option<u32>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) forwarded_header: Option<String>,
    pub(super) head_timeout: Option<f64>,
    /// File-only, and for builds with the feature `otlp`: times, sizes and ends of all exchanges leave the machine for there.
    pub(super) otlp_endpoint: Option<String>,
    pub(super) tdx_source: Option<String>,
    /// File-only, as the three change what an engine is given.
    pub(super) request_id: Option<String>,
    pub(super) remote_media: Option<String>,
    pub(super) cache_salt: Option<String>,
    /// File-only, as it changes what a report means.
    pub(super) gpus: Option<Gpus>,
    /// File-only: code that is run.
    pub(super) nvml_library: Option<String>,
    /// File-only: code that is run.
    pub(super) nvswitch_command: Option<Vec<String>>,
    /// File-only, as it changes what a signer's address means.
    pub(super) key: Option<KeyChoice>,
    /// File-only: what is claimed of the model.
    pub(super) model_dir: Option<PathBuf>,
    /// File-only: whether digests of earlier starts may be claimed.
    pub(super) model_cache: Option<PathBuf>,
}

impl File {
    /// Reads and parses it; the failure names the file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::config(format_args!("{}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| Failure::config(format_args!("{}: {error}", path.display())))
    }
}
