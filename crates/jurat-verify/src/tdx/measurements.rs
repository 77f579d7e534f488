//! `tdx.measurements`: the TD measures to one of the policy's sets of reference values.

use jurat_proto::Digest;

use super::quote::TdQuote;
use crate::{
    Policy,
    check::Finding,
    policy::{Hex, ReferenceSet},
};

/// What the quote says, as a set that pins everything. The compose hash is there if `tdx.compose` established it.
pub(super) fn measured(quote: &TdQuote, compose_hash: Option<Digest>) -> ReferenceSet {
    let td = &quote.td;
    ReferenceSet {
        mrtd: Some(Hex::new(td.mr_td)),
        rtmr0: Some(Hex::new(td.rt_mr0)),
        rtmr1: Some(Hex::new(td.rt_mr1)),
        rtmr2: Some(Hex::new(td.rt_mr2)),
        rtmr3: Some(Hex::new(td.rt_mr3)),
        mrseam: Some(Hex::new(td.mr_seam)),
        mrsignerseam: Some(Hex::new(td.mr_signer_seam)),
        mrconfigid: Some(Hex::new(td.mr_config_id)),
        mrowner: Some(Hex::new(td.mr_owner)),
        mrownerconfig: Some(Hex::new(td.mr_owner_config)),
        td_attributes: Some(Hex::new(td.td_attributes)),
        xfam: Some(Hex::new(td.xfam)),
        compose_hash,
        ..ReferenceSet::named("measured")
    }
}

pub(super) fn judge(measured: &ReferenceSet, policy: &Policy) -> Finding {
    let sets = policy.measurements.iter().map(|set| (set, set.differences(measured)));
    // the first of the nearest
    let Some((nearest, differences)) = sets.min_by_key(|(_, differences)| differences.len()) else {
        return Finding::skip("the policy has no reference values: which code runs there is not known");
    };
    if differences.is_empty() {
        let pinned: Vec<_> = nearest.pinned().collect();
        return Finding::pass(format!("they are those of `{}`: {}", nearest.name, pinned.join(", ")));
    }
    let differences: Vec<_> = differences.iter().map(ToString::to_string).collect();
    let number = policy.measurements.len();
    let sets = if number == 1 {
        "it does not match the reference set".into()
    } else {
        format!("none of {number} reference sets matches, the nearest being")
    };
    Finding::fail(format!("{sets} `{}`: {}", nearest.name, differences.join("; ")))
}

#[cfg(test)]
mod tests;
