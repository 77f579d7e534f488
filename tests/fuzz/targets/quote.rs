//! A quote, with the platform's certificates in it: what is genuine is what the seed's platform signed.
#![no_main]

use jurat_proto::UnixSeconds;
use jurat_verify::fuzzing::{digest, quote};
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const SEED: &[u8] = include_bytes!("../seeds/quote/v4");
const COLLATERAL: &str = include_str!("../seeds/collateral/whole");
/// The header and the TD's report, which the quoting enclave signs.
const SIGNED: usize = 632;

fuzz_target!(
    init: assert!(quote(SEED, Some(COLLATERAL), NOW).is_some()),
    |bytes: &[u8]| {
        assert_eq!(quote(bytes, None, NOW), None, "nothing is genuine without collateral");
        // a judgement costs a dozen signatures: one input in eight gets one
        let collateral = Some(COLLATERAL).filter(|_| digest(bytes).as_bytes()[0] < 32);
        if let Some(data) = quote(bytes, collateral, NOW) {
            assert_eq!(bytes[..SIGNED], SEED[..SIGNED]);
            assert_eq!(data[..], SEED[SIGNED - 64..SIGNED]);
        }
    }
);
