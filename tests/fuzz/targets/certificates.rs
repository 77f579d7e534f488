//! A chain of certificates: one that holds has none that the seed's has not.
#![no_main]

use std::sync::LazyLock;

use jurat_proto::UnixSeconds;
use jurat_verify::fuzzing::certificates;
use libfuzzer_sys::fuzz_target;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
static SEED: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    certificates(include_bytes!("../seeds/certificates/gpu"), NOW).expect("the seed's chain holds")
});

fuzz_target!(
    init: assert!(SEED.len() > 2),
    |pem: &[u8]| {
        if let Some(chain) = certificates(pem, NOW) {
            assert!(chain.iter().all(|der| SEED.contains(der)));
        }
    }
);
