//! `gpu.measurements`: what each GPU measured is what NVIDIA publishes for its driver and its VBIOS.
//!
//! A manifest is fetched under an id, and says itself which chip and version it is about: the latter is
//! signed and the former is not, so a manifest is matched to a GPU by what it says.

use super::{
    Gpu,
    identity::Identity,
    rim::{Authenticated, Rim},
    spdm::{SpdmReport, tag},
};
use crate::check::Finding;

/// The measurement of the first video decoder, which NVIDIA's rule leaves out where that decoder is off.
const NVDEC0: u8 = 35;
const NVDEC0_OFF: &[u8] = &[0x55];

/// Judges GPUs whose reports are signed.
pub(super) fn judge(gpus: &[Gpu<'_>], manifests: &[Authenticated]) -> Finding {
    if manifests.is_empty() {
        return Finding::skip("no reference values for driver and VBIOS");
    }
    let mut rims = Vec::with_capacity(manifests.len());
    for (at, manifest) in manifests.iter().enumerate() {
        match manifest {
            Ok((rim, _)) => rims.push(rim),
            Err(error) => return Finding::fail(format!("manifest {at}: {error}")),
        }
    }
    let mut compared = 0;
    let mut without = None;
    let mut used = vec![false; rims.len()];
    for (at, gpu) in gpus.iter().enumerate() {
        let fail = |reason: String| Finding::fail(format!("GPU {at}: {reason}"));
        let (identity, report) = match (gpu.identity(), &gpu.report) {
            (Ok(identity), Ok(report)) => (identity, report),
            (Err(error), _) => return fail(error.to_string()),
            (_, Err(error)) => return fail(error.to_string()),
        };
        match compare(&identity, report, &rims, &mut used) {
            Ok(count) => compared += count,
            Err(Objection::Missing(what)) => without = without.or(Some((at, what))),
            Err(Objection::Differs(reason)) => return fail(reason),
        }
    }
    let other = rims.iter().zip(&used).find(|(_, used)| !**used).map(|(rim, _)| rim);
    match (without, other) {
        (None, _) => Finding::pass(format!("{compared} measurements equal NVIDIA's for driver and VBIOS")),
        // one that is there in the place of the right one
        (Some((at, missing)), Some(other)) => Finding::fail(format!(
            "GPU {at}: no manifest of {missing}; there is one of {} {}",
            other.product, other.version
        )),
        (Some((at, missing)), None) => Finding::skip(format!("GPU {at}: no manifest of {missing}")),
    }
}

/// Why a GPU's measurements are not known to be NVIDIA's.
enum Objection {
    /// There is no manifest of this.
    Missing(String),
    /// They are others.
    Differs(String),
}

/// Compares a GPU with the manifests that are about it and counts what was compared. Of boards that share a
/// version there may be several: the GPU must be one of them.
fn compare(
    identity: &Identity,
    report: &SpdmReport<'_>,
    rims: &[&Rim],
    used: &mut [bool],
) -> Result<usize, Objection> {
    let mut find = |version: &str, kind: &str| {
        let mut found = Vec::new();
        for (rim, used) in rims.iter().zip(used.iter_mut()) {
            if rim.product == identity.chip && rim.version.eq_ignore_ascii_case(version) {
                *used = true;
                found.push(*rim);
            }
        }
        let missing = || Objection::Missing(format!("{kind} {version} of {}", identity.chip));
        if found.is_empty() { Err(missing()) } else { Ok(found) }
    };
    // both are looked for, so that one that is there counts as used
    let (drivers, vbioses) = (find(&identity.driver, "driver"), find(&identity.vbios, "VBIOS"));
    let (drivers, vbioses) = (drivers?, vbioses?);
    let pairs = drivers.iter().flat_map(|driver| vbioses.iter().map(move |vbios| Pair { driver, vbios }));
    let mut first = None;
    for pair in pairs {
        match pair.compare(report) {
            Ok(count) => return Ok(count),
            Err(reason) => first = first.or(Some(reason)),
        }
    }
    // invariant: neither list is empty
    Err(Objection::Differs(first.unwrap_or_default()))
}

/// The two manifests that are about one GPU.
struct Pair<'a> {
    driver: &'a Rim,
    vbios: &'a Rim,
}

impl Pair<'_> {
    /// Compares every measurement in use and counts them, or names the first that differs.
    fn compare(&self, report: &SpdmReport<'_>) -> Result<usize, String> {
        let mut compared = 0;
        for (rim, kind) in [(self.driver, "driver"), (self.vbios, "VBIOS")] {
            for golden in &rim.golden {
                let index = golden.index;
                if kind == "driver" && self.vbios.golden.iter().any(|other| other.index == index) {
                    return Err(format!("measurement {index} is in both manifests"));
                }
                if index == NVDEC0 && report.opaque(tag::NVDEC0_STATUS) == Some(NVDEC0_OFF) {
                    continue;
                }
                let block = report.blocks.iter().find(|block| block.index.checked_sub(1) == Some(index));
                let block = block.ok_or_else(|| format!("measurement {index} is not in the report"))?;
                if !golden.alternatives.iter().any(|digest| digest == block.digest) {
                    return Err(format!(
                        "measurement {index} is {}, which {kind} {} does not have",
                        hex::encode(block.digest),
                        rim.version
                    ));
                }
                compared += 1;
            }
        }
        if compared == 0 { Err("neither manifest has a measurement in use".into()) } else { Ok(compared) }
    }
}
