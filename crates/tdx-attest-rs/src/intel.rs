//! The names of Intel's crate, over [`Tsm`] and [`Measurements`].
//!
//! Names, types and codes are those of `tdx_attest.h`, so that a program that uses nothing else can be built with
//! either crate.
#![allow(non_camel_case_types)]

use crate::{ExtendError, Measurements, Rtmr, Tsm, TsmError};

/// Bytes of a [`tdx_uuid_t`].
pub const TDX_UUID_SIZE: usize = 16;
/// Bytes of a [`tdx_report_data_t`].
pub const TDX_REPORT_DATA_SIZE: usize = 64;
/// Bytes of a [`tdx_report_t`].
pub const TDX_REPORT_SIZE: usize = 1024;

/// The attestation key that every TDX platform has: ECDSA over P-256.
pub const TDX_SGX_ECDSA_ATTESTATION_ID: tdx_uuid_t = tdx_uuid_t {
    d: [0xe8, 0x6c, 0x04, 0x6e, 0x8c, 0xc4, 0x4d, 0x95, 0x81, 0x73, 0xfc, 0x43, 0xc1, 0xfa, 0x4f, 0x3f],
};

/// What the caller binds to a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tdx_report_data_t {
    /// The bytes.
    pub d: [u8; TDX_REPORT_DATA_SIZE],
}

/// The id of an attestation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tdx_uuid_t {
    /// The bytes.
    pub d: [u8; TDX_UUID_SIZE],
}

/// A TDREPORT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct tdx_report_t {
    /// The bytes.
    pub d: [u8; TDX_REPORT_SIZE],
}

/// Outcome codes of `tdx_attest.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum tdx_attest_error_t {
    /// Done.
    TDX_ATTEST_SUCCESS = 0,
    /// Something that should not happen.
    TDX_ATTEST_ERROR_UNEXPECTED = 1,
    /// The caller's mistake.
    TDX_ATTEST_ERROR_INVALID_PARAMETER = 2,
    /// No memory. Never returned here.
    TDX_ATTEST_ERROR_OUT_OF_MEMORY = 3,
    /// The vsock path failed. Never returned here: there is none.
    TDX_ATTEST_ERROR_VSOCK_FAILURE = 4,
    /// No TDREPORT. Never returned here.
    TDX_ATTEST_ERROR_REPORT_FAILURE = 5,
    /// The register was not extended.
    TDX_ATTEST_ERROR_EXTEND_FAILURE = 6,
    /// This machine or this crate does not offer it.
    TDX_ATTEST_ERROR_NOT_SUPPORTED = 7,
    /// The host's quoting service failed or was silent.
    TDX_ATTEST_ERROR_QUOTE_FAILURE = 8,
    /// The kernel's mailbox to the host is occupied.
    TDX_ATTEST_ERROR_BUSY = 9,
    /// No way to the kernel's driver.
    TDX_ATTEST_ERROR_DEVICE_FAILURE = 0xa,
    /// Only RTMR2 and RTMR3 can be extended.
    TDX_ATTEST_ERROR_INVALID_RTMR_INDEX = 0xb,
    /// None of the keys asked for.
    TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID = 0xc,
}

use tdx_attest_error_t::*;

/// A quote over `tdx_report_data`, through [`Tsm::DEFAULT_ROOT`].
///
/// `att_key_id_list`: keys that the verifier takes, or `None` for any. `att_key_id` receives the key used.
/// `flags` must be 0. Blocks as [`Tsm::quote`] does.
pub fn tdx_att_get_quote(
    tdx_report_data: Option<&tdx_report_data_t>,
    att_key_id_list: Option<&[tdx_uuid_t]>,
    att_key_id: Option<&mut tdx_uuid_t>,
    flags: u32,
) -> (tdx_attest_error_t, Option<Vec<u8>>) {
    quote_through(&Tsm::default(), tdx_report_data, att_key_id_list, att_key_id, flags)
}

/// Always [`TDX_ATTEST_ERROR_NOT_SUPPORTED`]: configfs-tsm hands out quotes only, and `tdx_report` stays as it is.
pub fn tdx_att_get_report(
    _tdx_report_data: Option<&tdx_report_data_t>,
    _tdx_report: &mut tdx_report_t,
) -> tdx_attest_error_t {
    TDX_ATTEST_ERROR_NOT_SUPPORTED
}

