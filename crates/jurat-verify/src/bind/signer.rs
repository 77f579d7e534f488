//! `bind.signer`: the signer is one that the policy pins, known from before.

use jurat_proto::Address;

use crate::check::Finding;

pub(super) fn judge(signer: &Address, pinned: &[Address]) -> Finding {
    match pinned {
        [] => Finding::skip("the policy pins no signer"),
        pinned if pinned.contains(signer) => {
            Finding::pass(format!("{signer} is one of the {} that the policy pins", pinned.len()))
        }
        pinned => Finding::fail(format!(
            "{signer} is none of the {} that the policy pins: another key, or a process that has started anew",
            pinned.len()
        )),
    }
}
