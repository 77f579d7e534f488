use std::num::NonZeroU32;

use jurat_attest::GpuProvider as _;
use jurat_proto::Nonce;
use jurat_simulated::{Blueprint, Ocsp, SimulatedTee};
use proptest::prelude::*;

use super::*;
use crate::{Roots, Status, gpu::payload::Evidence, roots};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

struct Stage {
    tee: SimulatedTee,
    evidence: Evidence,
}

impl Stage {
    fn new() -> Self {
        let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
        let gpu = tee.gpu_provider().evidence(&Nonce::new([1; 32])).unwrap().remove(0);
        Self { tee, evidence: Evidence { certificates: gpu.certificate_chain, report: gpu.report } }
    }

    fn judge(&self, responses: &[Vec<u8>], now: UnixSeconds) -> Finding {
        let gpus = [Gpu::read(&self.evidence, &roots::nvidia(Roots::Simulated), NOW)];
        judge(&gpus, std::iter::empty(), responses, now)
    }
}

#[test]
fn answers_hold_from_this_update_to_the_next() {
    let stage = Stage::new();
    let responses = stage.tee.ocsp(Ocsp::Good).unwrap();
    assert_eq!(responses.len(), 4);
    let at = |seconds: i64| stage.judge(&responses, UnixSeconds(NOW.0.checked_add_signed(seconds).unwrap()));
    let day = 86_400;
    assert!(at(0).holds() && at(-day - 300).holds() && at(30 * day).holds());
    for outside in [-day - 301, 30 * day + 1] {
        assert_eq!(at(outside).status, Status::Fail);
        assert!(at(outside).reason.contains("does not hold at"), "{:?}", at(outside));
    }
    assert_eq!(stage.judge(&[], NOW).status, Status::Skip);
    let many = vec![responses[0].clone(); 193];
    assert_eq!(stage.judge(&many, NOW).reason, "193 OCSP responses, more than 192");
}

#[test]
fn what_is_no_response_is_named() {
    let stage = Stage::new();
    for (response, reason) in [
        (b"nonsense".to_vec(), "OCSP response 0: it is not DER"),
        (vec![0x30; (64 << 10) + 1], "OCSP response 0: it is longer than 65536 bytes"),
    ] {
        let finding = stage.judge(&[response], NOW);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.reason.starts_with(reason), "{finding:?}");
    }
}

/// Whether nobody was authorised, or somebody was and did not sign this.
#[test]
fn a_wrong_signature_is_told_from_a_stranger() {
    let stage = Stage::new();
    let flipped = |der: Vec<u8>| {
        let Ok(Some(Response { signature, .. })) = Response::read(&der) else { return der };
        let at = der.windows(signature.len()).position(|window| window == signature).unwrap();
        let mut der = der;
        der[at + signature.len() - 1] ^= 1;
        der
    };
    let judged = |form, edit: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let responses: Vec<_> = stage.tee.ocsp(form).unwrap().into_iter().map(edit).collect();
        stage.judge(&responses, NOW)
    };
    let bare = |der: Vec<u8>| match Response::read(&der) {
        Ok(Some(_)) => response::tests::without_certificates(&der),
        _ => der,
    };
    for (form, edit, reason) in [
        (Ocsp::Good, &flipped as &dyn Fn(Vec<u8>) -> Vec<u8>, "the answer's signature is wrong"),
        (Ocsp::Good, &bare, "the answer's signature is wrong"),
        (Ocsp::OtherResponder, &|der| der, "who answers was not authorised to by anybody above it"),
        (Ocsp::NotAResponder, &|der| der, "who answers was not authorised to by anybody above it"),
    ] {
        let finding = judged(form, edit);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.reason.contains(reason), "{finding:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Response::read(&bytes);
    }

    #[test]
    fn a_flipped_bit_never_vouches(
        response in 0..4usize,
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let (stage, responses) = &*MINTED;
        let mut flipped = responses.clone();
        let at = at.index(flipped[response].len());
        flipped[response][at] ^= 1 << bit;
        let finding = stage.judge(&flipped, NOW);
        // what is outside of the signature is the responder's certificate, or it makes the response none
        if finding.holds() {
            let same = Response::read(&flipped[response]).ok().flatten().map(|found| found.signed)
                == Response::read(&responses[response]).ok().flatten().map(|found| found.signed);
            prop_assert!(same, "response {} byte {}", response, at);
        }
    }
}

static MINTED: std::sync::LazyLock<(Stage, Vec<Vec<u8>>)> = std::sync::LazyLock::new(|| {
    let stage = Stage::new();
    let responses = stage.tee.ocsp(Ocsp::Good).unwrap();
    (stage, responses)
});
