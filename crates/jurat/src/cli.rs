//! The command line. Every flag has an environment twin, `JURAT_` and its name.

mod asking;
mod token;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jurat_proto::Nonce;

pub(crate) use self::{
    asking::{ChatOptions, ConnectOptions, LONGEST_SECONDS},
    token::{NewTokenOptions, TokenCommand, TokenOptions},
};

/// Every answer, sworn to by the machine that gave it.
#[derive(Debug, Parser)]
#[command(name = "jurat", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the sidecar in front of an engine
    Serve(ServeOptions),
    /// Show the whole story on this machine, under a simulated TEE
    Demo(DemoOptions),
    /// Judge a service's report: is this the hardware and the software I accept?
    Verify(VerifyOptions),
    /// Judge an answer: did the service swear to it?
    Check(CheckOptions),
    /// Ask for a completion, and print it only with its verdict
    Chat(ChatOptions),
    /// Stand between any OpenAI client and a service, and let no answer pass unverified
    Connect(ConnectOptions),
    /// Put an answer and all that its verdict rests on into one file, which verifies offline for ever
    Bundle(BundleOptions),
    /// Judge an export of receipts: is nothing missing, altered or out of its place?
    Audit(AuditOptions),
    /// Print the running service's report or a certificate request, through its admin listener
    Attest(AttestOptions),
    /// Say whether the running service is ready: a health check for containers
    Health(crate::health::HealthOptions),
    /// Look for what `serve` would lack on this machine, and say what to do about it
    Doctor(crate::doctor::DoctorOptions),
    /// Print a manual page, or completions for a shell
    #[command(subcommand)]
    Manual(crate::manual::ManualCommand),
    /// Make bearer tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Show verification policies, look for what is unwise in one, make reference values for one
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Show or check the configuration of `serve`
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print a policy as TOML
    Show(PolicyOptions),
    /// Name what is unwise about a policy, what an attacker gains by it, and what to write instead
    Lint(PolicyOptions),
    /// Print what a trusted report's TD measures to, as reference values
    Reference(Box<ReferenceOptions>),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print each knob's effective value and where it comes from
    Print(ServeOptions),
    /// Say whether `serve` would accept the configuration
    Check(ServeOptions),
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServeOptions {
    /// Configuration file (TOML)
    #[arg(long, env = "JURAT_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address of the data port [default: 0.0.0.0:8000]
    #[arg(long, env = "JURAT_LISTEN", value_name = "IP:PORT")]
    pub(crate) listen: Option<String>,
    /// Address of the admin listener [default: 127.0.0.1:9464]
    #[arg(long, env = "JURAT_ADMIN_LISTEN", value_name = "IP:PORT")]
    pub(crate) admin_listen: Option<String>,
    /// The engine: http://127.0.0.1:PORT or unix:/path [default: http://127.0.0.1:8001]
    #[arg(long, env = "JURAT_ENGINE", value_name = "ADDRESS")]
    pub(crate) engine: Option<String>,
    /// Policy of the self-check: a name or a file [default: permissive]
    #[arg(long, env = "JURAT_POLICY", value_name = "NAME|FILE")]
    pub(crate) policy: Option<String>,
    /// Exchanges under way at most [default: 10000]
    #[arg(long, env = "JURAT_CONCURRENCY", value_name = "N")]
    pub(crate) concurrency: Option<usize>,
    /// Worker threads of the data port [default: one a core]
    #[arg(long, env = "JURAT_WORKERS", value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Seconds that the engine may take to its first byte [default: 600]
    #[arg(long, env = "JURAT_FIRST_BYTE_TIMEOUT", value_name = "SECONDS")]
    pub(crate) first_byte_timeout: Option<f64>,
    /// Seconds of silence within an answer or an upload [default: 120]
    #[arg(long, env = "JURAT_IDLE_TIMEOUT", value_name = "SECONDS")]
    pub(crate) idle_timeout: Option<f64>,
    /// Seconds that answers under way get when the service stops [default: 30]
    #[arg(long, env = "JURAT_DRAIN_GRACE", value_name = "SECONDS")]
    pub(crate) drain_grace: Option<f64>,
    /// Largest request body in bytes [default: 67108864]
    #[arg(long, env = "JURAT_BODY_LIMIT", value_name = "BYTES")]
    pub(crate) body_limit: Option<u64>,
    /// Largest multipart request body in bytes [default: 268435456]
    #[arg(long, env = "JURAT_MULTIPART_BODY_LIMIT", value_name = "BYTES")]
    pub(crate) multipart_body_limit: Option<u64>,
    /// Folder of the durable archive; without it receipts live in memory and end with the process
    #[arg(long, env = "JURAT_STATE_DIR", value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
    /// A server that several sidecars share as their archive: redis://, rediss:// or redis+unix://
    #[arg(long, env = "JURAT_STORE_URL", value_name = "URL", conflicts_with = "state_dir")]
    pub(crate) store_url: Option<String>,
    #[command(flatten)]
    pub(crate) shared: SharedStoreOptions,
    /// Bytes of receipts that the durable archive keeps [default: 4294967296]
    #[arg(long, env = "JURAT_STORE_BYTES", value_name = "BYTES")]
    pub(crate) store_bytes: Option<u64>,
    /// Seconds that the durable archive keeps receipts [default: 2592000]
    #[arg(long, env = "JURAT_STORE_AGE", value_name = "SECONDS")]
    pub(crate) store_age: Option<f64>,
    /// When the archive takes no receipts: refuse requests, or go on from memory [default: refuse]
    #[arg(long, env = "JURAT_ON_STORE_FAILURE", value_name = "refuse|memory")]
    pub(crate) on_store_failure: Option<String>,
    /// Who may fetch a receipt: anyone who knows its id, or the bearer of the request's token [default: anyone]
    #[arg(long, env = "JURAT_RECEIPT_SCOPE", value_name = "anyone|owner")]
    pub(crate) receipt_scope: Option<String>,
    /// Bytes of receipts kept in memory [default: 268435456]
    #[arg(long, env = "JURAT_MEMORY_STORE_BYTES", value_name = "BYTES")]
    pub(crate) memory_store_bytes: Option<u64>,
    /// Seconds that receipts are kept in memory [default: 86400]
    #[arg(long, env = "JURAT_MEMORY_STORE_AGE", value_name = "SECONDS")]
    pub(crate) memory_store_age: Option<f64>,
    /// Where quotes come from: auto, configfs, library or dstack [default: auto]
    #[arg(long, env = "JURAT_TDX_SOURCE", value_name = "SOURCE")]
    pub(crate) tdx_source: Option<String>,
    /// Attest under a look-alike PKI that proves nothing: for trying out, on any machine
    #[cfg(feature = "simulated-tee")]
    #[arg(long)]
    pub(crate) simulated_tee: bool,
}

