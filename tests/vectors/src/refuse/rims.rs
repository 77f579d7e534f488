//! NVIDIA's reference values: edited, of another version or chip, signed by nobody who may.

use jurat_simulated::{Ocsp, Rims, Roots};
use jurat_verify::CheckId::{GpuMeasurements, GpuNras};

use super::{Case, Edit, evidence, inputs, refuse, undecided};
use crate::{
    bases::Name,
    scene::{self, Setting, swap},
};

fn published(form: Rims) -> Edit {
    inputs(move |inputs, machine| scene::nvidia(machine, inputs, form, Ocsp::Good))
}

fn driver(edit: impl Fn(&mut String) + 'static) -> Edit {
    inputs(move |inputs, _| edit(&mut inputs.rims[0]))
}

/// The text between two marks, the first of its kind.
fn between(text: &str, from: &str, to: &str) -> std::ops::Range<usize> {
    let at = text.find(from).expect("it is there") + from.len();
    at..at + text[at..].find(to).expect("it ends")
}

fn refused(name: &str, about: &str, edit: Edit) -> Case {
    refuse(GpuMeasurements, &format!("rim-{name}"), about, edit)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        undecided(
            GpuMeasurements,
            "rim-none",
            "there are no manifests",
            inputs(|inputs, _| inputs.rims.clear()),
        ),
        undecided(
            GpuMeasurements,
            "rim-vbios-none",
            "there is no manifest of the VBIOS",
            inputs(|inputs, _| drop(inputs.rims.pop())),
        ),
        undecided(
            GpuMeasurements,
            "rim-driver-none",
            "there is no manifest of the driver",
            inputs(|inputs, _| drop(inputs.rims.remove(0))),
        ),
        refused("driver-other", "the driver's manifest is of another version", published(Rims::OtherDriver)),
        refused("vbios-other", "the VBIOS's manifest is of another version", published(Rims::OtherVbios)),
        refused("chip-other", "the driver's manifest is of another chip", published(Rims::OtherChip)),
        refused(
            "measurement-other",
            "the driver's manifest has another value than the GPU measured",
            published(Rims::OtherMeasurement),
        ),
        refused("overlapping", "both manifests have one measurement", published(Rims::Overlapping)),
        refused(
            "expired",
            "the certificate of the driver's signer has expired",
            published(Rims::ExpiredSigner),
        ),
        refused(
            "root-other",
            "the manifests are signed under an impostor's root",
            inputs(|inputs, _| {
                let impostor =
                    Setting { seed: 3, ..Name::OneGpu.setting() }.machine(|m| m.roots = Roots::Fresh);
                inputs.rims = impostor.tee.rims(Rims::Fitting).expect("the stage signs");
            }),
        ),
        refused(
            "value-edited",
            "one digit of a reference value is another",
            driver(|text| {
                let at = between(text, "Hash0=\"", "\"").start;
                let digit = if text[at..].starts_with('0') { "1" } else { "0" };
                text.replace_range(at..=at, digit);
            }),
        ),
        refused(
            "inactive",
            "a reference value is said to be out of use",
            driver(|text| {
                let at = text.find("\"True\"").expect("one is in use");
                text.replace_range(at..at + 6, "\"False\"");
            }),
        ),
        refused(
            "version-edited",
            "the version that the manifest is about is edited",
            driver(|text| {
                let at = between(text, "colloquialVersion=\"", "\"");
                text.replace_range(at, "000.000.01");
            }),
        ),
        refused(
            "space",
            "a space more in a text",
            driver(|text| text.insert(text.find("</SoftwareIdentity>").expect("it ends"), ' ')),
        ),
        refused(
            "signature",
            "the signature is another",
            driver(|text| {
                let at = between(text, "SignatureValue>", "<").start;
                let digit = if text[at..].starts_with('A') { "B" } else { "A" };
                text.replace_range(at..=at, digit);
            }),
        ),
        refused(
            "digest",
            "the digest that was signed is another",
            driver(|text| {
                let at = between(text, "DigestValue>", "<").start;
                let digit = if text[at..].starts_with('A') { "B" } else { "A" };
                text.replace_range(at..=at, digit);
            }),
        ),
        refused(
            "signature-none",
            "the manifest is not signed",
            driver(|text| {
                let end = text.find("</ds:Signature>").expect("it is signed") + "</ds:Signature>".len();
                text.replace_range(text.find("<ds:Signature").expect("it is signed")..end, "");
            }),
        ),
        refused(
            "signature-twice",
            "the manifest has its signature twice",
            driver(|text| {
                let end = text.find("</ds:Signature>").expect("it is signed") + "</ds:Signature>".len();
                let signature = text[text.find("<ds:Signature").expect("it is signed")..end].to_owned();
                text.insert_str(end, &signature);
            }),
        ),
        refused(
            "algorithm",
            "the signature calls itself one over SHA-256",
            driver(|text| swap(text, "more#ecdsa-sha384", "more#ecdsa-sha256")),
        ),
        refused(
            "c14n",
            "the manifest is to be canonicalised in another way",
            driver(|text| {
                *text = text.replacen("2006/12/xml-c14n11", "2001/10/xml-exc-c14n", 1);
            }),
        ),
        refused(
            "reference",
            "the signature is over a part of the manifest",
            driver(|text| swap(text, "URI=\"\"", "URI=\"#part\"")),
        ),
        refused(
            "doctype",
            "the manifest has a document type",
            driver(|text| {
                let at = text.find("<SoftwareIdentity").expect("a tag");
                text.insert_str(at, "<!DOCTYPE SoftwareIdentity>");
            }),
        ),
        refused(
            "comment",
            "the manifest has a comment",
            driver(|text| text.insert_str(text.find("</SoftwareIdentity>").expect("it ends"), "<!-- -->")),
        ),
        refused("no-xml", "the manifest is no XML", driver(|text| text.truncate(text.len() - 10))),
        refused(
            "certificate-none",
            "the signer's certificate is left out",
            driver(|text| {
                let end = text.find("</ds:X509Certificate>").expect("a certificate")
                    + "</ds:X509Certificate>".len();
                text.replace_range(text.find("<ds:X509Certificate>").expect("a certificate")..end, "");
            }),
        ),
        refused(
            "swapped",
            "each manifest has the other's signature",
            inputs(|inputs, _| {
                let cut = |text: &String| {
                    let end = text.find("</ds:Signature>").expect("it is signed") + "</ds:Signature>".len();
                    text.find("<ds:Signature").expect("it is signed")..end
                };
                let signatures: Vec<String> =
                    inputs.rims.iter().map(|rim| rim[cut(rim)].to_owned()).collect();
                for (rim, signature) in inputs.rims.iter_mut().zip(signatures.iter().rev()) {
                    let at = cut(rim);
                    rim.replace_range(at, signature);
                }
            }),
        ),
        refused(
            "gpu-measurement",
            "the GPU measured something else, and signs it",
            evidence(|gpus, machine| {
                // the block of measurement 26, from 0
                gpus[0].report[45 + 26 * 55 + 7] ^= 1;
                machine.tee.resign_gpu_report(0, &mut gpus[0].report).expect("a report");
            }),
        ),
        refused(
            "gpu-block-none",
            "the GPU does not report a measurement that has a reference value",
            evidence(|gpus, machine| {
                gpus[0].report[45 + 26 * 55] = 65;
                machine.tee.resign_gpu_report(0, &mut gpus[0].report).expect("a report");
            }),
        ),
        refused(
            "gpu-driver",
            "the GPU reports another driver than there is a manifest of",
            evidence(|gpus, machine| {
                let report = &mut gpus[0].report;
                let at = report.windows(10).rposition(|bytes| bytes == b"000.000.00").expect("a driver");
                report[at + 9] = b'1';
                machine.tee.resign_gpu_report(0, report).expect("a report");
            }),
        )
        // and NVIDIA's service spoke of the driver that it was given
        .beside(&[GpuNras]),
    ]
}
