//! NVML's functions on the library and the machine.
//!
//! # Safety
//! Of every function here: each pointer is null or may be written to by the size of its type, or by `length`
//! bytes where the function takes a length. NVML's own callers owe that too.
#![allow(clippy::missing_safety_doc, reason = "said once, for all")]

use std::ffi::{c_char, c_uint};

use crate::{
    abi::{
        ARGUMENT_VERSION_MISMATCH, INSUFFICIENT_SIZE, INVALID_ARGUMENT, Return, SETTINGS_VERSION, SUCCESS,
        SystemCapabilities, SystemSettings, SystemState, UNINITIALIZED,
    },
    fault::strike,
    knobs, machine,
};

/// What every call but the first ones begins with.
pub(crate) fn begin(function: &str, device: Option<u32>) -> Result<(), Return> {
    if !machine::is_initialised() {
        return Err(UNINITIALIZED);
    }
    match strike(function, device) {
        SUCCESS => Ok(()),
        code => Err(code),
    }
}

pub(crate) fn code(outcome: Result<(), Return>) -> Return {
    outcome.err().unwrap_or(SUCCESS)
}

/// Writes through a caller's pointer.
///
/// # Safety
/// `to` is null or may be written to.
pub(crate) unsafe fn put<T>(to: *mut T, value: T) -> Result<(), Return> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: not null, and the caller's word for the rest.
    unsafe { to.write(value) };
    Ok(())
}

/// Writes a text with its NUL.
///
/// # Safety
/// `to` is null or may be written to by `length` bytes.
pub(crate) unsafe fn put_text(to: *mut c_char, length: c_uint, text: &str) -> Result<(), Return> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    if usize::try_from(length).is_ok_and(|length| length <= text.len()) {
        return Err(INSUFFICIENT_SIZE);
    }
    // SAFETY: not null, and there is room for the text and its NUL.
    unsafe {
        to.cast::<u8>().copy_from_nonoverlapping(text.as_ptr(), text.len());
        to.add(text.len()).write(0);
    }
    Ok(())
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> Return {
    match strike("nvmlInit_v2", None) {
        SUCCESS => machine::initialise(),
        code => code,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> Return {
    nvmlInit_v2()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> Return {
    machine::shut_down()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(code: Return) -> *const c_char {
    let text = match code {
        SUCCESS => c"success",
        UNINITIALIZED => c"the stand-in is not initialised",
        INVALID_ARGUMENT => c"the stand-in was given an invalid argument",
        _ => c"an error of the stand-in",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) -> Return {
    // SAFETY: the caller's word.
    code(
        begin("nvmlSystemGetDriverVersion", None)
            .and_then(|()| unsafe { put_text(version, length, "000.000.00") }),
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetNVMLVersion(version: *mut c_char, length: c_uint) -> Return {
    // SAFETY: the caller's word.
    code(
        begin("nvmlSystemGetNVMLVersion", None)
            .and_then(|()| unsafe { put_text(version, length, "0.000.000.00") }),
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetConfComputeState(state: *mut SystemState) -> Return {
    let value = SystemState {
        environment: knobs::environment(),
        feature: knobs::feature(),
        developer_tools: knobs::developer_tools(),
    };
    // SAFETY: the caller's word.
    code(begin("nvmlSystemGetConfComputeState", None).and_then(|()| unsafe { put(state, value) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetConfComputeSettings(settings: *mut SystemSettings) -> Return {
    let answer = begin("nvmlSystemGetConfComputeSettings", None).and_then(|()| {
        // SAFETY: checked for null first, and the caller's word.
        if settings.is_null() || unsafe { (*settings).version } != SETTINGS_VERSION {
            return Err(ARGUMENT_VERSION_MISMATCH);
        }
        let value = SystemSettings {
            version: SETTINGS_VERSION,
            environment: knobs::environment(),
            feature: knobs::feature(),
            developer_tools: knobs::developer_tools(),
            multi_gpu: knobs::multi_gpu(),
        };
        // SAFETY: the caller's word.
        unsafe { put(settings, value) }
    });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetConfComputeCapabilities(
    capabilities: *mut SystemCapabilities,
) -> Return {
    // Intel TDX; GPUs that can.
    let value = SystemCapabilities { cpu: 2, gpus: 1 };
    // SAFETY: the caller's word.
    code(
        begin("nvmlSystemGetConfComputeCapabilities", None)
            .and_then(|()| unsafe { put(capabilities, value) }),
    )
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetConfComputeGpusReadyState(ready: *mut c_uint) -> Return {
    // SAFETY: the caller's word.
    code(
        begin("nvmlSystemGetConfComputeGpusReadyState", None)
            .and_then(|()| unsafe { put(ready, knobs::ready()) }),
    )
}
