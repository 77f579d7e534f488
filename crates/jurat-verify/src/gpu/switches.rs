//! `nvswitch_payload`: the evidence of the switches between GPUs, LS10 by name. Part of `gpu.mode`.
//!
//! Switches sign reports as GPUs do. Each names itself and the GPUs at its ports, and each GPU the switches at
//! its links, by eight bytes (a PDI); GPUs have a switch's bytes backwards. How a GPU's own PDI follows from
//! its evidence is not published, so the GPUs that switches name are counted and not told.

use std::collections::BTreeSet;

use jurat_proto::Nonce;

use super::{
    Gpu, Question, identity,
    payload::Payload,
    spdm::{SpdmReport, tag},
};

/// A device's number in the fabric.
type Pdi = [u8; 8];

/// GPUs at the ports of one switch, at most; after them comes which port leads where.
const GPUS_OF_SWITCH: usize = 8;
const NOT_CONNECTED: Pdi = [0; 8];

/// What is known of the switches between GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fabric {
    /// There is no evidence of any.
    Absent,
    /// So many are genuine, and are the ones that the GPUs are linked to.
    Attested(usize),
    /// There is evidence, and nothing to judge it by.
    Unjudged(&'static str),
    /// There is evidence that does not hold.
    Refused(String),
}

/// Judges the switches of GPUs whose reports are signed.
pub(super) fn judge(gpus: &[Gpu<'_>], question: &Question<'_>) -> Fabric {
    let payload = match Payload::parse(question.switches) {
        Ok(Some(payload)) => payload,
        Ok(None) => return Fabric::Absent,
        Err(error) => return Fabric::Refused(format!("switch evidence: {error}")),
    };
    match question.nonce {
        Err(reason) => Fabric::Unjudged(reason),
        Ok(nonce) => match attested(gpus, &payload, nonce, question) {
            Ok(count) => Fabric::Attested(count),
            Err(reason) => Fabric::Refused(reason),
        },
    }
}

/// How many switches there are, or why they cannot be believed.
fn attested(
    gpus: &[Gpu<'_>],
    payload: &Payload,
    nonce: Nonce,
    question: &Question<'_>,
) -> Result<usize, String> {
    let mut switches: BTreeSet<Pdi> = BTreeSet::new();
    let mut behind: Option<BTreeSet<Pdi>> = None;
    for (at, evidence) in payload.gpus.iter().enumerate() {
        let switch = Gpu::read(evidence, &question.root_spki, question.now);
        let (own, named) =
            examine(&switch, nonce.as_bytes()).map_err(|reason| format!("switch {at}: {reason}"))?;
        if !switches.insert(own) {
            return Err(format!("switch {at} is there twice"));
        }
        if *behind.get_or_insert_with(|| named.clone()) != named {
            return Err(format!("switch {at} leads to other GPUs than those before it"));
        }
    }
    if payload.nonce != nonce {
        return Err("the switches' payload names another nonce than its reports are over".into());
    }
    for (at, gpu) in gpus.iter().enumerate() {
        let named = gpu.report.as_ref().ok().and_then(switches_of_gpu);
        if named.as_ref() != Some(&switches) {
            return Err(format!("GPU {at} is linked to other switches than those there is evidence of"));
        }
    }
    let behind = behind.map_or(0, |behind| behind.len());
    if behind != gpus.len() {
        return Err(format!("the switches lead to {behind} GPUs, and there is evidence of {}", gpus.len()));
    }
    Ok(switches.len())
}

/// A switch's own PDI and those of the GPUs behind it, if all about it is as it must be.
fn examine(switch: &Gpu<'_>, nonce: &[u8]) -> Result<(Pdi, BTreeSet<Pdi>), String> {
    let (chain, report) = match (&switch.chain, &switch.report) {
        (Ok(chain), Ok(report)) => (chain, report),
        (Err(error), _) => return Err(error.to_string()),
        (_, Err(error)) => return Err(error.to_string()),
    };
    // GPUs have certificates under the same root
    let chip = identity::chip(&chain.leaf).unwrap_or_default();
    if !chip.starts_with("LS") {
        return Err(format!("the certificate is that of a {chip}, which is no switch"));
    }
    if !switch.is_signed() {
        return Err("the report's signature is wrong".into());
    }
    if report.nonce != nonce {
        return Err("the report is over another nonce than the binding derives".into());
    }
    let own = report.opaque(tag::PDI).and_then(|value| Pdi::try_from(value).ok());
    let own = own.ok_or("the report does not name its switch")?;
    let named = report.opaque(tag::GPUS_OF_SWITCH).and_then(|value| value.get(..8 * GPUS_OF_SWITCH));
    let named = named.ok_or("the report does not name the GPUs behind its switch")?;
    Ok((own, connected(named)))
}

/// The switches that a GPU is linked to.
fn switches_of_gpu(report: &SpdmReport<'_>) -> Option<BTreeSet<Pdi>> {
    let value = report.opaque(tag::PDI).filter(|value| value.len() % 8 == 0 && value.len() > 8)?;
    let backwards = |mut pdi: Pdi| {
        pdi.reverse();
        pdi
    };
    Some(connected(value).into_iter().map(backwards).collect())
}

fn connected(value: &[u8]) -> BTreeSet<Pdi> {
    value.as_chunks::<8>().0.iter().copied().filter(|pdi| *pdi != NOT_CONNECTED).collect()
}

#[cfg(test)]
mod tests;
