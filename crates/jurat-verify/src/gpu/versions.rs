//! `gpu.versions`: the GPUs are of generations, with drivers and VBIOSes, that the policy accepts.

use super::{Gpu, identity::Identity};
use crate::{
    check::Finding,
    policy::gpu::{Architecture, GpuPolicy, Version},
};

/// Judges GPUs whose reports are signed.
pub(super) fn judge(gpus: &[Gpu<'_>], policy: &GpuPolicy) -> Finding {
    let mut told: Vec<String> = Vec::new();
    for (at, gpu) in gpus.iter().enumerate() {
        let identity = gpu.identity().map_err(|error| error.to_string());
        match identity.and_then(|identity| objection(&identity, policy).map_or(Ok(identity), Err)) {
            Ok(Identity { chip, driver, vbios, .. }) => {
                let line = format!("{chip} with driver {driver} and VBIOS {vbios}");
                if !told.contains(&line) {
                    told.push(line);
                }
            }
            Err(_) if policy.is_empty() => return Finding::skip("the policy names no versions"),
            Err(reason) => return Finding::fail(format!("GPU {at}: {reason}")),
        }
    }
    let told = told.join(", ");
    if policy.is_empty() {
        Finding::skip(format!("the policy names no versions; there are {told}"))
    } else {
        Finding::pass(told)
    }
}

/// The first demand that a GPU does not meet.
fn objection(identity: &Identity, policy: &GpuPolicy) -> Option<String> {
    let Identity { chip, driver, vbios, .. } = identity;
    let accepted = Architecture::of_chip(chip).is_some_and(|found| policy.architectures.contains(&found));
    if !policy.architectures.is_empty() && !accepted {
        return Some(format!("the policy does not accept the chip {chip}"));
    }
    against("driver", driver, policy.min_driver.as_ref(), &policy.drivers)
        .or_else(|| against("VBIOS", vbios, policy.min_vbios.as_ref(), &policy.vbioses))
}

/// What speaks against a version: it must not be older than `least`, and be one of `known` if there are any.
fn against<const RADIX: u32>(
    kind: &str,
    text: &str,
    least: Option<&Version<RADIX>>,
    known: &[Version<RADIX>],
) -> Option<String> {
    if least.is_none() && known.is_empty() {
        return None;
    }
    let Ok(found) = text.parse::<Version<RADIX>>() else {
        return Some(format!("the {kind}'s version {text} is not legible"));
    };
    if least.is_some_and(|least| found.age(least).is_lt()) {
        return Some(format!("{kind} {text} is older than the policy's minimum"));
    }
    if !known.is_empty() && !known.iter().any(|known| found.age(known).is_eq()) {
        return Some(format!("{kind} {text} is not one of the policy's"));
    }
    None
}

#[cfg(test)]
mod tests;
