//! A bundle: every text has a verdict, a trusted one is about the answer that the seed's signer swore to, and what is
//! read is written as it was.
#![no_main]

use std::sync::LazyLock;

use jurat_verify::{Bundle, Held, Policy, verify_bundle};
use libfuzzer_sys::fuzz_target;

static SEED: LazyLock<Bundle> =
    LazyLock::new(|| Bundle::read(include_str!("../seeds/bundle/whole")).expect("a bundle"));
static POLICIES: LazyLock<[Policy; 2]> =
    LazyLock::new(|| ["simulated", "permissive"].map(|name| Policy::named(name).expect("a built-in policy")));

fuzz_target!(
    init: {
        let verdict = verify_bundle(&SEED.to_json().expect("JSON"), &POLICIES[0], Held::default());
        assert!(verdict.outcome().is_trusted(), "{verdict}");
    },
    |text: &str| {
        let read = Bundle::read(text).ok();
        if let Some(bundle) = &read {
            let written = bundle.to_json().expect("it is within bounds");
            let again = Bundle::read(&written).expect("what was written is read");
            assert_eq!(again.to_json().expect("JSON"), written);
        }
        assert!(!verify_bundle(text, &POLICIES[1], Held::default()).outcome().is_trusted());
        let verdict = verify_bundle(text, &POLICIES[0], Held::default());
        if !verdict.outcome().is_trusted() {
            return;
        }
        let bundle = read.expect("a trusted bundle is legible");
        if let (Some(answer), Some(seed)) = (bundle.answer, &SEED.answer) {
            assert_eq!(answer.record.receipt, seed.record.receipt);
            assert_eq!(answer.request_sha256, seed.request_sha256);
            assert_eq!(answer.response_sha256, seed.response_sha256);
            assert_eq!(answer.response_length, seed.response_length);
        }
    }
);