/// How to speak to the shared store.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct SharedStoreOptions {
    /// The shared store's user
    #[arg(long, env = "JURAT_STORE_USERNAME", value_name = "NAME")]
    pub(crate) store_username: Option<String>,
    /// File with the shared store's password
    #[arg(long, env = "JURAT_STORE_PASSWORD_FILE", value_name = "FILE")]
    pub(crate) store_password_file: Option<PathBuf>,
    /// File with the certificates that the shared store's must descend from
    #[arg(long, env = "JURAT_STORE_CA_FILE", value_name = "FILE")]
    pub(crate) store_ca_file: Option<PathBuf>,
    /// File with the certificate to show to the shared store
    #[arg(long, env = "JURAT_STORE_CERT_FILE", value_name = "FILE", requires = "store_key_file")]
    pub(crate) store_cert_file: Option<PathBuf>,
    /// File with that certificate's key
    #[arg(long, env = "JURAT_STORE_KEY_FILE", value_name = "FILE", requires = "store_cert_file")]
    pub(crate) store_key_file: Option<PathBuf>,
    /// Seconds that a call of the shared store may take [default: 2]
    #[arg(long, env = "JURAT_STORE_TIMEOUT", value_name = "SECONDS")]
    pub(crate) store_timeout: Option<f64>,
    /// Replicas of the shared store that must have a receipt before its answer ends [default: none]
    #[arg(long, env = "JURAT_STORE_WAIT_REPLICAS", value_name = "N")]
    pub(crate) store_wait_replicas: Option<u8>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Your engine, in place of the built-in one
    #[arg(long, env = "JURAT_ENGINE", value_name = "ADDRESS")]
    pub(crate) engine: Option<String>,
    /// The model to ask for
    #[arg(long, default_value = "jurat-demo", value_name = "NAME")]
    pub(crate) model: String,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyOptions {
    /// A service's base URL, or a file that holds a report
    #[arg(value_name = "URL|REPORT.json")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
    /// Write the report that was judged to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
}

