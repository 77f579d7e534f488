//! Quotes through the public names of `tdx-attest-rs`, whichever crate of that name is built in.
//!
//! Nothing else of that crate is used in this file, so that it compiles against Intel's as well.

use jurat_proto::ReportData;
use tdx_attest_rs::{tdx_att_get_quote, tdx_attest_error_t, tdx_report_data_t};

use crate::{Quote, QuoteFailure, QuoteProvider};

/// `tdx_att_get_quote` as a quote provider. It finds its own way to the host and takes no folder.
#[derive(Debug, Clone, Copy, Default)]
pub struct TdxAttest;

impl QuoteProvider for TdxAttest {
    fn name(&self) -> &'static str {
        "tdx-attest"
    }

    fn quote(&mut self, report_data: &ReportData) -> Result<Quote, QuoteFailure> {
        let report_data = tdx_report_data_t { d: *report_data.as_bytes() };
        match tdx_att_get_quote(Some(&report_data), None, None, 0) {
            (tdx_attest_error_t::TDX_ATTEST_SUCCESS, Some(bytes)) => {
                Ok(Quote { bytes, event_log: None, vm_config: None, info: None })
            }
            (code, _) => Err(failure(code)),
        }
    }
}

fn failure(code: tdx_attest_error_t) -> QuoteFailure {
    let text = format!("tdx_att_get_quote returned {code:?}");
    match code {
        tdx_attest_error_t::TDX_ATTEST_ERROR_DEVICE_FAILURE => QuoteFailure::Unavailable(text),
        tdx_attest_error_t::TDX_ATTEST_ERROR_BUSY => QuoteFailure::Busy(text),
        _ => QuoteFailure::Failed(text),
    }
}

#[cfg(test)]
mod tests;
