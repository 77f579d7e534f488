use std::convert::Infallible;

use jurat_attest::{GpuEvidence, GpuProvider, QuoteProvider};
use jurat_proto::{Nonce, ReportData, sha256};
use rand_core::{TryCryptoRng, TryRng};

use super::blueprint;
use crate::SimulatedTee;

/// SHA-256 of a counter.
struct Counted(u64);

impl TryRng for Counted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(32) {
            self.0 += 1;
            chunk.copy_from_slice(&sha256(&self.0.to_be_bytes()).as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counted {}

fn everything(tee: &SimulatedTee) -> (Vec<u8>, String, Vec<GpuEvidence>) {
    let quote = tee.quote_provider().quote(&ReportData::new([1; 64])).unwrap().bytes;
    let gpus = tee.gpu_provider().evidence(&Nonce::new([2; 32])).unwrap();
    (quote, tee.collateral().to_owned(), gpus)
}

#[test]
fn the_same_randomness_mints_the_same_bytes() {
    let one = everything(&blueprint().mint_with(&mut Counted(0)).unwrap());
    assert_eq!(one, everything(&blueprint().mint_with(&mut Counted(0)).unwrap()));
    let other = everything(&blueprint().mint_with(&mut Counted(1 << 32)).unwrap());
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
    assert_ne!(one.2, other.2);
}

#[test]
fn the_systems_randomness_mints_other_keys_each_time() {
    let mint = || everything(&blueprint().mint().unwrap());
    assert_ne!(mint().0, mint().0);
}
