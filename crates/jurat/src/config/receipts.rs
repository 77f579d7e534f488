//! Where receipts go, how long they stay, and whose they are.

use std::{path::PathBuf, str::FromStr, time::Duration};

use jurat_ledger::{Bounds, ClientCertificate, DURABLE_BOUNDS, MEMORY_BOUNDS, SharedSettings, SharedStore};
use jurat_proxy::ReceiptScope;

use super::{
    file::File,
    knobs::{Knobs, Named},
};
use crate::{
    cli::{ServeOptions, SharedStoreOptions},
    exit::Failure,
};

/// Everything about receipts.
#[derive(Debug, Clone)]
pub(crate) struct Receipts {
    pub(crate) archive: ArchiveChoice,
    pub(crate) on_failure: StoreFailure,
    pub(crate) scope: ReceiptScope,
    /// Bounds of receipts in memory, whether that is the archive or stands in for it.
    pub(crate) memory: Bounds,
}

/// Where receipts are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ArchiveChoice {
    /// In memory.
    Memory,
    /// In this folder.
    File { folder: PathBuf, bounds: Bounds },
    /// On a server that other sidecars use too.
    Shared(SharedSettings),
}

/// What happens when the archive takes no receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFailure {
    /// 503 before the engine is asked.
    Refuse,
    /// Receipts are kept in memory meanwhile.
    Memory,
}

impl Receipts {
    pub(super) fn settle(knobs: &mut Knobs, options: &ServeOptions, file: &File) -> Result<Self, Failure> {
        let Named(folder) = knobs.path("state_dir", options.state_dir.as_ref(), file.state_dir.as_ref());
        let Named(url) = knobs.text("store_url", options.store_url.as_ref(), file.store_url.as_ref());
        let bounds = Bounds {
            bytes: knobs.bytes("store_bytes", options.store_bytes, file.store_bytes, DURABLE_BOUNDS.bytes)?,
            age: knobs.seconds(
                "store_age",
                options.store_age,
                file.store_age,
                seconds(DURABLE_BOUNDS.age),
            )?,
        };
        let on_failure = knobs.parsed(
            "on_store_failure",
            options.on_store_failure.clone(),
            file.on_store_failure.clone(),
            "refuse",
        )?;
        let Scope(scope) = knobs.parsed(
            "receipt_scope",
            options.receipt_scope.clone(),
            file.receipt_scope.clone(),
            "anyone",
        )?;
        let memory = Bounds {
            bytes: knobs.bytes(
                "memory_store_bytes",
                options.memory_store_bytes,
                file.memory_store_bytes,
                MEMORY_BOUNDS.bytes,
            )?,
            age: knobs.seconds(
                "memory_store_age",
                options.memory_store_age,
                file.memory_store_age,
                seconds(MEMORY_BOUNDS.age),
            )?,
        };
        let archive = match (folder, url) {
            (Some(_), Some(_)) => {
                return Err(Failure::config("state_dir and store_url name two archives: there can be one"));
            }
            (Some(folder), None) => ArchiveChoice::File { folder, bounds },
            (None, Some(url)) => ArchiveChoice::Shared(shared(knobs, options, file, &url, bounds)?),
            (None, None) if options.shared != SharedStoreOptions::default() => {
                return Err(Failure::usage("options of a shared store are given, but no --store-url"));
            }
            (None, None) => ArchiveChoice::Memory,
        };
        Ok(Self { archive, on_failure, scope, memory })
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}

/// The knobs that only a shared store has.
fn shared(
    knobs: &mut Knobs,
    options: &ServeOptions,
    file: &File,
    url: &str,
    bounds: Bounds,
) -> Result<SharedSettings, Failure> {
    let given = &options.shared;
    let url = url.parse().map_err(|error| Failure::config(format_args!("store_url: {error}")))?;
    let mut settings = SharedSettings::new(url, bounds);
    let Named(username) =
        knobs.text("store_username", given.store_username.as_ref(), file.store_username.as_ref());
    let mut path = |name, command: &Option<PathBuf>, file: &Option<PathBuf>| {
        knobs.path(name, command.as_ref(), file.as_ref()).0
    };
    settings.username = username;
    settings.password_file =
        path("store_password_file", &given.store_password_file, &file.store_password_file);
    settings.ca_file = path("store_ca_file", &given.store_ca_file, &file.store_ca_file);
    let cert_file = path("store_cert_file", &given.store_cert_file, &file.store_cert_file);
    let key_file = path("store_key_file", &given.store_key_file, &file.store_key_file);
    settings.client_certificate = match (cert_file, key_file) {
        (Some(cert_file), Some(key_file)) => Some(ClientCertificate { cert_file, key_file }),
        (None, None) => None,
        _ => return Err(Failure::config("store_cert_file and store_key_file come together")),
    };
    settings.prefix = knobs.value("store_prefix", None, file.store_prefix.clone(), settings.prefix);
    settings.timeout =
        knobs.seconds("store_timeout", given.store_timeout, file.store_timeout, seconds(settings.timeout))?;
    let replicas = knobs.value("store_wait_replicas", given.store_wait_replicas, file.store_wait_replicas, 0);
    settings.wait_replicas = (replicas > 0).then_some(replicas);
    // Nothing is connected yet; what can't be meant is refused here.
    SharedStore::new(&settings).map_err(Failure::config)?;
    Ok(settings)
}

impl FromStr for StoreFailure {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "memory" => Ok(Self::Memory),
            _ => Err("must be refuse or memory"),
        }
    }
}

struct Scope(ReceiptScope);

impl FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "anyone" => Ok(Self(ReceiptScope::Anyone)),
            "owner" => Ok(Self(ReceiptScope::Owner)),
            _ => Err("must be anyone or owner"),
        }
    }
}
