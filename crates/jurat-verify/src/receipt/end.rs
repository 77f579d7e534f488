//! `receipt.end`: the answer is sworn to as complete. A receipt of a cut answer is genuine and never passes.

use jurat_proto::End;

use crate::check::Finding;

pub(super) fn judge(end: End) -> Finding {
    match end {
        End::Complete => Finding::pass("complete"),
        other => Finding::fail(format!("{other}: the answer is not sworn to as complete")),
    }
}
