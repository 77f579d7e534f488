//! `tdx.tcb`: the platform's firmware and microcode are in a state that the policy accepts.

use super::quote::TdQuote;
use crate::{Policy, check::Finding};

pub(super) fn judge(quote: &TdQuote, policy: &Policy) -> Finding {
    let Some(claims) = &quote.claims else { return Finding::skip("rests on tdx.quote") };
    let status = claims.tcb.status;
    // A TD 1.5 has a second level, of the module that runs now rather than at its launch.
    let levels = claims.platform.current_tcb_level.iter().chain([&claims.platform.tcb_level]);
    let mut advisories: Vec<&String> =
        levels.flat_map(|level| &level.advisory_ids).chain(&claims.qe.tcb_level.advisory_ids).collect();
    advisories.sort();
    advisories.dedup();

    let open = match advisories.len() {
        0 => String::new(),
        _ => {
            format!(", advisories {}", advisories.iter().map(|id| id.as_str()).collect::<Vec<_>>().join(" "))
        }
    };
    let (number, least) = (claims.tcb.eval_data_number, policy.min_tcb_evaluation_data_number);
    if !policy.tcb_statuses.contains(&status) {
        return Finding::fail(format!("status {status}{open}: the policy does not accept it"));
    }
    let rejected = advisories
        .iter()
        .find(|id| policy.rejected_advisories.iter().any(|rejected| rejected.eq_ignore_ascii_case(id)));
    if let Some(id) = rejected {
        return Finding::fail(format!("status {status}, but advisory {id} is open: the policy rejects it"));
    }
    if number < least {
        return Finding::fail(format!(
            "collateral of evaluation {number}; the policy wants {least} or later"
        ));
    }
    Finding::pass(format!("status {status}, evaluation {number}{open}"))
}
