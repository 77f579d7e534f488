//! The configuration of `serve`: flag, then environment, then one TOML file, then default. A bad value
//! refuses to start and names itself.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jurat_attest::{Nvml, QuoteSource, SwitchCommand};
use jurat_client::BaseUrl;
use jurat_proto::{Digest, sha256};
use jurat_proxy::{Demands, EngineAddress, Limits};
use serde::Deserialize;

mod admission;
mod demands;
mod file;
mod knobs;
mod otlp;
mod receipts;
mod tls;
mod vendors;

pub(crate) use admission::Admission;
use file::File;
use knobs::{Knobs, Origin};
pub(crate) use receipts::{ArchiveChoice, Receipts, StoreFailure};
pub(crate) use tls::{TlsChoice, TlsName};
pub(crate) use vendors::{Collateral, Vendors};

use crate::{
    cli::ServeOptions,
    exit::{Code, Failure, print as print_data},
    tls::Tls,
};

/// Whether the machine's GPUs are attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gpus {
    /// Every one, or the service does not start.
    Required,
    /// None: the machine computes on the CPU, and the claims say so. A GPU that is there all the same is refused.
    None,
}

/// Where the signing key comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KeyChoice {
    /// Drawn at start, gone with the process.
    #[default]
    Fresh,
    /// Derived by dstack's guest agent from the measured identity.
    Dstack,
}

/// What the service demands of its own report before it calls itself ready.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SelfCheckKind {
    /// That its judge trusts it.
    Full,
    /// That nothing is wrong with it but for want of what vendors say: `/readyz` names the checks that were left out. A
    /// report that brings its collateral is judged in full.
    #[default]
    Offline,
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
    pub(crate) self_check: SelfCheckKind,
    /// Whom it asks for what its verdict rests on.
    pub(crate) vendors: Vendors,
    /// How long from one self-check to the next.
    pub(crate) self_check_every: Duration,
    pub(crate) concurrency: usize,
    pub(crate) workers: usize,
    pub(crate) drain_grace: Duration,
    pub(crate) limits: Limits,
    pub(crate) demands: Demands,
    pub(crate) receipts: Receipts,
    pub(crate) tls: TlsChoice,
    pub(crate) admission: Admission,
    /// How long a request's head may take.
    pub(crate) head_timeout: Duration,
    /// The collector that is told of every exchange; always `None` in a build without the feature `otlp`.
    pub(crate) otlp_endpoint: Option<BaseUrl>,
    pub(crate) tdx_source: QuoteSource,
    pub(crate) gpus: Gpus,
    /// Where NVML is; `None` for the name that drivers install.
    pub(crate) nvml_library: Option<String>,
    /// What asks the NVSwitches.
    pub(crate) nvswitch_command: Option<SwitchCommand>,
    pub(crate) key: KeyChoice,
    /// The model's files, hashed for the claims.
    pub(crate) model_dir: Option<PathBuf>,
    /// Where their digests are kept from start to start.
    pub(crate) model_cache: Option<PathBuf>,
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
            self_check: file.self_check.unwrap_or_default(),
            vendors: Vendors::settle(&mut knobs, file.self_check.unwrap_or_default(), &file)?,
            self_check_every: knobs.seconds("self_check_every", None, file.self_check_every, 3600.0)?,
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
            demands: demands::settle(&mut knobs, &file)?,
            receipts: Receipts::settle(&mut knobs, options, &file)?,
            tls: TlsChoice::settle(&mut knobs, &file)?,
            admission: Admission::settle(&mut knobs, &file)?,
            head_timeout: knobs.seconds("head_timeout", None, file.head_timeout, 30.0)?,
            otlp_endpoint: otlp::settle(&mut knobs, &file)?,
            tdx_source: knobs.parsed(
                "tdx_source",
                options.tdx_source.clone(),
                file.tdx_source.clone(),
                "auto",
            )?,
            gpus: file.gpus.unwrap_or(Gpus::Required),
            nvml_library: file.nvml_library.clone(),
            nvswitch_command: switch_command(file.nvswitch_command.as_deref())?,
            key: file.key.unwrap_or_default(),
            model_dir: file.model_dir.clone(),
            model_cache: file.model_cache.clone(),
            tee,
            rows: Vec::new(),
        };
        if options.tdx_source.is_some() && config.tdx_source.names_a_place() {
            return Err(Failure::config("tdx_source names a place on the command line or in the environment")
                .hint("that is code to run or a socket to trust: name it in the configuration file, which is measured"));
        }
        if config.model_cache.is_some() && config.model_dir.is_none() {
            return Err(Failure::config("model_cache without model_dir"));
        }
        if !config.engine.is_local() && engine_origin == Origin::Command {
            return Err(Failure::config(format_args!("engine {} lies outside this machine", config.engine))
                .hint("such an address changes what an answer proves: name it in the configuration file, which is measured"));
        }
        let gpus = match config.gpus {
            Gpus::Required => "required",
            Gpus::None => "none",
        };
        let origin = |set: bool| if set { Origin::File } else { Origin::Default };
        knobs.rows.push(("gpus", gpus.to_owned(), origin(file.gpus.is_some())));
        let library = file.nvml_library.as_deref().unwrap_or(Nvml::DEFAULT_LIBRARY).to_owned();
        knobs.rows.push(("nvml_library", library, origin(file.nvml_library.is_some())));
        // As Rust writes lists, so that no two command lines read alike.
        let command = format!("{:?}", file.nvswitch_command.as_deref().unwrap_or_default());
        knobs.rows.push(("nvswitch_command", command, origin(file.nvswitch_command.is_some())));
        let key = match config.key {
            KeyChoice::Fresh => "fresh",
            KeyChoice::Dstack => "dstack",
        };
        knobs.rows.push(("key", key.to_owned(), origin(file.key.is_some())));
        let self_check = match config.self_check {
            SelfCheckKind::Full => "full",
            SelfCheckKind::Offline => "offline",
        };
        knobs.rows.push(("self_check", self_check.to_owned(), origin(file.self_check.is_some())));
        for (name, path) in [("model_dir", &config.model_dir), ("model_cache", &config.model_cache)] {
            let shown = path.as_ref().map_or_else(|| "none".to_owned(), |path| path.display().to_string());
            knobs.rows.push((name, shown, origin(path.is_some())));
        }
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
    config.admission.open()?;
    Tls::open(&config.tls)?;
    Ok(Code::Done)
}

fn switch_command(line: Option<&[String]>) -> Result<Option<SwitchCommand>, Failure> {
    line.map(|line| SwitchCommand::new(line, SwitchCommand::PATIENCE))
        .transpose()
        .map_err(|error| Failure::config(format_args!("nvswitch_command: {error}")))
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
