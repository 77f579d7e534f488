//! `gpu.mode`: in which confidential mode the GPUs run, as far as their reports and those of the switches
//! between them show it.
//!
//! Whether developers' tools are admitted is not in the report in any legible form; it changes the
//! measurements, which gpu.measurements judges.

use super::{
    Gpu,
    spdm::{SpdmReport, tag},
    switches::Fabric,
};
use crate::{check::Finding, limits};

const ON: &[u8] = &[0xaa];
const OFF: &[u8] = &[0x55];

/// How a GPU is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// For itself.
    Single,
    /// With others, over links that are encrypted.
    Multiple,
    /// With others, over links that are not.
    ProtectedPcie,
    /// It does not say.
    Unsaid,
    /// What it says does not fit together.
    Contradictory,
}

impl Mode {
    /// Hopper says whether it is protected PCIe, newer drivers which of the three.
    fn of(report: &SpdmReport<'_>) -> Self {
        let feature = report.opaque(tag::FEATURE_FLAG);
        match (report.opaque(tag::PROTECTED_PCIE), feature) {
            (None, None) => Self::Unsaid,
            (Some(OFF), None) | (Some(OFF) | None, Some([0, 0])) => Self::Single,
            (Some(OFF) | None, Some([1, 0])) => Self::Multiple,
            (Some(ON), None) | (Some(ON) | None, Some([2, 0])) => Self::ProtectedPcie,
            _ => Self::Contradictory,
        }
    }
}

/// Judges GPUs whose reports are signed. Beside the finding, what a trusted verdict does not say then.
pub(super) fn judge(gpus: &[Gpu<'_>], fabric: Fabric) -> (Finding, Option<&'static str>) {
    let modes: Vec<Mode> = gpus.iter().filter_map(|gpu| gpu.report.as_ref().ok()).map(Mode::of).collect();
    let Some(mode) = modes.first() else { return (Finding::skip("rests on gpu.signature"), None) };
    if modes.iter().any(|other| other != mode) {
        return (Finding::fail("the GPUs do not all run in the same mode"), None);
    }
    match (mode, fabric) {
        (_, Fabric::Refused(reason)) => (Finding::fail(reason), None),
        (Mode::Contradictory, _) => {
            (Finding::fail("the GPUs do not say in which mode they run: two are named"), None)
        }
        (Mode::Single, _) => {
            (Finding::pass("confidential computing without protected PCIe, on every GPU"), None)
        }
        (Mode::Multiple, _) => {
            (Finding::pass("confidential computing over encrypted links, on every GPU"), None)
        }
        (Mode::ProtectedPcie, Fabric::Attested(count)) => {
            let reason = format!("protected PCIe, over {count} attested switches that lead to as many GPUs");
            (Finding::pass(reason), Some(limits::PLAIN_NVLINK))
        }
        (Mode::ProtectedPcie, Fabric::Unjudged(reason)) => (
            Finding::skip(format!("protected PCIe, and its switches are not judged: {reason}")),
            Some(limits::NVLINK),
        ),
        (Mode::ProtectedPcie, _) => {
            let reason = "protected PCIe without switch evidence: the NVLink fabric is unattested";
            (Finding::skip(reason), Some(limits::NVLINK))
        }
        (Mode::Unsaid, _) => (Finding::skip("the reports do not say, as from drivers before 550"), None),
    }
}
