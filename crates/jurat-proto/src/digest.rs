//! The two hash functions: SHA-256 for what was witnessed, Keccak-256 for what Ethereum tools check.

use sha2::Digest as _;

use crate::Digest;

/// SHA-256 (FIPS 180-4).
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::new(sha2::Sha256::digest(bytes).into())
}

/// Keccak-256 as Ethereum uses it: the padding from before FIPS 202.
pub fn keccak256(bytes: &[u8]) -> Digest {
    Digest::new(sha3::Keccak256::digest(bytes).into())
}
