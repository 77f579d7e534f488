//! Signer identities: secp256k1 public keys and the Ethereum addresses they hash to.

use core::{fmt, str::FromStr};

use crate::{bytes, bytes::HexError, keccak256};

/// A 20-byte Ethereum address. `Display` prints the EIP-55 checksummed form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address([u8; 20]);

impl Address {
    /// Wraps the raw bytes.
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Address {
    /// EIP-55: a letter is upper case where the digit of keccak256(lower-case text) at its place is 8 or more.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = hex::encode(self.0);
        let mask = keccak256(lower.as_bytes());
        f.write_str("0x")?;
        for (at, digit) in lower.chars().enumerate() {
            let byte = mask.as_bytes()[at / 2];
            let nibble = if at % 2 == 0 { byte >> 4 } else { byte & 0x0f };
            let digit = if nibble >= 8 { digit.to_ascii_uppercase() } else { digit };
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl FromStr for Address {
    type Err = HexError;

    /// Any case, optional `0x`; a wrong EIP-55 checksum is not an error, as clients lower-case at will.
    fn from_str(text: &str) -> Result<Self, HexError> {
        bytes::decode(text).map(Self)
    }
}

/// An uncompressed secp256k1 point, `x‖y`, without the SEC1 tag. `Display` prints 128 lowercase digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 64]);

impl PublicKey {
    /// Wraps `x‖y`. That the point lies on the curve is checked where it is used to verify.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The raw `x‖y`.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// The address: the last 20 bytes of keccak256(`x‖y`).
    pub fn address(&self) -> Address {
        let digest = keccak256(&self.0);
        let mut out = [0; 20];
        out.copy_from_slice(&digest.as_bytes()[12..]);
        Address(out)
    }
}

impl From<&k256::ecdsa::VerifyingKey> for PublicKey {
    fn from(key: &k256::ecdsa::VerifyingKey) -> Self {
        let point = key.to_sec1_point(false);
        let mut out = [0; 64];
        out.copy_from_slice(&point.as_bytes()[1..]);
        Self(out)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bytes::write_hex(f, &self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = HexError;

    /// 128 digits, or 130 with the SEC1 tag `04` in front, as some peers print it.
    fn from_str(text: &str) -> Result<Self, HexError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let digits = if digits.len() == 130 { digits.strip_prefix("04").unwrap_or(digits) } else { digits };
        bytes::decode(digits).map(Self)
    }
}
