use super::*;
use crate::Latches;

#[test]
fn a_failure_takes_readiness_back_and_says_why() {
    let latches = Latches::default();
    assert!(!latches.has_self_check(), "nobody has judged yet");
    latches.self_checked(SelfCheck::Passed { skipped: Vec::new() });
    assert!(latches.has_self_check());
    assert_eq!(latches.self_check().to_json(), json!({ "result": "passed", "kind": "full" }));

    latches.self_checked(SelfCheck::Failed { why: "the GPU driver failed".into() });
    assert!(!latches.has_self_check());
    let shown = latches.self_check().to_json();
    assert_eq!(shown, json!({ "result": "failed", "why": "the GPU driver failed" }));

    latches.self_checked(SelfCheck::Passed { skipped: vec!["tdx.quote"] });
    assert!(latches.has_self_check(), "and a later one gives it again");
    assert_eq!(latches.self_check().to_json()["kind"], "offline");
    assert_eq!(latches.self_check().to_json()["skipped"], json!(["tdx.quote"]));
}
