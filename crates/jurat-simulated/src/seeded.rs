//! Randomness that is none: SHA-256 of a counter, so that the same seed mints the same bytes in another process.

use std::convert::Infallible;

use jurat_proto::sha256;
use rand_core::{TryCryptoRng, TryRng};

/// For [`Blueprint::mint_with`](crate::Blueprint::mint_with): whoever knows the seed knows every key.
pub struct Seeded {
    seed: u64,
    drawn: u64,
}

impl Seeded {
    /// From a number.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }
}

impl TryRng for Seeded {
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
            self.drawn += 1;
            let block = sha256(&[self.seed.to_be_bytes(), self.drawn.to_be_bytes()].concat());
            chunk.copy_from_slice(&block.as_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Seeded {}
