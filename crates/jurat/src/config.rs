//! The configuration of `serve`: flag, then environment, then one TOML file, then default. A bad value
//! refuses to start and names itself.

use std::{net::SocketAddr, time::Duration};

use jurat_attest::QuoteSource;
use jurat_proto::{Digest, sha256};
use jurat_proxy::{EngineAddress, Limits};
use serde::Deserialize;

mod file;
mod knobs;
mod receipts;

use file::File;
use knobs::{Knobs, Origin};
pub(crate) use receipts::{ArchiveChoice, Receipts, StoreFailure};

use crate::{
    cli::ServeOptions,
    exit::{Code, Failure, print as print_data},
};

/// Whether the machine's GPUs are attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gpus {
    /// Every one, or the service does not start.
    Require,
    /// None: the machine computes on the CPU, and the claims say so.
    None,
}

/// Whose evidence the service shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TeeChoice {
    Hardware,
    #[cfg(feature = "simulated-tee")]
    Simulated,
}

/// The effective configuration.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) admin_listen: SocketAddr,
    pub(crate) engine: EngineAddress,
    pub(crate) policy: String,
    pub(crate) concurrency: usize,
    pub(crate) workers: usize,
    pub(crate) drain_grace: Duration,
    pub(crate) limits: Limits,
    pub(crate) receipts: Receipts,
    pub(crate) tdx_source: QuoteSource,
    pub(crate) gpus: Gpus,
    pub(crate) tee: TeeChoice,
    /// Knob, value, origin, in order.
    rows: Vec<(&'static str, String, Origin)>,
}

impl Config {
    /// Reads the file, if one is named, and settles every knob.
    pub(crate) fn load(options: &ServeOptions) -> Result<Self, Failure> {
        let file = match &options.config {
            Some(path) => File::read(path)?,
            None => File::default(),
        };
        Self::settle(options, file)
    }

    fn settle(options: &ServeOptions, file: File) -> Result<Self, Failure> {
        let tee = tee(options);
        let default_policy = if tee == TeeChoice::Hardware { "permissive" } else { "simulated" };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut knobs = Knobs { rows: Vec::new() };
        let engine_origin = if options.engine.is_some() { Origin::Command } else { Origin::File };
        let default = Limits::default();
        let seconds = |duration: Duration| duration.as_secs_f64();
        let config = Self {
            listen: knobs.parsed("listen", options.listen.clone(), file.listen.clone(), "0.0.0.0:8000")?,
            admin_listen: knobs.parsed(
                "admin_listen",
                options.admin_listen.clone(),
                file.admin_listen.clone(),
                "127.0.0.1:9464",
            )?,
            engine: knobs.parsed(
                "engine",
                options.engine.clone(),
                file.engine.clone(),
                "http://127.0.0.1:8001",
            )?,
            policy: knobs.value(
                "policy",
                options.policy.clone(),
                file.policy.clone(),
                default_policy.to_owned(),
            ),
            concurrency: knobs.positive("concurrency", options.concurrency, file.concurrency, 10_000)?,
            workers: knobs.positive("workers", options.workers, file.workers, cores)?,
            drain_grace: knobs.seconds("drain_grace", options.drain_grace, file.drain_grace, 30.0)?,
            limits: Limits {
                first_byte: knobs.seconds(
                    "first_byte_timeout",
                    options.first_byte_timeout,
                    file.first_byte_timeout,
                    seconds(default.first_byte),
                )?,
                idle: knobs.seconds(
                    "idle_timeout",
                    options.idle_timeout,
                    file.idle_timeout,
                    seconds(default.idle),
                )?,
                body: knobs.value("body_limit", options.body_limit, file.body_limit, default.body),
                multipart_body: knobs.value(
                    "multipart_body_limit",
                    options.multipart_body_limit,
                    file.multipart_body_limit,
                    default.multipart_body,
                ),
            },
            receipts: Receipts::settle(&mut knobs, options, &file)?,
            tdx_source: knobs.parsed(
                "tdx_source",
                options.tdx_source.clone(),
                file.tdx_source.clone(),
                "auto",
            )?,
            gpus: file.gpus.unwrap_or(Gpus::Require),
            tee,
            rows: Vec::new(),
        };
        if !config.engine.is_local() && engine_origin == Origin::Command {
            return Err(Failure::config(format_args!("engine {} lies outside this machine", config.engine))
                .hint("such an address changes what an answer proves: name it in the configuration file, which is measured"));
        }
        let gpus = match config.gpus {
            Gpus::Require => "require",
            Gpus::None => "none",
        };
        let origin = if file.gpus.is_some() { Origin::File } else { Origin::Default };
        knobs.rows.push(("gpus", gpus.to_owned(), origin));
        Ok(Self { rows: knobs.rows, ..config })
    }

    /// SHA-256 of the effective values, `name = value` a line, in a fixed order: for the claims.
    pub(crate) fn digest(&self) -> Digest {
        let text: String = self.rows.iter().map(|(name, value, _)| format!("{name} = {value}\n")).collect();
        sha256(text.as_bytes())
    }
}

/// `jurat config print`
pub(crate) fn print(options: ServeOptions) -> Result<Code, Failure> {
    let config = Config::load(&options)?;
    for (name, value, origin) in &config.rows {
        let origin = match origin {
            Origin::Command => "flag or environment",
            Origin::File => "file",
            Origin::Default => "default",
        };
        print_data(format_args!("{name:<21} {value:<26} {origin}"));
    }
    Ok(Code::Done)
}

/// `jurat config check`
pub(crate) fn check(options: ServeOptions) -> Result<Code, Failure> {
    let config = Config::load(&options)?;
    crate::policy::load(&config.policy)?;
    Ok(Code::Done)
}

#[cfg(feature = "simulated-tee")]
fn tee(options: &ServeOptions) -> TeeChoice {
    if options.simulated_tee { TeeChoice::Simulated } else { TeeChoice::Hardware }
}

#[cfg(not(feature = "simulated-tee"))]
fn tee(_: &ServeOptions) -> TeeChoice {
    TeeChoice::Hardware
}

#[cfg(test)]
mod tests;
