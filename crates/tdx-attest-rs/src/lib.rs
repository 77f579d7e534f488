//! The driver: TDX quotes through configfs-tsm, under the public names of Intel's crate.
//!
//! - [`Tsm`]: one quote from the kernel's folder interface, with errors in words ([`TsmError`]).
//! - [`Measurements`]: extends a run-time measurement register where the kernel offers that.
//! - `tdx_att_*` and `tdx_*_t`: the names that programs written for Intel's crate call.
//!
//! Source: `Documentation/ABI/testing/configfs-tsm-report` and
//! `Documentation/ABI/testing/sysfs-devices-virtual-misc-tdx_guest` of the Linux kernel. Nothing here judges a
//! quote, or looks inside one.
#![forbid(unsafe_code)]

mod error;
mod intel;
mod measurements;
mod request;
mod retry;
mod tsm;

pub use error::TsmError;
pub use intel::{
    TDX_REPORT_DATA_SIZE, TDX_REPORT_SIZE, TDX_SGX_ECDSA_ATTESTATION_ID, TDX_UUID_SIZE, tdx_att_extend,
    tdx_att_get_quote, tdx_att_get_report, tdx_att_get_supported_att_key_ids, tdx_attest_error_t,
    tdx_report_data_t, tdx_report_t, tdx_uuid_t,
};
pub use measurements::{ExtendError, Measurements, Rtmr};
pub use tsm::Tsm;

#[cfg(test)]
mod tests;
