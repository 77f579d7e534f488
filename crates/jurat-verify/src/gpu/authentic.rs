//! The checks that GPU evidence is what it says, each over all GPUs: `gpu.present`, `gpu.chain`,
//! `gpu.signature`, `gpu.nonce` and `gpu.firmware`.

use std::fmt::Display;

use jurat_proto::{Digest, Nonce};

use super::{
    Gpu,
    certificates::Chain,
    firmware::{self, Firmware},
    identity,
    payload::Payload,
};
use crate::check::Finding;

/// The first objection, with the number of the GPU that it is about.
fn first_objection<'a, 'b: 'a>(
    gpus: &'a [Gpu<'b>],
    objection: impl Fn(&'a Gpu<'b>) -> Option<String>,
) -> Option<Finding> {
    gpus.iter()
        .enumerate()
        .find_map(|(at, gpu)| objection(gpu).map(|reason| Finding::fail(format!("GPU {at}: {reason}"))))
}

fn text(error: &impl Display) -> Option<String> {
    Some(error.to_string())
}

/// `gpu.present`: as many as are claimed, each another GPU.
pub(super) fn present(gpus: &[Gpu<'_>], claimed: Option<u32>) -> Finding {
    let foreign = first_objection(gpus, |gpu| {
        // switches have certificates under the same root
        let chip = identity::chip(&gpu.chain.as_ref().ok()?.leaf).unwrap_or_default();
        (!chip.starts_with('G')).then(|| format!("the certificate is that of a {chip}, which is no GPU"))
    });
    if let Some(finding) = foreign {
        return finding;
    }
    let keys: Vec<_> = gpus.iter().filter_map(|gpu| gpu.chain.as_ref().ok()).collect();
    for (at, chain) in keys.iter().enumerate() {
        let twice = |other: &&Chain| other.leaf_spki == chain.leaf_spki || device(other) == device(chain);
        if keys.iter().take(at).any(twice) {
            return Finding::fail("the evidence of one GPU is there twice");
        }
    }
    let count = gpus.len();
    match claimed {
        Some(claimed) if usize::try_from(claimed).ok() != Some(count) => {
            Finding::fail(format!("evidence of {count}, while the claims say {claimed}"))
        }
        Some(_) => Finding::pass(format!("evidence of {count}, as many as the claims say")),
        None => Finding::pass(format!("evidence of {count}; how many the machine has is not attested")),
    }
}

/// The key that a GPU was made with, as the certificate above its leaf has it: of leaves it makes another at every start.
/// Where that certificate is not the chip's own, the leaf's key has to do.
fn device(chain: &Chain) -> Digest {
    let of_chip = |certificate| identity::chip(certificate).filter(|chip| chip.starts_with('G'));
    let own = chain.issuers.first().filter(|issuer| of_chip(&issuer.certificate).is_some());
    own.map_or(chain.leaf_spki, |issuer| issuer.spki)
}

/// `gpu.chain`: every chain ends at the pinned root.
pub(super) fn chain(gpus: &[Gpu<'_>]) -> Finding {
    first_objection(gpus, |gpu| gpu.chain.as_ref().err().and_then(text))
        .unwrap_or_else(|| Finding::pass("every chain ends at the pinned root"))
}

/// `gpu.signature`: every report is signed by its certified key. Without `chained` there is no key to believe.
pub(super) fn signature(gpus: &[Gpu<'_>], chained: bool) -> Finding {
    let illegible = first_objection(gpus, |gpu| gpu.report.as_ref().err().and_then(text));
    if let Some(finding) = illegible {
        return finding;
    }
    if !chained {
        return Finding::skip("rests on gpu.chain");
    }
    let unsigned =
        first_objection(gpus, |gpu| (!gpu.is_signed()).then(|| "the report's signature is wrong".into()));
    unsigned.unwrap_or_else(|| {
        let blocks = gpus.iter().filter_map(|gpu| gpu.report.as_ref().ok()).map(|report| report.blocks.len());
        Finding::pass(format!("every report is signed, over {} measurements in all", blocks.sum::<usize>()))
    })
}

/// `gpu.nonce`: every report is over the nonce that the binding derives.
pub(super) fn nonce(gpus: &[Gpu<'_>], payload: &Payload, expected: Result<Nonce, &'static str>) -> Finding {
    let expected = match expected {
        Ok(expected) => expected,
        Err(reason) => return Finding::skip(reason),
    };
    let stale = first_objection(gpus, |gpu| {
        let report = gpu.report.as_ref().ok()?;
        (report.nonce != expected.as_bytes())
            .then(|| "the report is over another nonce than the binding derives".into())
    });
    if let Some(finding) = stale {
        return finding;
    }
    if gpus.iter().any(|gpu| gpu.report.is_err()) {
        return Finding::skip("rests on gpu.signature");
    }
    if payload.nonce != expected {
        return Finding::fail("the payload names another nonce than its reports are over");
    }
    Finding::pass("every report is over the nonce that the binding derives")
}

/// `gpu.firmware`: every report names the firmware that its key was certified for.
pub(super) fn firmware(gpus: &[Gpu<'_>]) -> Finding {
    let compare = |gpu: &Gpu<'_>| match (&gpu.chain, &gpu.report) {
        (Ok(chain), Ok(report)) => firmware::compare(report, &chain.leaf),
        _ => Firmware::Other,
    };
    let other = first_objection(gpus, |gpu| {
        (compare(gpu) == Firmware::Other)
            .then(|| "the report names other firmware than its certificate".into())
    });
    match other {
        Some(finding) => finding,
        None if gpus.iter().any(|gpu| compare(gpu) == Firmware::Unnamed) => {
            Finding::skip("a report names no firmware, as from drivers before 550")
        }
        None => Finding::pass("every report names the firmware that its certificate was issued to"),
    }
}
