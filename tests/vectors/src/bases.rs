//! Inputs of a judgement that hold: what every vector differs from.

pub(crate) mod policy;

use jurat_proto::Binding;

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
    /// Two GPUs in protected-PCIe mode, with the switches between them.
    ProtectedPcie,
    /// A VM of dstack.
    DstackVm,
    /// No GPU at all.
    NoGpu,
    /// The field's binding.
    DstackV1,
    /// The field's binding with TLS.
    DstackV2,
}

impl Name {
    /// Every base.
    pub const ALL: [Self; 8] = [
        Self::OneGpu,
        Self::TwoGpus,
        Self::EightGpus,
        Self::ProtectedPcie,
        Self::DstackVm,
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
            Self::ProtectedPcie => "protected-pcie",
            Self::DstackVm => "dstack-vm",
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
            Self::ProtectedPcie => {
                "a simulated machine with two GPUs in protected-PCIe mode and the switches between them"
            }
            Self::DstackVm => "a simulated machine that is a VM of dstack with a measured application",
            Self::NoGpu => "a simulated machine without a GPU, under a policy that wants none",
            Self::DstackV1 => "a simulated machine with one GPU, asked under dstack-v1",
            Self::DstackV2 => "a simulated machine with one GPU, asked under dstack-v2",
        }
    }

    /// The machine and the question.
    pub fn setting(self) -> Setting {
        let (gpus, binding) = match self {
            Self::OneGpu | Self::DstackVm => (1, Binding::JuratV1),
            Self::TwoGpus | Self::ProtectedPcie => (2, Binding::JuratV1),
            Self::EightGpus => (8, Binding::JuratV1),
            Self::NoGpu => (0, Binding::JuratV1),
            Self::DstackV1 => (1, Binding::DstackV1),
            Self::DstackV2 => (1, Binding::DstackV2),
        };
        let dstack_vm = self == Self::DstackVm;
        Setting {
            seed: 1,
            gpus,
            binding,
            switches: self == Self::ProtectedPcie,
            dstack_vm,
            policy: policy::of(self, gpus > 0, binding),
        }
    }

    /// The file.
    pub fn base(self) -> Base {
        Base { about: self.about().into(), inputs: self.setting().play(&[]) }
    }
}
