use super::*;

#[test]
fn codes_become_failures() {
    use tdx_attest_error_t::*;
    assert!(matches!(failure(TDX_ATTEST_ERROR_DEVICE_FAILURE), QuoteFailure::Unavailable(_)));
    assert!(matches!(failure(TDX_ATTEST_ERROR_BUSY), QuoteFailure::Busy(_)));
    let QuoteFailure::Failed(text) = failure(TDX_ATTEST_ERROR_QUOTE_FAILURE) else { panic!("other kind") };
    assert!(text.contains("TDX_ATTEST_ERROR_QUOTE_FAILURE"), "{text}");
}
