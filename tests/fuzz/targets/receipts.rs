//! Receipts alone and in an export: what passes under a trusted signer is what it swore to; whom nobody trusts proves
//! nothing.
#![no_main]

use std::sync::LazyLock;

use jurat_proto::{Nonce, SignatureRecord, UnixSeconds};
use jurat_verify::{Audit, Extent, Inputs, Line, LineKind, Policy, TrustedSigner, verify_report};
use libfuzzer_sys::fuzz_target;

const SEED: &str = include_str!("../seeds/receipts/two");
const REQUEST: &[u8] = b"{\"model\":\"m\"}";
const RESPONSE: &[u8] = b"{\"id\":\"chatcmpl-1\"}";
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::named("simulated").expect("a built-in policy"));
static SIGNER: LazyLock<TrustedSigner> = LazyLock::new(|| {
    let inputs = Inputs::live(UnixSeconds(1_790_000_000)).nonce(Nonce::new([0x5a; 32]));
    let verdict = verify_report(include_str!("../seeds/report/jurat-v1"), &POLICY, inputs);
    verdict.trusted_signer().expect("the seed is trusted").clone()
});
static RECORDS: LazyLock<Vec<SignatureRecord>> =
    LazyLock::new(|| SEED.lines().map(|line| serde_json::from_str(line).expect("a record")).collect());

fuzz_target!(
    init: assert!(SIGNER.check(&RECORDS[0], REQUEST, RESPONSE).outcome().is_trusted()),
    |text: &str| {
        let mut nobody = Audit::new(&POLICY, Extent::Part);
        let mut known = Audit::new(&POLICY, Extent::Part);
        known.trust(&SIGNER);
        for line in text.lines() {
            let read = Line::read(line);
            if let LineKind::Receipt { sequence } = read.kind() {
                let record: SignatureRecord = serde_json::from_str(line).expect("it was read");
                assert_eq!(record.receipt.sequence, sequence);
                if SIGNER.check(&record, REQUEST, RESPONSE).outcome().is_trusted() {
                    assert!(RECORDS.iter().any(|seed| seed.receipt == record.receipt));
                }
            }
            nobody.take(read.clone());
            known.take(read);
        }
        let _ = nobody.wanted();
        assert!(!nobody.finish().outcome().is_trusted());
        if known.finish().outcome().is_trusted() {
            let records = text.lines().filter(|line| matches!(Line::read(line).kind(), LineKind::Receipt { .. }));
            for line in records {
                let record: SignatureRecord = serde_json::from_str(line).expect("it was read");
                assert!(RECORDS.iter().any(|seed| seed.receipt == record.receipt));
            }
        }
    }
);
