use super::*;

#[test]
fn failures_say_whether_asking_again_may_help() {
    for code in [Code::DEVICE_FAILURE, Code::NOT_SUPPORTED, Code::UNSUPPORTED_ATT_KEY_ID] {
        let failure = failure(CallError::Code(code));
        let named =
            matches!(&failure, QuoteFailure::Unavailable(text) if text.contains(code.name().unwrap()));
        assert!(named, "{failure}");
    }
    assert!(matches!(failure(CallError::Code(Code::BUSY)), QuoteFailure::Busy(_)));
    for code in [1, 2, 3, 4, 5, 6, 8, 0xb, 0xd, u32::MAX] {
        let failure = failure(CallError::Code(Code(code)));
        assert!(matches!(failure, QuoteFailure::Failed(_)), "{code}: {failure}");
    }
    for error in [CallError::Null, CallError::Empty, CallError::TooLong { size: 70_000 }] {
        assert_eq!(failure(error), QuoteFailure::Failed(error.to_string()));
    }
}

#[test]
fn a_machine_without_the_library_is_told_who_installs_it() {
    let failure = IntelLibrary::load("libtdx_attest-of-nobody.so.1").unwrap_err();
    let told = matches!(&failure, QuoteFailure::Unavailable(text) if text.contains("libtdx-attest"));
    assert!(told, "{failure}");
}
