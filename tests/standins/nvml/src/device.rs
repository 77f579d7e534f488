//! NVML's functions on single devices. A handle is the device's number, from 1, as a pointer to nothing.
//!
//! # Safety
//! As in `system`.
#![allow(clippy::missing_safety_doc, reason = "said once, for all")]

use std::{
    ffi::{c_char, c_uint, c_void},
    ptr, thread,
};

use jurat_proto::Nonce;

use crate::{
    abi::{GpuCertificate, GpuReport, INVALID_ARGUMENT, NOT_SUPPORTED, Return, UNKNOWN},
    knobs::{self, Chain, Length},
    machine,
    system::{begin, code, put, put_text},
};

type Handle = *mut c_void;

fn index(device: Handle) -> Result<u32, Return> {
    let number = u32::try_from(device.addr()).map_err(|_| INVALID_ARGUMENT)?;
    number.checked_sub(1).filter(|index| *index < knobs::gpus()).ok_or(INVALID_ARGUMENT)
}

fn begin_on(function: &str, device: Handle) -> Result<u32, Return> {
    let index = index(device)?;
    begin(function, Some(index)).map(|()| index)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> Return {
    // SAFETY: the caller's word.
    code(begin("nvmlDeviceGetCount_v2", None).and_then(|()| unsafe { put(count, knobs::count()) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut Handle) -> Return {
    let answer = begin("nvmlDeviceGetHandleByIndex_v2", Some(index)).and_then(|()| {
        if index >= knobs::gpus() {
            return Err(INVALID_ARGUMENT);
        }
        let number = if knobs::twins() { 0 } else { index };
        let handle = usize::try_from(number).map_err(|_| INVALID_ARGUMENT)? + 1;
        // SAFETY: the caller's word.
        unsafe { put(device, ptr::without_provenance_mut(handle)) }
    });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetArchitecture(device: Handle, architecture: *mut c_uint) -> Return {
    let answer = begin_on("nvmlDeviceGetArchitecture", device)
        // SAFETY: the caller's word.
        .and_then(|_| unsafe { put(architecture, knobs::architecture() as c_uint) });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(device: Handle, name: *mut c_char, length: c_uint) -> Return {
    let answer = begin_on("nvmlDeviceGetName", device)
        // SAFETY: the caller's word.
        .and_then(|_| unsafe { put_text(name, length, "SIMULATED - NOT NVIDIA") });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(device: Handle, uuid: *mut c_char, length: c_uint) -> Return {
    let answer = begin_on("nvmlDeviceGetUUID", device).and_then(|index| {
        // SAFETY: the caller's word.
        unsafe { put_text(uuid, length, &format!("GPU-51111a7e-0000-0000-0000-{index:012}")) }
    });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetVbiosVersion(
    device: Handle,
    version: *mut c_char,
    length: c_uint,
) -> Return {
    let answer = begin_on("nvmlDeviceGetVbiosVersion", device)
        // SAFETY: the caller's word.
        .and_then(|_| unsafe { put_text(version, length, "EE.EE.EE.EE.EE") });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetBoardId(device: Handle, board: *mut c_uint) -> Return {
    let answer = begin_on("nvmlDeviceGetBoardId", device)
        // SAFETY: the caller's word.
        .and_then(|index| unsafe { put(board, index) });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetConfComputeGpuCertificate(
    device: Handle,
    certificate: *mut GpuCertificate,
) -> Return {
    let answer = begin_on("nvmlDeviceGetConfComputeGpuCertificate", device).and_then(|index| {
        confidential()?;
        let evidence = machine::evidence(index, &Nonce::new([0; 32]))?;
        let mut bytes = match knobs::chain() {
            Chain::Empty => Vec::new(),
            Chain::Text => b"no certificates".to_vec(),
            _ => evidence.certificate_chain,
        };
        if knobs::chain() == Chain::Padded {
            bytes.extend_from_slice(&[0; 5]);
        }
        // SAFETY: checked for null, and the caller's word.
        let certificate = unsafe { certificate.as_mut() }.ok_or(INVALID_ARGUMENT)?;
        let size = fill(&mut certificate.attestation_chain, &bytes)?;
        let size = match (knobs::length(), knobs::chain()) {
            (Length::Chain, _) => u32::MAX,
            // All of the buffer counts, with NULs behind the text.
            (_, Chain::Long) => c_uint::try_from(certificate.attestation_chain.len()).map_err(|_| UNKNOWN)?,
            _ => size,
        };
        certificate.attestation_chain_size = size;
        certificate.chain_size = 0;
        Ok(())
    });
    code(answer)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetConfComputeGpuAttestationReport(
    device: Handle,
    report: *mut GpuReport,
) -> Return {
    let answer = begin_on("nvmlDeviceGetConfComputeGpuAttestationReport", device).and_then(|index| {
        confidential()?;
        thread::sleep(knobs::delay());
        // SAFETY: checked for null, and the caller's word.
        let report = unsafe { report.as_mut() }.ok_or(INVALID_ARGUMENT)?;
        let mut nonce = report.nonce;
        if knobs::signs_another_nonce() {
            nonce[31] ^= 1;
        }
        let mut bytes = machine::evidence(index, &Nonce::new(nonce))?.report;
        if knobs::length() == Length::Short {
            bytes.truncate(bytes.len() / 2);
        }
        let size = fill(&mut report.report, &bytes)?;
        report.report_size = if knobs::length() == Length::Report { u32::MAX } else { size };
        report.cec_present = 0;
        report.cec_report_size = 0;
        Ok(())
    });
    code(answer)
}

/// Without the feature or protected PCIe there is no session with the GPU's secure processor.
fn confidential() -> Result<(), Return> {
    let on = knobs::feature() == 1 || knobs::multi_gpu() == 1;
    if on { Ok(()) } else { Err(NOT_SUPPORTED) }
}

/// Copies into a buffer that NVML's structure has.
fn fill(buffer: &mut [u8], bytes: &[u8]) -> Result<c_uint, Return> {
    buffer.get_mut(..bytes.len()).ok_or(UNKNOWN)?.copy_from_slice(bytes);
    c_uint::try_from(bytes.len()).map_err(|_| UNKNOWN)
}
