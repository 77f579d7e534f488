//! `gpu.versions`: the GPUs are of generations, with drivers and VBIOSes, that the policy accepts.

use std::cmp::Ordering;

use super::{Gpu, identity::Identity};
use crate::{
    check::Finding,
    policy::gpu::{Architecture, DriverVersion, GpuPolicy, VbiosVersion},
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
    if policy.min_driver.is_some() || !policy.drivers.is_empty() {
        let Ok(found) = driver.parse::<DriverVersion>() else {
            return Some(format!("the driver's version {driver} is not legible"));
        };
        if policy.min_driver.as_ref().is_some_and(|least| found.age(least) == Ordering::Less) {
            return Some(format!("driver {driver} is older than the policy's minimum"));
        }
        if !policy.drivers.is_empty() && !policy.drivers.iter().any(|known| found.age(known).is_eq()) {
            return Some(format!("driver {driver} is not one of the policy's"));
        }
    }
    if policy.min_vbios.is_some() || !policy.vbioses.is_empty() {
        let Ok(found) = vbios.parse::<VbiosVersion>() else {
            return Some(format!("the VBIOS's version {vbios} is not legible"));
        };
        if policy.min_vbios.as_ref().is_some_and(|least| found.age(least) == Ordering::Less) {
            return Some(format!("VBIOS {vbios} is older than the policy's minimum"));
        }
        if !policy.vbioses.is_empty() && !policy.vbioses.iter().any(|known| found.age(known).is_eq()) {
            return Some(format!("VBIOS {vbios} is not one of the policy's"));
        }
    }
    None
}
