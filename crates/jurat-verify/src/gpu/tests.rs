//! Over genuine evidence, where it is there; over simulated evidence see `report/tests.rs`.

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::{Roots, roots, samples::nanogpt_payload};

mod chains;
pub(super) mod minted;
mod questions;

const AT: UnixSeconds = UnixSeconds(1_781_056_145);

fn genuine() -> Option<Evidence> {
    let payload = Payload::parse(&nanogpt_payload()?).unwrap().unwrap();
    payload.gpus.into_iter().next()
}

fn root() -> Digest {
    roots::nvidia(Roots::Production)
}

fn holds(evidence: &Evidence) -> bool {
    let gpus = [Gpu::read(evidence, &root(), AT)];
    let chained = authentic::chain(&gpus).holds();
    chained && authentic::signature(&gpus, chained).holds()
}

#[test]
fn any_flipped_bit_of_a_report_breaks_its_signature() {
    let Some(evidence) = genuine() else { return };
    assert!(holds(&evidence));
    let bits = evidence.report.len() * 8;
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(0..bits), |bit| {
            let mut flipped = evidence.clone();
            flipped.report[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!holds(&flipped));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_flipped_bit_of_a_certificate_breaks_the_chain() {
    let Some(evidence) = genuine() else { return };
    let bits = evidence.certificates.len() * 8;
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(0..bits), |bit| {
            let mut flipped = evidence.clone();
            flipped.certificates[bit / 8] ^= 1 << (bit % 8);
            // line feeds may become other white space, which is the same PEM
            let same = flipped
                .certificates
                .iter()
                .zip(&evidence.certificates)
                .all(|(new, old)| new == old || (new.is_ascii_whitespace() && old.is_ascii_whitespace()));
            prop_assert!(same || !holds(&flipped));
            Ok(())
        })
        .unwrap();
}

#[test]
fn another_root_is_not_believed() {
    let Some(evidence) = genuine() else { return };
    let other = Digest::new([1; 32]);
    assert_eq!(
        certificates::verify(&evidence.certificates, &other, AT).unwrap_err(),
        ChainError::Root(root())
    );
}

#[test]
fn chains_of_other_shapes_are_refused() {
    let Some(evidence) = genuine() else { return };
    let text = String::from_utf8(evidence.certificates).unwrap();
    let end = "-----END CERTIFICATE-----\n";
    let certificates: Vec<&str> = text.split_inclusive(end).collect();
    assert_eq!(certificates.len(), 5);
    let verify =
        |chain: &[&str], now| certificates::verify(chain.concat().as_bytes(), &root(), now).map(|_| ());

    assert_eq!(verify(&certificates, AT), Ok(()));
    assert_eq!(verify(&[&text, "\0\0\0\0\0"], AT), Ok(()), "the driver's padding");
    assert_eq!(verify(&[&text, "\0x"], AT), Err(ChainError::Pem));
    assert_eq!(verify(&["x", &text], AT), Err(ChainError::Pem));
    assert_eq!(verify(&[], AT), Err(ChainError::Length(0)));
    assert_eq!(verify(&certificates[..1], AT), Err(ChainError::Length(1)));
    assert!(matches!(verify(&certificates[..4], AT), Err(ChainError::Issuer(3))), "no root");
    assert_eq!(verify(&[&text, &text], AT), Err(ChainError::Length(9)));
    let without_intermediate = [&certificates[..2], &certificates[3..]].concat();
    assert_eq!(verify(&without_intermediate, AT), Err(ChainError::Issuer(1)));
    let leaf_as_issuer = [&certificates[..1], &certificates[..]].concat();
    assert!(verify(&leaf_as_issuer, AT).is_err());
    assert_eq!(
        verify(&certificates, UnixSeconds(1_000_000_000)),
        Err(ChainError::Validity(0, UnixSeconds(1_000_000_000)))
    );
}

/// A GPU certifies another key at every start: by its leaf alone one could be counted again after each.
#[test]
fn one_gpu_is_one_after_a_restart() {
    use crate::report::tests::{Attester, NONCE, NOW, blueprint};
    let attester = Attester::new(&blueprint());
    let report = attester.report(jurat_proto::Binding::JuratV1, &NONCE);
    let payload = Payload::parse(report["nvidia_payload"].as_str().unwrap()).unwrap().unwrap();
    let root = roots::nvidia(Roots::Simulated);
    let mut gpus: Vec<_> = payload.gpus.iter().map(|evidence| Gpu::read(evidence, &root, NOW)).collect();
    assert_eq!(gpus.len(), 2);
    assert!(authentic::present(&gpus, Some(2)).holds());
    let device = gpus[0].chain.as_ref().unwrap().issuers[0].spki;
    gpus[1].chain.as_mut().unwrap().issuers[0].spki = device;
    assert_eq!(authentic::present(&gpus, Some(2)), Finding::fail("the evidence of one GPU is there twice"));
    // above that stands whom all GPUs share
    let shared = |gpu: &Gpu<'_>| gpu.chain.as_ref().unwrap().issuers[1].spki;
    assert_eq!(shared(&gpus[0]), shared(&gpus[1]));
}

#[test]
fn payloads_are_bounded_and_strict() {
    assert_eq!(Payload::parse(""), Ok(None));
    let empty = format!(r#"{{"nonce":"{}","evidence_list":[],"arch":"HOPPER"}}"#, "00".repeat(32));
    assert_eq!(Payload::parse(&empty), Ok(None));
    let entry = r#"{"certificate":"AA==","evidence":"AA==","arch":"HOPPER"}"#;
    let of = |count: usize| {
        format!(r#"{{"nonce":"{}","evidence_list":[{}]}}"#, "00".repeat(32), vec![entry; count].join(","))
    };
    assert_eq!(Payload::parse(&of(2)).unwrap().unwrap().gpus.len(), 2);
    assert_eq!(Payload::parse(&of(32)).unwrap().unwrap().gpus.len(), 32);
    assert_eq!(Payload::parse(&of(33)), Err(payload::PayloadError::TooMany(33)));
    assert_eq!(Payload::parse(&of(1).replace("AA==", "A*==")), Err(payload::PayloadError::Base64(0)));
    assert_eq!(Payload::parse(&of(1).replace("\"00", "\"0")), Err(payload::PayloadError::Nonce));
    let padded = |length: usize| of(1) + &" ".repeat(length - of(1).len());
    assert!(Payload::parse(&padded(1 << 20)).unwrap().is_some());
    assert_eq!(Payload::parse(&padded((1 << 20) + 1)), Err(payload::PayloadError::TooLong));
    assert_eq!(Payload::parse(&" ".repeat((1 << 20) + 1)), Err(payload::PayloadError::TooLong));
    // serde would take them by their order
    let listed = format!(r#"["{}",[{entry}]]"#, "00".repeat(32));
    let entry_listed = of(1).replace(entry, r#"["AA==","AA=="]"#);
    for text in [listed, entry_listed] {
        assert!(matches!(Payload::parse(&text), Err(payload::PayloadError::Json(_))), "{text}");
    }
    let twice = of(1).replace("\"evidence_list\"", "\"evidence_list\":[],\"evidence_list\"");
    assert!(matches!(Payload::parse(&twice), Err(payload::PayloadError::Json(_))));
}
