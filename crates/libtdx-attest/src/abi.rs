//! The C declarations, as far as they are called.

use std::ffi::c_void;

/// `tdx_report_data_t`.
#[repr(C)]
pub(crate) struct ReportData {
    pub(crate) bytes: [u8; 64],
}

/// `tdx_report_t`: a TDREPORT.
#[repr(C)]
pub(crate) struct TdReport {
    pub(crate) bytes: [u8; 1024],
}

/// `tdx_att_get_quote`: report data; accepted key ids and their number (null and 0: any); the key id used (null:
/// not asked for); the quote, allocated by the library; its size; flags, which must be 0.
///
/// The outcome is a plain number and not an enum: a value that nobody has declared must stay representable.
pub(crate) type GetQuote = unsafe extern "C" fn(
    *const ReportData,
    *const c_void,
    u32,
    *mut c_void,
    *mut *mut u8,
    *mut u32,
    u32,
) -> u32;

/// `tdx_att_free_quote`.
pub(crate) type FreeQuote = unsafe extern "C" fn(*mut u8) -> u32;

/// `tdx_att_get_report`.
pub(crate) type GetReport = unsafe extern "C" fn(*const ReportData, *mut TdReport) -> u32;