/// Extends a register by a packed `tdx_rtmr_event_t`, little-endian: version u32 (1), register u64 (2 or 3), digest
/// of 48 bytes, event type u32, length of event data u32 (0: event data is not supported).
pub fn tdx_att_extend(rtmr_event: &[u8]) -> tdx_attest_error_t {
    extend_through(&Measurements::default(), rtmr_event)
}

/// The one key that is sure to exist. The kernel does not tell of others.
pub fn tdx_att_get_supported_att_key_ids() -> (tdx_attest_error_t, Option<Vec<tdx_uuid_t>>) {
    (TDX_ATTEST_SUCCESS, Some(vec![TDX_SGX_ECDSA_ATTESTATION_ID]))
}

pub(crate) fn quote_through(
    tsm: &Tsm,
    report_data: Option<&tdx_report_data_t>,
    keys: Option<&[tdx_uuid_t]>,
    used: Option<&mut tdx_uuid_t>,
    flags: u32,
) -> (tdx_attest_error_t, Option<Vec<u8>>) {
    let Some(report_data) = report_data else { return (TDX_ATTEST_ERROR_INVALID_PARAMETER, None) };
    if flags != 0 || keys.is_some_and(<[_]>::is_empty) {
        return (TDX_ATTEST_ERROR_INVALID_PARAMETER, None);
    }
    if keys.is_some_and(|keys| !keys.contains(&TDX_SGX_ECDSA_ATTESTATION_ID)) {
        return (TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID, None);
    }
    match tsm.quote(&report_data.d) {
        Ok(quote) => {
            if let Some(used) = used {
                *used = TDX_SGX_ECDSA_ATTESTATION_ID;
            }
            (TDX_ATTEST_SUCCESS, Some(quote))
        }
        Err(error) => (code(&error), None),
    }
}

pub(crate) fn extend_through(measurements: &Measurements, event: &[u8]) -> tdx_attest_error_t {
    let Some((event, data)) = event.split_first_chunk::<68>() else {
        return TDX_ATTEST_ERROR_INVALID_PARAMETER;
    };
    let mut rest = event.as_slice();
    let (Some(version), Some(register), Some(digest), Some(_kind), Some(data_length)) = (
        take::<4>(&mut rest).map(u32::from_le_bytes),
        take::<8>(&mut rest).map(u64::from_le_bytes),
        take::<48>(&mut rest),
        take::<4>(&mut rest),
        take::<4>(&mut rest).map(u32::from_le_bytes),
    ) else {
        return TDX_ATTEST_ERROR_INVALID_PARAMETER;
    };
    if version != 1 || data.len() as u64 != u64::from(data_length) {
        return TDX_ATTEST_ERROR_INVALID_PARAMETER;
    }
    if data_length != 0 {
        return TDX_ATTEST_ERROR_NOT_SUPPORTED;
    }
    let register = match register {
        2 => Rtmr::Two,
        3 => Rtmr::Three,
        _ => return TDX_ATTEST_ERROR_INVALID_RTMR_INDEX,
    };
    match measurements.extend(register, &digest) {
        Ok(()) => TDX_ATTEST_SUCCESS,
        Err(ExtendError::Unsupported { .. }) => TDX_ATTEST_ERROR_NOT_SUPPORTED,
        Err(ExtendError::Io { .. }) => TDX_ATTEST_ERROR_EXTEND_FAILURE,
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn code(error: &TsmError) -> tdx_attest_error_t {
    match error {
        TsmError::NoFolder { .. }
        | TsmError::NoDriver { .. }
        | TsmError::Denied { .. }
        | TsmError::NotConfigfs { .. }
        | TsmError::WrongProvider { .. } => TDX_ATTEST_ERROR_DEVICE_FAILURE,
        TsmError::Busy { .. } => TDX_ATTEST_ERROR_BUSY,
        TsmError::Conflict { .. }
        | TsmError::Empty
        | TsmError::TooLong { .. }
        | TsmError::TimedOut
        | TsmError::Io { .. } => TDX_ATTEST_ERROR_QUOTE_FAILURE,
    }
}
