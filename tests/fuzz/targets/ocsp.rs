//! An OCSP response: what vouches for a certificate is what the seed's responder signed.
#![no_main]

use std::sync::LazyLock;

use jurat_proto::{Nonce, UnixSeconds};
use jurat_verify::{CheckId, fuzzing, ocsp_window};
use libfuzzer_sys::fuzz_target;

const SEED: &[u8] = include_bytes!("../seeds/ocsp/1");
/// Within what is signed: who answers, when, and about which certificate.
const SIGNED: std::ops::Range<usize> = 40..160;
static OTHERS: LazyLock<[Vec<u8>; 2]> =
    LazyLock::new(|| [include_bytes!("../seeds/ocsp/2").to_vec(), include_bytes!("../seeds/ocsp/3").to_vec()]);

fn vouched(responses: &[Vec<u8>]) -> bool {
    let passed = fuzzing::gpu(fuzzing::Said {
        chain: include_bytes!("../seeds/certificates/gpu"),
        report: include_bytes!("../seeds/spdm/gpu"),
        nonce: Nonce::new([0; 32]),
        rims: &[],
        ocsp: responses,
        nras: None,
        now: UnixSeconds(1_790_000_000),
    });
    passed.contains(&CheckId::GpuRevocation)
}

fuzz_target!(
    init: {
        assert!(vouched(&[SEED.to_vec(), OTHERS[0].clone(), OTHERS[1].clone()]));
        assert!(!vouched(&OTHERS[..]), "the seed is needed");
    },
    |der: &[u8]| {
        let legible = ocsp_window(der, None).is_ok();
        let _ = ocsp_window(der, Some(&[7; 32]));
        // a judgement costs eight signatures on P-384: one legible input in sixteen gets one
        let judged = legible && fuzzing::digest(der).as_bytes()[0] < 16;
        if judged && vouched(&[der.to_vec(), OTHERS[0].clone(), OTHERS[1].clone()]) {
            let signed = &SEED[SIGNED];
            assert!(der.windows(signed.len()).any(|window| window == signed));
        }
    }
);
