//! A policy: one that is read stays what it is when it is written, and asks for what no trust is without.
#![no_main]

use jurat_verify::{CheckId, Policy, ReferenceValues};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(policy) = Policy::parse(text) {
        assert_eq!(Policy::parse(&policy.to_toml()).as_ref(), Ok(&policy));
        for id in [CheckId::TdxQuote, CheckId::TdxTcb, CheckId::TdxDebug, CheckId::BindAddress] {
            assert!(policy.requires(id));
        }
        assert!(!policy.measurements.is_empty() <= policy.requires(CheckId::TdxMeasurements));
        let _ = policy.lint();
        let _ = policy.to_json();
        assert!(policy.of_any_code().measurements.is_empty());
    }
    let _ = ReferenceValues::parse(text);
});
