//! Recoverable secp256k1 signatures in Ethereum's form, and their public recovery.

use core::{fmt, str::FromStr};

use k256::ecdsa::{RecoveryId, VerifyingKey};

use crate::{Address, Digest, PublicKey, bytes, bytes::HexError};

/// `r‖s‖v`: 65 bytes, low s (EIP-2), v = 27 or 28. `Display` prints `0x` and 130 lowercase digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; 65]);

/// Why no signer could be recovered from a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// The last byte is neither 27 nor 28.
    #[error("signature's v is neither 27 nor 28")]
    RecoveryId,
    /// r or s is zero or not below the group order.
    #[error("signature's r or s is out of range")]
    Range,
    /// s lies in the upper half: a second form of the same signature, which contracts refuse too.
    #[error("signature's s is in the upper half")]
    HighS,
    /// No point of the curve answers to it.
    #[error("signature recovers to no public key")]
    NoKey,
}

impl Signature {
    /// Wraps the raw `r‖s‖v`.
    pub const fn new(bytes: [u8; 65]) -> Self {
        Self(bytes)
    }

    /// Puts the parts of a fresh signature together; `v` is 27 plus the parity of the nonce point's y.
    pub fn from_parts(signature: &k256::ecdsa::Signature, recovery: RecoveryId) -> Self {
        let mut out = [0; 65];
        out[..64].copy_from_slice(&signature.to_bytes());
        out[64] = 27 + u8::from(recovery.is_y_odd());
        Self(out)
    }

    /// The raw `r‖s‖v`.
    pub const fn as_bytes(&self) -> &[u8; 65] {
        &self.0
    }

    /// The only public key under which this is a signature over `digest`.
    pub fn recover(&self, digest: &Digest) -> Result<PublicKey, RecoverError> {
        let odd = match self.0[64] {
            27 => false,
            28 => true,
            _ => return Err(RecoverError::RecoveryId),
        };
        let signature = k256::ecdsa::Signature::from_slice(&self.0[..64]).map_err(|_| RecoverError::Range)?;
        if signature.normalize_s() != signature {
            return Err(RecoverError::HighS);
        }
        VerifyingKey::recover_from_prehash(digest.as_bytes(), &signature, RecoveryId::new(odd, false))
            .map(|key| PublicKey::from(&key))
            .map_err(|_| RecoverError::NoKey)
    }

    /// Whether it is the signature of `signer` over `digest`.
    pub fn is_by(&self, signer: &Address, digest: &Digest) -> bool {
        self.recover(digest).is_ok_and(|key| key.address() == *signer)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        bytes::write_hex(f, &self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        bytes::decode(text).map(Self)
    }
}
