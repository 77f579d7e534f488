//! NVML's structures and numbers, by the interface that NVIDIA documents in `nvml.h` (driver 550 and later).

use std::ffi::c_uint;

/// `nvmlReturn_t`.
pub(crate) type Return = c_uint;

pub(crate) const SUCCESS: Return = 0;
pub(crate) const UNINITIALIZED: Return = 1;
pub(crate) const INVALID_ARGUMENT: Return = 2;
pub(crate) const NOT_SUPPORTED: Return = 3;
pub(crate) const INSUFFICIENT_SIZE: Return = 7;
pub(crate) const ARGUMENT_VERSION_MISMATCH: Return = 25;
pub(crate) const UNKNOWN: Return = 999;

pub(crate) const CHAIN_BUFFER: usize = 0x1000;
pub(crate) const ATTESTATION_CHAIN_BUFFER: usize = 0x1400;
pub(crate) const REPORT_BUFFER: usize = 0x2000;
pub(crate) const CEC_REPORT_BUFFER: usize = 0x1000;

/// `NVML_STRUCT_VERSION(SystemConfComputeSettings, 1)`: the size, and the version in the topmost byte.
pub(crate) const SETTINGS_VERSION: c_uint = 0x0100_0014;

/// `nvmlConfComputeSystemState_t`.
#[repr(C)]
pub struct SystemState {
    pub(crate) environment: c_uint,
    pub(crate) feature: c_uint,
    pub(crate) developer_tools: c_uint,
}

/// `nvmlSystemConfComputeSettings_v1_t`.
#[repr(C)]
pub struct SystemSettings {
    pub(crate) version: c_uint,
    pub(crate) environment: c_uint,
    pub(crate) feature: c_uint,
    pub(crate) developer_tools: c_uint,
    pub(crate) multi_gpu: c_uint,
}

/// `nvmlConfComputeSystemCaps_t`.
#[repr(C)]
pub struct SystemCapabilities {
    pub(crate) cpu: c_uint,
    pub(crate) gpus: c_uint,
}

/// `nvmlConfComputeGpuCertificate_t`.
#[repr(C)]
pub struct GpuCertificate {
    pub(crate) chain_size: c_uint,
    pub(crate) attestation_chain_size: c_uint,
    pub(crate) chain: [u8; CHAIN_BUFFER],
    pub(crate) attestation_chain: [u8; ATTESTATION_CHAIN_BUFFER],
}

/// `nvmlConfComputeGpuAttestationReport_t`.
#[repr(C)]
pub struct GpuReport {
    pub(crate) cec_present: c_uint,
    pub(crate) report_size: c_uint,
    pub(crate) cec_report_size: c_uint,
    pub(crate) nonce: [u8; 32],
    pub(crate) report: [u8; REPORT_BUFFER],
    pub(crate) cec_report: [u8; CEC_REPORT_BUFFER],
}

// A structure of another size would be read past its end by whoever calls.
const _: () = {
    assert!(size_of::<SystemState>() == 12);
    assert!(size_of::<SystemSettings>() == 20);
    assert!(size_of::<SystemCapabilities>() == 8);
    assert!(size_of::<GpuCertificate>() == 9224);
    assert!(size_of::<GpuReport>() == 12332);
};
