//! A GPU's report, member by member: edited after it was signed, and edited and signed anew.

use jurat_verify::CheckId::{GpuFirmware, GpuMode, GpuNonce, GpuSignature};

use super::{Case, Edit, evidence, refuse, undecided};
use crate::bases::Name;

/// An edit of the GPU's report, not signed anew.
fn after(edit: impl Fn(&mut Vec<u8>) + 'static) -> Edit {
    evidence(move |gpus, _| edit(&mut gpus[0].report))
}

/// An edit of the GPU's report, which the GPU signs.
fn signed(edit: impl Fn(&mut Vec<u8>) + 'static) -> Edit {
    evidence(move |gpus, machine| {
        edit(&mut gpus[0].report);
        machine.tee.resign_gpu_report(0, &mut gpus[0].report).expect("a report");
    })
}

/// Where the record begins, and where the opaque data's length is: 64 blocks of 55 bytes, and the responder's nonce.
const RECORD: usize = 45;
const OPAQUE: usize = RECORD + 64 * 55 + 32;

/// Where the value of an opaque member begins.
fn opaque(report: &[u8], tag: u8) -> usize {
    let mut at = OPAQUE + 2;
    while report[at] != tag {
        at += 4 + usize::from(u16::from_le_bytes([report[at + 2], report[at + 3]]));
    }
    at + 4
}

/// Takes an opaque member out, or puts one in at the end.
fn resize(report: &mut Vec<u8>, edit: impl Fn(&mut Vec<u8>)) {
    let end = report.len() - 96;
    let mut members = report[OPAQUE + 2..end].to_vec();
    edit(&mut members);
    let length = u16::try_from(members.len()).expect("short");
    report.splice(OPAQUE + 2..end, members);
    report[OPAQUE..OPAQUE + 2].copy_from_slice(&length.to_le_bytes());
}

/// One bit after the signing: where, its name, what it is. What cannot be read is not signed either.
const BITS: [(usize, &str, &str); 9] = [
    (0, "request-version", "the request's SPDM version"),
    (1, "request-code", "the request's code"),
    (36, "slot", "the request's slot"),
    (37, "version", "the response's SPDM version"),
    (39, "parameter", "a parameter of the response"),
    (41, "count", "the number of measurements"),
    (42, "record-length", "the length of the measurements"),
    (RECORD + 7, "measurement", "the first measurement"),
    (OPAQUE - 1, "responder-nonce", "the responder's nonce"),
];

pub(super) fn cases() -> Vec<Case> {
    let bits = BITS.map(|(at, name, about)| {
        let about = format!("one bit of {about} is flipped");
        refuse(GpuSignature, &format!("spdm-{name}"), &about, after(move |report| report[at] ^= 1))
    });
    let refused =
        |name: &str, about: &str, edit: Edit| refuse(GpuSignature, &format!("spdm-{name}"), about, edit);
    let shapes = vec![
        refuse(GpuNonce, "spdm-nonce", "one bit of the nonce is flipped", after(|report| report[4] ^= 1))
            .beside(&[GpuSignature]),
        refused(
            "opaque-driver",
            "one bit of the driver's version is flipped",
            after(|report| {
                let at = opaque(report, 3);
                report[at] ^= 1;
            }),
        ),
        refused(
            "opaque-mode",
            "the mode says protected PCIe, not signed anew",
            after(|report| {
                let at = opaque(report, 21);
                report[at] = 0xaa;
            }),
        ),
        refused(
            "opaque-firmware",
            "one bit of the firmware's digest is flipped",
            after(|report| {
                let at = opaque(report, 20);
                report[at] ^= 1;
            }),
        ),
        refused(
            "signature-r",
            "one bit of the signature's first half is flipped",
            after(|report| {
                let at = report.len() - 96;
                report[at] ^= 1;
            }),
        ),
        refused(
            "signature-s",
            "one bit of the signature's second half is flipped",
            after(|report| {
                let at = report.len() - 1;
                report[at] ^= 1;
            }),
        ),
        refused(
            "signature-zero",
            "the signature is zeroes",
            after(|report| {
                let at = report.len() - 96;
                report[at..].fill(0);
            }),
        ),
        refused("cut", "the report ends in its signature", after(|report| report.truncate(report.len() - 1))),
        refused("trailing", "two bytes follow the signature", after(|report| report.extend([0, 0]))),
        refused("empty", "the report has no bytes", after(Vec::clear)),
        refused(
            "unsigned-request",
            "the GPU was asked for measurements that it need not sign",
            signed(|report| report[2] = 0),
        ),
        refused("one-block", "the GPU was asked for one measurement", signed(|report| report[3] = 1)),
        refused(
            "count-signed",
            "one measurement fewer than the record holds, signed",
            signed(|report| report[41] = 63),
        ),
        refused(
            "block-twice",
            "two measurements have one index, signed",
            signed(|report| report[RECORD + 55] = 1),
        ),
        refused(
            "block-form",
            "a measurement is not in DMTF's form, signed",
            signed(|report| report[RECORD + 1] = 0),
        ),
        refused(
            "block-size",
            "a measurement is said to be a SHA-256, signed",
            signed(|report| report[RECORD + 5] = 32),
        ),
        refused(
            "opaque-length",
            "the opaque data is said to be a byte shorter, signed",
            signed(|report| report[OPAQUE] -= 1),
        ),
        refused(
            "opaque-member",
            "an opaque member runs past the end, signed",
            signed(|report| {
                let at = opaque(report, 21);
                report[at - 2] = 2;
            }),
        ),
        refused(
            "opaque-twice",
            "the mode is there twice, signed",
            signed(|report| resize(report, |members| members.extend([21, 0, 1, 0, 0xaa]))),
        ),
        refuse(
            GpuFirmware,
            "spdm-firmware-short",
            "the firmware's digest is one byte long, signed",
            signed(|report| {
                resize(report, |members| {
                    let at = members.len() - 5 - 52;
                    members.splice(at..at + 52, [20, 0, 1, 0, 0xef]);
                })
            }),
        ),
        undecided(
            GpuFirmware,
            "spdm-firmware-none",
            "the report names no firmware, as from drivers before 550",
            signed(|report| {
                resize(report, |members| {
                    let at = members.len() - 5 - 52;
                    members.drain(at..at + 52);
                })
            }),
        ),
        undecided(
            GpuMode,
            "spdm-mode-none",
            "the report does not say its mode",
            signed(|report| {
                resize(report, |members| {
                    let at = members.len() - 5;
                    members.truncate(at);
                })
            }),
        ),
        refuse(
            GpuMode,
            "spdm-mode-other",
            "the mode is neither of the two, signed",
            signed(|report| {
                let at = opaque(report, 21);
                report[at] = 0x00;
            }),
        ),
    ];
    // under dstack-v1 the quote need not be made anew for every edit
    bits.into_iter().chain(shapes).map(|case| case.on(Name::DstackV1)).collect()
}
