//! A stand-in for Intel's library `libtdx_attest.so.1`, for machines that are no TDX guest.
//!
//! It exports the functions of `tdx_attest.h` that jurat calls, with Intel's codes, and makes quotes for the report
//! data asked for under the look-alike PKI of `jurat-simulated`. A pointer given back that was never given out, or
//! given back twice, ends the process, and a caller that keeps more than eight quotes gets no further one: so a test
//! that passes has freed what it got.
//!
//! How it behaves is told by environment variables, read at every call.
//!
//! | `TDX_STANDIN_` | values | is |
//! |---|---|---|
//! | `CODE` | a number; 0 | what `tdx_att_get_quote` returns; 0 comes with a quote |
//! | `REPORT_CODE` | a number; 0 | what `tdx_att_get_report` returns |
//! | `QUOTE` | `minted`, `other`, `debug`, `garbage`, `cut`, `empty`, `long`, `null` | what comes with success: as asked; over other report data; of a debug TD; no quote; half of one; no bytes; more than 64 KiB; a null pointer |
//! | `DELAY_MS` | milliseconds; 0 | how long a quote takes |
//! | `SEED`, `NOW` | numbers | which PKI: the same in every stand-in that is given the same |

use std::{
    collections::HashMap,
    ffi::c_void,
    process::abort,
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use jurat_proto::ReportData;
use jurat_standin_tdx::{Made, Stage};

/// `TDX_ATTEST_ERROR_INVALID_PARAMETER`.
const INVALID_PARAMETER: u32 = 2;
/// `TDX_ATTEST_ERROR_OUT_OF_MEMORY`.
const OUT_OF_MEMORY: u32 = 3;
/// Quotes that one caller may hold.
const MOST_HELD: usize = 8;

/// Minted with the first call.
static STAGE: Mutex<Option<Stage>> = Mutex::new(None);
/// Address and length of every quote that was given out and not given back.
static HELD: Mutex<Option<HashMap<usize, usize>>> = Mutex::new(None);

/// A quote over 64 bytes.
///
/// # Safety
///
/// As `tdx_attest.h`: `report_data` is null or points to 64 bytes, `quote` and `size` are null or may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tdx_att_get_quote(
    report_data: *const u8,
    _keys: *const c_void,
    _key_count: u32,
    _used: *mut c_void,
    quote: *mut *mut u8,
    size: *mut u32,
    flags: u32,
) -> u32 {
    if report_data.is_null() || quote.is_null() || flags != 0 {
        return INVALID_PARAMETER;
    }
    thread::sleep(Duration::from_millis(number("TDX_STANDIN_DELAY_MS").into()));
    let code = number("TDX_STANDIN_CODE");
    if code != 0 {
        return code;
    }
    // SAFETY: not null, and the caller's word for its 64 bytes.
    let report_data = ReportData::new(unsafe { report_data.cast::<[u8; 64]>().read() });
    let (pointer, length) = match std::env::var("TDX_STANDIN_QUOTE").as_deref() {
        Ok("null") => (ptr::null_mut(), 0),
        Ok(made) => match made.parse() {
            Ok(made) => give(made, &report_data),
            Err(_) => return INVALID_PARAMETER,
        },
        Err(_) => give(Made::Minted, &report_data),
    };
    if pointer.is_null() && length != 0 {
        return OUT_OF_MEMORY;
    }
    // SAFETY: not null, and the caller's word that it may be written to.
    unsafe { quote.write(pointer) };
    if !size.is_null() {
        // SAFETY: not null, and the caller's word that it may be written to.
        unsafe { size.write(u32::try_from(length).unwrap_or(u32::MAX)) };
    }
    0
}

/// Takes a quote back.
///
/// # Safety
///
/// None is needed: a pointer that was not given out ends the process.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tdx_att_free_quote(quote: *mut u8) -> u32 {
    let Some(length) = lock(&HELD).get_or_insert_default().remove(&quote.addr()) else { abort() };
    // SAFETY: made from a boxed slice of this length by `give`, and in the table until just now.
    drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(quote, length)) });
    0
}

/// A TDREPORT over 64 bytes, which nobody can check here: zeroes but for the report data at its place.
///
/// # Safety
///
/// As `tdx_attest.h`: `report_data` is null or points to 64 bytes, `report` is null or to 1024 that may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tdx_att_get_report(report_data: *const u8, report: *mut u8) -> u32 {
    if report_data.is_null() || report.is_null() {
        return INVALID_PARAMETER;
    }
    let code = number("TDX_STANDIN_REPORT_CODE");
    if code == 0 {
        let mut bytes = [0; 1024];
        // SAFETY: not null, and the caller's word for its 64 bytes.
        bytes[128..192].copy_from_slice(&unsafe { report_data.cast::<[u8; 64]>().read() });
        // SAFETY: not null, and the caller's word for its 1024 bytes.
        unsafe { report.cast::<[u8; 1024]>().write(bytes) };
    }
    code
}

/// A quote, and its place in the table.
fn give(made: Made, report_data: &ReportData) -> (*mut u8, usize) {
    let bytes = lock(&STAGE).get_or_insert_with(Stage::from_environment).bytes(made, report_data);
    let mut held = lock(&HELD);
    let held = held.get_or_insert_default();
    if held.len() >= MOST_HELD {
        return (ptr::null_mut(), bytes.len());
    }
    // One byte more than it says, so that an empty quote has an address of its own, too.
    let length = bytes.len();
    let mut allocated = bytes;
    allocated.push(0);
    let allocated = Box::into_raw(allocated.into_boxed_slice());
    held.insert(allocated.cast::<u8>().addr(), length + 1);
    (allocated.cast(), length)
}

fn number(name: &str) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
