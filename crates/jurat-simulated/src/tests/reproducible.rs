use jurat_attest::{GpuEvidence, GpuProvider, QuoteProvider};
use jurat_proto::{Nonce, ReportData};

use super::blueprint;
use crate::{Seeded, SimulatedTee};

fn everything(tee: &SimulatedTee) -> (Vec<u8>, String, Vec<GpuEvidence>) {
    let quote = tee.quote_provider().quote(&ReportData::new([1; 64])).unwrap().bytes;
    let gpus = tee.gpu_provider().evidence(&Nonce::new([2; 32])).unwrap();
    (quote, tee.collateral().to_owned(), gpus)
}

#[test]
fn the_same_randomness_mints_the_same_bytes() {
    let one = everything(&blueprint().mint_with(&mut Seeded::new(0)).unwrap());
    assert_eq!(one, everything(&blueprint().mint_with(&mut Seeded::new(0)).unwrap()));
    let other = everything(&blueprint().mint_with(&mut Seeded::new(1)).unwrap());
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
    assert_ne!(one.2, other.2);
}

#[test]
fn the_systems_randomness_mints_other_keys_each_time() {
    let mint = || everything(&blueprint().mint().unwrap());
    assert_ne!(mint().0, mint().0);
}
