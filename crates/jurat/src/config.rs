//! The configuration of `serve`: flag, then environment, then one TOML file, then default. A bad value
//! refuses to start and names itself.

use std::{fmt::Display, net::SocketAddr, path::Path, str::FromStr, time::Duration};

use jurat_attest::{Nvml, QuoteSource, SwitchCommand};
use jurat_ledger::Bounds;
use jurat_proto::{Digest, sha256};
use jurat_proxy::{EngineAddress, Limits};
use serde::Deserialize;

use crate::{
    cli::ServeOptions,
    exit::{Code, Failure, print as print_data},
};

/// The file. Everything in it is measured where the platform measures configuration; the flags are not.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    admin_listen: Option<String>,
    engine: Option<String>,
    policy: Option<String>,
    concurrency: Option<usize>,
    workers: Option<usize>,
    first_byte_timeout: Option<f64>,
    idle_timeout: Option<f64>,
    drain_grace: Option<f64>,
    body_limit: Option<u64>,
    multipart_body_limit: Option<u64>,
    memory_store_bytes: Option<u64>,
    memory_store_age: Option<f64>,
    tdx_source: Option<String>,
    /// File-only, as it changes what a report means.
    gpus: Option<Gpus>,
    /// File-only: code that is run.
    nvml_library: Option<String>,
    /// File-only: code that is run.
    nvswitch_command: Option<Vec<String>>,
}

/// Whether the machine's GPUs are attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gpus {
    /// Every one, or the service does not start.
    Required,
    /// None: the machine computes on the CPU, and the claims say so. A GPU that is there all the same is refused.
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
    pub(crate) store: Bounds,
    pub(crate) tdx_source: QuoteSource,
    pub(crate) gpus: Gpus,
    /// Where NVML is; `None` for the name that drivers install.
    pub(crate) nvml_library: Option<String>,
    /// What asks the NVSwitches.
    pub(crate) nvswitch_command: Option<SwitchCommand>,
    pub(crate) tee: TeeChoice,
    /// Knob, value, origin, in order.
    rows: Vec<(&'static str, String, Origin)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Flag or environment; they are one to the command line's parser.
    Command,
    File,
    Default,
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
        let bounds = Bounds::default();
        let seconds = |duration: Duration| duration.as_secs_f64();
        let config = Self {
            listen: knobs.parsed("listen", options.listen.clone(), file.listen, "0.0.0.0:8000")?,
            admin_listen: knobs.parsed(
                "admin_listen",
                options.admin_listen.clone(),
                file.admin_listen,
                "127.0.0.1:9464",
            )?,
            engine: knobs.parsed("engine", options.engine.clone(), file.engine, "http://127.0.0.1:8001")?,
            policy: knobs.value("policy", options.policy.clone(), file.policy, default_policy.to_owned()),
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
            store: Bounds {
                bytes: knobs.value(
                    "memory_store_bytes",
                    options.memory_store_bytes,
                    file.memory_store_bytes,
                    bounds.bytes,
                ),
                age: knobs.seconds(
                    "memory_store_age",
                    options.memory_store_age,
                    file.memory_store_age,
                    seconds(bounds.age),
                )?,
            },
            tdx_source: knobs.parsed("tdx_source", options.tdx_source.clone(), file.tdx_source, "auto")?,
            gpus: file.gpus.unwrap_or(Gpus::Required),
            nvml_library: file.nvml_library.clone(),
            nvswitch_command: switch_command(file.nvswitch_command.as_deref())?,
            tee,
            rows: Vec::new(),
        };
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

impl File {
    fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::config(format_args!("{}: {error}", path.display())))?;
        toml::from_str(&text).map_err(|error| Failure::config(format_args!("{}: {error}", path.display())))
    }
}

struct Knobs {
    rows: Vec<(&'static str, String, Origin)>,
}

impl Knobs {
    fn value<T: Display>(
        &mut self,
        name: &'static str,
        command: Option<T>,
        file: Option<T>,
        default: T,
    ) -> T {
        let (value, origin) = match (command, file) {
            (Some(value), _) => (value, Origin::Command),
            (None, Some(value)) => (value, Origin::File),
            (None, None) => (default, Origin::Default),
        };
        self.rows.push((name, value.to_string(), origin));
        value
    }

    /// A bad value of the newest knob: a flag's is a mistake of usage, a file's one of configuration.
    fn refusal(&self, message: impl Display) -> Failure {
        match self.rows.last() {
            Some((_, _, Origin::Command)) => Failure::usage(message),
            _ => Failure::config(message),
        }
    }

    fn parsed<T>(
        &mut self,
        name: &'static str,
        command: Option<String>,
        file: Option<String>,
        default: &str,
    ) -> Result<T, Failure>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.value(name, command, file, default.to_owned());
        text.parse().map_err(|error| self.refusal(format_args!("{name} `{text}`: {error}")))
    }

    fn positive(
        &mut self,
        name: &'static str,
        command: Option<usize>,
        file: Option<usize>,
        default: usize,
    ) -> Result<usize, Failure> {
        let number = self.value(name, command, file, default);
        if number > 0 { Ok(number) } else { Err(self.refusal(format_args!("{name} must not be 0"))) }
    }

    fn seconds(
        &mut self,
        name: &'static str,
        command: Option<f64>,
        file: Option<f64>,
        default: f64,
    ) -> Result<Duration, Failure> {
        let seconds = self.value(name, command, file, default);
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|duration| !duration.is_zero() && *duration < Duration::from_secs(1 << 32))
            .ok_or_else(|| {
                Failure::config(format_args!("{name} `{seconds}` is no positive number of seconds"))
            })
    }
}

#[cfg(test)]
mod tests;
