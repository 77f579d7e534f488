use std::io;

use super::*;

#[test]
fn failures_say_whether_asking_again_may_help() {
    let root = PathBuf::from("/r");
    let denied = TsmError::Denied { path: root.clone(), source: io::ErrorKind::PermissionDenied.into() };
    for error in [
        TsmError::NoFolder { root: root.clone() },
        TsmError::NoDriver { root: root.clone() },
        TsmError::NotConfigfs { root: root.clone() },
        TsmError::WrongProvider { found: "sev_guest".to_owned() },
        denied,
    ] {
        let text = error.to_string();
        assert_eq!(failure(error), QuoteFailure::Unavailable(text));
    }
    assert!(matches!(failure(TsmError::Busy { attempts: 5 }), QuoteFailure::Busy(_)));
    assert!(matches!(failure(TsmError::TimedOut), QuoteFailure::TimedOut(_)));
    assert!(matches!(failure(TsmError::Empty), QuoteFailure::Failed(_)));
    assert!(matches!(failure(TsmError::Conflict { before: 0, after: 2 }), QuoteFailure::Failed(_)));
}

#[test]
fn a_missing_folder_is_no_quote() {
    let root = std::env::temp_dir().join(format!("jurat-attest-absent-{}", std::process::id()));
    let mut provider = ConfigfsTsm::new(&root);
    assert_eq!((provider.name(), provider.tee(), provider.root()), ("configfs-tsm", crate::Tee::Tdx, &*root));
    assert!(matches!(provider.quote(&ReportData::new([0; 64])), Err(QuoteFailure::Unavailable(_))));
}
