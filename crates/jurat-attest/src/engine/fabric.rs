//! Whether GPUs talk to each other in the clear, by what their evidence says.

use crate::GpuEvidence;

/// NVIDIA's opaque data: protected PCIe.
const PROTECTED_PCIE: u16 = 21;
const ON: &[u8] = &[0xaa];

/// Whether any GPU reports protected PCIe: traffic over NVLink is plain there, and the switches see it.
///
/// A reading for the report's own note and nothing more: what is illegible says no, and the judge looks again.
pub(super) fn is_plain(gpus: &[GpuEvidence]) -> bool {
    gpus.iter().any(|gpu| opaque(&gpu.report).is_some_and(says_so))
}

/// Behind the SPDM request (37 bytes) and the response's head (8, the last three the record's length) come the
/// record, the responder's nonce (32) and the length of the opaque data.
fn opaque(report: &[u8]) -> Option<&[u8]> {
    let [low, middle, high] = *report.get(42..45)?.first_chunk()?;
    let record = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    let (length, rest) = report.get(45 + record + 32..)?.split_first_chunk()?;
    rest.get(..usize::from(u16::from_le_bytes(*length)))
}

/// Type, length, value, one after the other.
fn says_so(mut members: &[u8]) -> bool {
    while let Some(([a, b, c, d], rest)) = members.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes([*c, *d]));
        let Some((value, rest)) = rest.split_at_checked(length) else { return false };
        if u16::from_le_bytes([*a, *b]) == PROTECTED_PCIE {
            return value == ON;
        }
        members = rest;
    }
    false
}

#[cfg(test)]
mod tests;
