//! The two boundaries to hardware, as traits: who makes quotes, who makes GPU evidence.
//!
//! Both are synchronous and may block for seconds; the evidence engine calls them from threads of its own.

use std::fmt;

use jurat_proto::{Nonce, ReportData};
use serde_json::value::RawValue;

/// What kind of machine a provider speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tee {
    /// An Intel TDX confidential VM.
    Tdx,
    /// The look-alike of `jurat-simulated`: it proves nothing, and says so in every report.
    Simulated,
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tdx => "tdx",
            Self::Simulated => "simulated",
        })
    }
}

/// A TDX quote with what its platform says beside it.
#[derive(Debug, Clone)]
pub struct Quote {
    /// The quote, version 4 or 5, as the platform made it.
    pub bytes: Vec<u8>,
    /// JSON array of `{imr,event_type,digest,event,event_payload}`, untouched; `None` where the platform keeps none.
    pub event_log: Option<String>,
    /// The platform's VM configuration, untouched.
    pub vm_config: Option<String>,
    /// The platform's description of itself as a JSON object, untouched.
    pub info: Option<Box<RawValue>>,
}

/// Why there is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuoteFailure {
    /// The machine has no such source of quotes.
    #[error("no quote provider: {0}")]
    Unavailable(String),
    /// The source is there and busy; trying again may help.
    #[error("the quote provider is busy: {0}")]
    Busy(String),
    /// The source did not answer in its own time.
    #[error("the quote provider timed out: {0}")]
    TimedOut(String),
    /// The source answered with an error.
    #[error("the quote provider failed: {0}")]
    Failed(String),
    /// The source handed out a quote that is not the one asked for.
    #[error("the quote provider gave a wrong quote: {0}")]
    Wrong(String),
    /// The machine itself is open: the quote says so, and is genuine for all we know.
    #[error("the TD runs with the attribute DEBUG: its host can read all of its memory")]
    DebugTd,
}

/// A source of TDX quotes.
pub trait QuoteProvider: Send {
    /// A short name for logs and `jurat doctor`.
    fn name(&self) -> &'static str;

    /// What a report made with it is marked as.
    fn tee(&self) -> Tee {
        Tee::Tdx
    }

    /// A quote that carries `report_data`. Blocks, for up to half a minute on real hosts.
    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure>;

    /// The collateral that a simulated quote verifies with, as `dcap-qvl`'s JSON. Real quotes bring none.
    fn collateral(&self) -> Option<String> {
        None
    }
}

/// NVIDIA's names for GPU generations, as its attestation service takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuArchitecture {
    /// H100, H200, H800, H20.
    Hopper,
    /// B100, B200 and later.
    Blackwell,
}

impl GpuArchitecture {
    /// The wire form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hopper => "HOPPER",
            Self::Blackwell => "BLACKWELL",
        }
    }
}

/// One GPU's evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuEvidence {
    /// PEM certificates, leaf (attestation key) first, without trailing NULs.
    pub certificate_chain: Vec<u8>,
    /// SPDM 1.1 GET_MEASUREMENTS request (37 bytes) and the signed MEASUREMENTS response.
    pub report: Vec<u8>,
    /// The GPU's generation.
    pub architecture: GpuArchitecture,
}

/// One NVSwitch's evidence, in the forms that a GPU's has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwitchEvidence {
    /// PEM certificates, leaf (attestation key) first, without trailing NULs.
    pub certificate_chain: Vec<u8>,
    /// SPDM 1.1 GET_MEASUREMENTS request (37 bytes) and the signed MEASUREMENTS response.
    pub report: Vec<u8>,
}

/// Why there is no GPU evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuFailure {
    /// The driver's library is not there or does not start.
    #[error("no GPU driver: {0}")]
    Unavailable(String),
    /// The GPU is there and not in confidential-computing mode, or open to developers' tools.
    #[error("the GPU is not confidential: {0}")]
    NotConfidential(NotConfidential),
    /// The driver answered with an error.
    #[error("the GPU driver failed: {0}")]
    Failed(String),
    /// The driver handed out evidence that is not the evidence asked for.
    #[error("the GPU driver gave wrong evidence: {0}")]
    Wrong(String),
    /// A device did not answer in time.
    #[error("the GPU driver timed out: {0}")]
    TimedOut(String),
    /// The evidence of the switches between the GPUs, which is configured to be there, is not.
    #[error("no evidence of the NVSwitches: {0}")]
    Switches(String),
}

/// Why evidence of a machine's GPUs would be worth nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotConfidential {
    /// Profilers and debuggers may look into the GPU.
    #[error("developer tools are on, so the GPU can be looked into")]
    DeveloperTools,
    /// The feature is on, in another environment than NVIDIA's production one.
    #[error("it runs in a simulated environment, not in production")]
    SimulatedEnvironment,
    /// The feature is on, and the driver does not tell the environment before the GPUs take work.
    #[error("the GPUs are not set ready for work, so the driver does not tell their environment")]
    NotReady,
    /// Neither confidential computing nor protected PCIe.
    #[error("confidential computing is off")]
    Off,
    /// The GPU, or the driver, is too old.
    #[error("this GPU or driver knows no confidential computing ({0})")]
    Unsupported(String),
}

impl NotConfidential {
    /// What to do about it, in one line.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::DeveloperTools => {
                "the host's operator sets the GPUs' mode to `on` and not `devtools`, and the VM starts anew"
            }
            Self::SimulatedEnvironment => "evidence counts from production GPUs and drivers alone",
            Self::NotReady => {
                "whoever brings up the VM sets them ready, as root: nvidia-smi conf-compute -srs 1"
            }
            Self::Off => {
                "the host's operator switches the GPUs' confidential-computing mode on, and the VM starts anew"
            }
            Self::Unsupported(_) => {
                "confidential computing needs Hopper or Blackwell GPUs and a driver of version 550 or later"
            }
        }
    }
}

/// A source of GPU evidence for every GPU of the machine.
pub trait GpuProvider: Send {
    /// A short name for logs and `jurat doctor`.
    fn name(&self) -> &'static str;

    /// How many GPUs the machine has.
    fn count(&mut self) -> Result<u32, GpuFailure>;

    /// Evidence over `nonce` from every GPU, in index order: all of them or an error.
    fn evidence(&mut self, nonce: &Nonce) -> Result<Vec<GpuEvidence>, GpuFailure>;

    /// Evidence over `nonce` from every switch between the GPUs: all of them or an error. `None` if nobody is
    /// asked for it, which is right wherever GPUs do not reach each other over NVLink in the clear.
    fn switches(&mut self, _nonce: &Nonce) -> Result<Option<Vec<SwitchEvidence>>, GpuFailure> {
        Ok(None)
    }
}
