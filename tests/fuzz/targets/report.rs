//! A whole report: every text has a verdict. Under hardware's policies a simulated one is never trusted; under its own
//! none that was made for another nonce than the caller's, which all seeds were.
#![no_main]

use std::sync::LazyLock;

use jurat_proto::{Nonce, UnixSeconds};
use jurat_verify::{Inputs, Policy, Wanted, fuzzing, verify_report};
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
static POLICIES: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let named = Policy::NAMES.iter().map(|name| Policy::named(name).expect("a built-in policy"));
    let policies: Vec<_> = named.collect();
    let seed = include_str!("../seeds/report/jurat-v1");
    let inputs = Inputs::live(NOW).nonce(Nonce::new([0x5a; 32]));
    let trusted = |policy| verify_report(seed, policy, inputs).outcome().is_trusted();
    assert!(policies.iter().any(trusted), "the seed shows how a report is trusted");
    policies
});

fuzz_target!(|report: &str| {
    let _ = Wanted::of(report);
    // one judgement an input: each costs dozens of signatures
    let chosen = fuzzing::digest(report.as_bytes()).as_bytes()[0];
    let policy = &POLICIES[usize::from(chosen % 4)];
    let inputs = if chosen & 4 == 0 { Inputs::live(NOW) } else { Inputs::archived(NOW) };
    let verdict = verify_report(report, policy, inputs.nonce(Nonce::new([0xee; 32])));
    assert!(!verdict.outcome().is_trusted(), "{verdict}");
    assert!(verdict.trusted_signer().is_none() && verdict.measured().is_none());
});
