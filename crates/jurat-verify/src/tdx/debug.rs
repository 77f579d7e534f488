//! `tdx.debug`: nobody outside can look into the TD or profile it.

use super::quote::TdQuote;
use crate::check::Finding;

pub(super) fn judge(quote: &TdQuote) -> Finding {
    // The first byte, TUD, is "TD under debug": bit 0 is DEBUG, the others are profiling and reserved.
    let [under_debug, ..] = quote.td.td_attributes;
    match under_debug {
        0 => Finding::pass("off"),
        bits if bits & 1 != 0 => Finding::fail("debug TD: the host can read and write its memory"),
        bits => Finding::fail(format!("TD attributes of debugging are set: {bits:#04x}")),
    }
}
