//! `tdx.platform`: the machine is one that the policy names, by the PPID in its PCK certificate.

use super::quote::TdQuote;
use crate::{
    Policy,
    check::Finding,
    policy::{Hex, Ppid},
};

pub(super) fn judge(quote: &TdQuote, policy: &Policy) -> Finding {
    let Some(claims) = &quote.claims else { return Finding::skip("rests on tdx.quote") };
    let ppid: Option<Ppid> = claims.platform.pck.ppid.as_slice().try_into().ok().map(Hex::new);
    match (ppid, policy.platforms.as_slice()) {
        (None, []) => Finding::skip("the policy names no platforms"),
        (None, _) => Finding::fail("the platform's certificate has no PPID of 16 bytes"),
        (Some(ppid), []) => Finding::skip(format!("the policy names no platforms; this one is {ppid}")),
        (Some(ppid), named) if named.contains(&ppid) => {
            Finding::pass(format!("{ppid} is one of the {} that the policy names", named.len()))
        }
        (Some(ppid), named) => {
            Finding::fail(format!("{ppid} is none of the {} platforms that the policy names", named.len()))
        }
    }
}