/// How to judge.
#[derive(Debug, Clone, Args)]
pub(crate) struct JudgingOptions {
    /// Policy: production, permissive, 0g, simulated, or a file
    #[arg(long, env = "JURAT_POLICY", default_value = "production", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Reference values of the software that is accepted, beside the policy's own; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Vec<PathBuf>,
    /// The nonce that the report must answer, 64 hex [default for a URL: a fresh one]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,
    /// Judge as of this time, seconds since 1970: for archived reports
    #[arg(long, value_name = "UNIX")]
    pub(crate) at: Option<u64>,
    #[command(flatten)]
    pub(crate) material: MaterialOptions,
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What vendors say, and where it comes from. Under a simulated policy only addresses that are named are asked.
#[derive(Debug, Clone, Args)]
pub(crate) struct MaterialOptions {
    /// Intel's collateral (`QuoteCollateralV3` as JSON), in place of asking for it
    #[arg(long, value_name = "FILE")]
    pub(crate) collateral: Option<PathBuf>,
    /// Where to ask for collateral: Intel's service or a cache of it (PCCS) [default: Intel's]
    #[arg(long, env = "JURAT_PCS", value_name = "URL")]
    pub(crate) pcs: Option<String>,
    /// NVIDIA's manifests: where to ask, or a file or folder of them; may be given several times [default: NVIDIA's
    /// service]
    #[arg(long, env = "JURAT_RIM", value_name = "URL|FILE|DIR")]
    pub(crate) rim: Vec<String>,
    /// Whether NVIDIA's certificates are revoked: where to ask, or an OCSP response in DER; may be given several times
    /// [default: NVIDIA's responder]
    #[arg(long, env = "JURAT_OCSP", value_name = "URL|FILE")]
    pub(crate) ocsp: Vec<String>,
    /// Ask NVIDIA's attestation service, too: it is sent the GPU evidence [without a URL: NVIDIA's]
    #[arg(long, env = "JURAT_NRAS", value_name = "URL", num_args = 0..=1, require_equals = true,
          default_missing_value = jurat_client::Sources::NRAS)]
    pub(crate) nras: Option<String>,
    /// An answer of NVIDIA's attestation service that was kept
    #[arg(long, value_name = "FILE", requires = "jwks")]
    pub(crate) nras_answer: Option<PathBuf>,
    /// The service's key set, kept with the answer
    #[arg(long, value_name = "FILE", requires = "nras_answer")]
    pub(crate) jwks: Option<PathBuf>,
    /// Ask nobody but the service itself; what the cache has is taken, however old
    #[arg(long)]
    pub(crate) offline: bool,
    /// Folder of vendors' answers, which nothing rests on [default: $XDG_CACHE_HOME/jurat or ~/.cache/jurat]
    #[arg(long, env = "JURAT_CACHE", value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Keep and take no answers from a cache
    #[arg(long, conflicts_with = "cache")]
    pub(crate) no_cache: bool,
    /// Seconds that each question to a vendor may take
    #[arg(long, env = "JURAT_PATIENCE", value_name = "SECONDS", default_value = "15",
          value_parser = asking::seconds(0))]
    pub(crate) patience: u64,
}

