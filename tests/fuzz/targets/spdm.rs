//! A GPU's report: it divides into what it is made of, and what is signed is what the seed's GPU signed.
#![no_main]

use jurat_proto::{Nonce, UnixSeconds};
use jurat_verify::{CheckId, fuzzing};
use libfuzzer_sys::fuzz_target;

const SEED: &[u8] = include_bytes!("../seeds/spdm/gpu");

fn passed(report: &[u8], nonce: Nonce) -> Vec<CheckId> {
    fuzzing::gpu(fuzzing::Said {
        chain: include_bytes!("../seeds/certificates/gpu"),
        report,
        nonce,
        rims: &[],
        ocsp: &[],
        nras: None,
        now: UnixSeconds(1_790_000_000),
    })
}

fn nonce(spdm: &fuzzing::Spdm<'_>) -> Nonce {
    Nonce::new(spdm.nonce.try_into().expect("32 bytes"))
}

fuzz_target!(
    init: {
        let seed = fuzzing::spdm(SEED).expect("a report");
        let passed = passed(SEED, nonce(&seed));
        assert!(passed.contains(&CheckId::GpuSignature) && passed.contains(&CheckId::GpuNonce), "{passed:?}");
    },
    |bytes: &[u8]| {
        let Some(spdm) = fuzzing::spdm(bytes) else { return };
        let whole = [spdm.signed, spdm.signature].concat();
        assert!(bytes.starts_with(&whole) && bytes.len() <= whole.len() + 1);
        assert_eq!(spdm.nonce, &bytes[4..36]);
        let mut indices: Vec<_> = spdm.blocks.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), spdm.blocks.len(), "a block twice");
        assert!(spdm.blocks.iter().all(|(_, digest)| digest.len() == 48));
        // a judgement costs five signatures on P-384: one input in sixteen gets one
        let judged = fuzzing::digest(bytes).as_bytes()[0] < 16;
        if judged && passed(bytes, nonce(&spdm)).contains(&CheckId::GpuSignature) {
            assert!(SEED.starts_with(spdm.signed));
        }
    }
);
