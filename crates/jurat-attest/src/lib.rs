//! The hardware: evidence from TDX and from NVIDIA GPUs.
//!
//! A producer: it never judges (that is `jurat-verify`), it only refuses to hand out evidence that is
//! not the evidence asked for. It reads devices and changes nothing on them.
//!
//! ```text
//! Attester            one thread, one queue: the only caller of the providers below
//!   CheckedQuotes     TDX, version, report data, DEBUG bit: of every quote, whoever made it
//!     ConfigfsTsm     the kernel's configfs-tsm, through tdx-attest-rs
//!     TdxAttest       the public names of tdx-attest-rs, ours or Intel's
//!     IntelLibrary    Intel's C library libtdx_attest, loaded at run time
//!     DstackAgent     dstack's guest agent, on its unix socket
//!     TimelyQuotes    a deadline around those that have none
//!   CheckedGpus       count and nonce: of all GPU evidence, whoever made it
//!     WithSwitches    beside the GPUs, a command that asks the switches, with a deadline of its own
//!     TimelyGpus      a thread and a deadline for
//!       Nvml          NVIDIA's management library
//! ```
//!
//! [`quote_provider`] picks the quote provider. [`QuoteProvider`] and [`GpuProvider`] are the boundaries:
//! `jurat-simulated` stands behind the same two.
#![forbid(unsafe_code)]

mod caught;
mod checked;
#[cfg(feature = "configfs")]
mod configfs;
mod discover;
mod dstack;
mod engine;
mod intel_library;
mod manifest;
mod nvml;
mod nvswitch;
mod provider;
mod shape;
mod tdx_attest;
mod timely;
mod timely_quotes;
mod worker;

pub use checked::{CheckedGpus, CheckedQuotes};
#[cfg(feature = "configfs")]
pub use configfs::ConfigfsTsm;
pub use discover::{
    DEFAULT_TSM_ROOT, Opened, QuoteSource, UnknownQuoteSource, quote_provider, quote_sources,
};
pub use dstack::{DSTACK_SOCKETS, DerivedKey, DstackAgent, KEY_PATH, KEY_PURPOSE};
pub use engine::{
    Attester, Caller, Identity, Observed, Part, ReportFailure, ReportRequest, Settings, StartError,
};
pub use intel_library::IntelLibrary;
pub use manifest::{Manifest, ManifestError, ManifestOptions, Progress, read_model};
pub use nvml::{Nvml, Survey, SurveyedGpu, survey};
pub use nvswitch::{BadSwitchCommand, SwitchCommand, WithSwitches};
pub use provider::{
    GpuArchitecture, GpuEvidence, GpuFailure, GpuProvider, NotConfidential, Quote, QuoteFailure,
    QuoteProvider, SwitchEvidence, Tee,
};
pub use tdx_attest::TdxAttest;
pub use timely::TimelyGpus;
pub use timely_quotes::TimelyQuotes;