#[derive(Debug, Args)]
pub(crate) struct CheckOptions {
    /// The service's base URL
    #[arg(long, value_name = "URL", required_unless_present = "bundle")]
    pub(crate) url: Option<String>,
    /// The answer's id: `X-Receipt-Id`, or the `id` in its body
    #[arg(long, value_name = "ID", required_unless_present = "bundle")]
    pub(crate) id: Option<String>,
    /// The request's body, byte for byte as sent
    #[arg(long, value_name = "FILE", required_unless_present = "bundle", requires = "response")]
    pub(crate) request: Option<PathBuf>,
    /// The answer's body, byte for byte as received
    #[arg(long, value_name = "FILE", required_unless_present = "bundle", requires = "request")]
    pub(crate) response: Option<PathBuf>,
    /// A bundle in place of a service: nobody is asked, and what vendors said is in it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "id", "export"])]
    pub(crate) bundle: Option<PathBuf>,
    /// An export in which the receipts beside this one stand, to judge its place in the chain
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct BundleOptions {
    /// The service's base URL
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The answer's id: `X-Receipt-Id`, or the `id` in its body
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The request's body, byte for byte as sent
    #[arg(long, value_name = "FILE")]
    pub(crate) request: PathBuf,
    /// The answer's body, byte for byte as received
    #[arg(long, value_name = "FILE")]
    pub(crate) response: PathBuf,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Put both bodies into the bundle, and not their hashes alone
    #[arg(long)]
    pub(crate) with_bodies: bool,
    /// An export in which the receipts beside this one stand, to bundle its place in the chain
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
}

#[derive(Debug, Args)]
pub(crate) struct AuditOptions {
    /// The base URL of an admin listener, or a file that holds an export (`-`: standard input)
    #[arg(value_name = "URL|FILE")]
    pub(crate) target: String,
    /// A report of a signer, as `jurat verify --save` keeps it; may be given several times
    #[arg(long = "report", value_name = "FILE")]
    pub(crate) reports: Vec<PathBuf>,
    /// The service's base URL, to fetch the reports of signers that are not at hand
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The export was asked for from some place on: do not miss the beginning of a chain
    #[arg(long)]
    pub(crate) part: bool,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
    /// Policy: production, permissive, 0g, simulated, or a file
    #[arg(long, env = "JURAT_POLICY", default_value = "production", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Reference values of the software that is accepted, beside the policy's own; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Vec<PathBuf>,
    /// Judge kept reports as of this time, seconds since 1970 [default: when each was made]
    #[arg(long, value_name = "UNIX")]
    pub(crate) at: Option<u64>,
    #[command(flatten)]
    pub(crate) material: MaterialOptions,
    /// Write the export that was judged to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,
    /// Print the verdict as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AttestOptions {
    /// The caller's nonce, 64 hex [default: a fresh one]
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<Nonce>,
    /// In place of the report: a certificate request for the attested TLS key, under this name (several between commas)
    #[arg(long, value_name = "NAME", conflicts_with = "nonce")]
    pub(crate) csr: Option<String>,
    /// The service's admin listener
    #[arg(long, env = "JURAT_ADMIN", default_value = "http://127.0.0.1:9464", value_name = "URL")]
    pub(crate) admin: String,
    #[command(flatten)]
    pub(crate) token: TokenOptions,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyOptions {
    /// A name or a file
    #[arg(default_value = "production", value_name = "NAME|FILE")]
    pub(crate) policy: String,
    /// Reference values to take in; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) reference: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReferenceOptions {
    /// A service's base URL, or a file that holds a report
    #[arg(value_name = "URL|REPORT.json")]
    pub(crate) target: String,
    /// What to call the set
    #[arg(long, default_value = "observed", value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) judging: JudgingOptions,
}

#[cfg(test)]
mod tests;
