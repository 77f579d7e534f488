//! `gpu.mode`: in which confidential mode the GPUs run, as far as their reports show it.
//!
//! Whether developers' tools are admitted is not in the report in any legible form; it changes the
//! measurements, which gpu.measurements judges.

use super::spdm::{SpdmReport, tag};
use crate::{CheckId, check::Finding, limits, verdict::Transcript};

const ON: &[u8] = &[0xaa];
const OFF: &[u8] = &[0x55];

pub(super) fn judge<'a>(
    reports: impl Iterator<Item = &'a SpdmReport<'a>>,
    switches: bool,
    transcript: &mut Transcript,
) {
    let modes: Vec<_> = reports.map(|report| report.opaque(tag::PROTECTED_PCIE)).collect();
    let all = |mode: Option<&[u8]>| modes.iter().all(|other| *other == mode);
    let finding = if all(Some(OFF)) {
        Finding::pass("confidential computing without protected PCIe, on every GPU")
    } else if all(Some(ON)) {
        transcript.limit(limits::NVLINK);
        Finding::skip(if switches {
            "protected PCIe, and this version does not judge switch evidence"
        } else {
            "protected PCIe without switch evidence: the NVLink fabric is unattested"
        })
    } else if all(None) {
        Finding::skip("the reports do not say, as from drivers before 550")
    } else {
        Finding::fail("the GPUs do not all run in the same mode")
    };
    transcript.file(CheckId::GpuMode, finding);
}
