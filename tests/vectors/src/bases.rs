//! Inputs of a judgement that hold: what every vector differs from.

use jurat_proto::Binding;
use jurat_simulated::Tcb;

use crate::{format::Base, scene::Setting};

/// A base by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// One GPU, `jurat-v1`, and everything that can be checked.
    OneGpu,
    /// Two of them.
    TwoGpus,
    /// Eight of them.
    EightGpus,
    /// A platform with an open advisory, under a policy that allows it.
    Hardening,
    /// No GPU at all.
    NoGpu,
    /// The field's binding.
    DstackV1,
    /// The field's binding with TLS.
    DstackV2,
}

impl Name {
    /// Every base.
    pub const ALL: [Self; 7] = [
        Self::OneGpu,
        Self::TwoGpus,
        Self::EightGpus,
        Self::Hardening,
        Self::NoGpu,
        Self::DstackV1,
        Self::DstackV2,
    ];

    /// The file's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneGpu => "one-gpu",
            Self::TwoGpus => "two-gpus",
            Self::EightGpus => "eight-gpus",
            Self::Hardening => "hardening",
            Self::NoGpu => "no-gpu",
            Self::DstackV1 => "dstack-v1",
            Self::DstackV2 => "dstack-v2",
        }
    }

    const fn about(self) -> &'static str {
        match self {
            Self::OneGpu => "a simulated machine with one GPU, asked under jurat-v1",
            Self::TwoGpus => "a simulated machine with two GPUs, asked under jurat-v1",
            Self::EightGpus => "a simulated machine with eight GPUs, asked under jurat-v1",
            Self::Hardening => "a simulated machine that is SWHardeningNeeded, under a policy that allows it",
            Self::NoGpu => "a simulated machine without a GPU, under a policy that wants none",
            Self::DstackV1 => "a simulated machine with one GPU, asked under dstack-v1",
            Self::DstackV2 => "a simulated machine with one GPU, asked under dstack-v2",
        }
    }

    /// The machine and the question.
    pub fn setting(self) -> Setting {
        let (gpus, binding) = match self {
            Self::OneGpu | Self::Hardening => (1, Binding::JuratV1),
            Self::TwoGpus => (2, Binding::JuratV1),
            Self::EightGpus => (8, Binding::JuratV1),
            Self::NoGpu => (0, Binding::JuratV1),
            Self::DstackV1 => (1, Binding::DstackV1),
            Self::DstackV2 => (1, Binding::DstackV2),
        };
        let (tcb, statuses) = match self {
            Self::Hardening => (Tcb::SwHardeningNeeded, "\"UpToDate\", \"SWHardeningNeeded\""),
            _ => (Tcb::UpToDate, "\"UpToDate\""),
        };
        Setting { seed: 1, gpus, tcb, binding, policy: policy(gpus > 0, binding, statuses) }
    }

    /// The file.
    pub fn base(self) -> Base {
        Base { about: self.about().into(), inputs: self.setting().play(&[]) }
    }
}

const ALWAYS: &[&str] = &["tdx.quote", "tdx.tcb", "tdx.debug", "tdx.eventlog", "bind.address", "bind.nonce"];
const OF_JURAT_V1: &[&str] = &["bind.claims", "bind.gpu"];
const OF_GPUS: &[&str] =
    &["gpu.present", "gpu.chain", "gpu.signature", "gpu.nonce", "gpu.firmware", "gpu.mode"];

/// The strictest policy that the base holds under: every check that can be made is required.
fn policy(gpus: bool, binding: Binding, statuses: &str) -> String {
    let mut required = ALWAYS.to_vec();
    if binding == Binding::JuratV1 {
        required.extend(OF_JURAT_V1);
    }
    if binding != Binding::DstackV1 {
        required.push("bind.tls");
    }
    if gpus {
        required.extend(OF_GPUS);
    }
    let required: Vec<_> = required.iter().map(|check| format!("  \"{check}\",\n")).collect();
    format!(
        "name = \"vectors\"\nroots = \"simulated\"\nbindings = [\"{binding}\"]\nrequired = [\n{}]\n\
         tcb_statuses = [{statuses}]\nmin_tcb_evaluation_data_number = 1\nmanifest_sources = [\"at_start\"]\n",
        required.concat()
    )
}
