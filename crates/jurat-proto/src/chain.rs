//! What is sworn about a chain as a whole: how far it has come, and what retention took from it.

use serde::{Deserialize, Serialize};

use crate::{
    Address, Altered, Digest, Receipt, Signature, UnixMillis,
    bytes::{bytes32, text},
    eip712::{HEAD_TYPE_HASH, PRUNE_POINT_TYPE_HASH, Words},
    typed_data_digest,
};

/// A signed head of a chain: before it nothing can have been dropped, inserted or reordered unseen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// The chain.
    #[serde(with = "bytes32")]
    pub chain: Digest,
    /// Sequence of its newest receipt; 0 if it has none.
    pub sequence: u64,
    /// Struct hash of that receipt; the chain's name if it has none.
    #[serde(with = "bytes32")]
    pub receipt_hash: Digest,
    /// When the head was signed.
    pub at: UnixMillis,
}

impl Head {
    /// EIP-712 `hashStruct`.
    pub fn struct_hash(&self) -> Digest {
        Words::of(&HEAD_TYPE_HASH, 4)
            .bytes32(&self.chain)
            .uint(self.sequence)
            .bytes32(&self.receipt_hash)
            .uint(self.at.0)
            .hash()
    }

    /// The digest that a head's signature signs.
    pub fn digest(&self) -> Digest {
        typed_data_digest(&self.struct_hash())
    }
}

/// A prune point: the receipts `first..=last` of a chain were given up, for age or for room, by the process that
/// signs this. The two hashes tie what is kept on either side of the hole to each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrunePoint {
    /// The chain.
    #[serde(with = "bytes32")]
    pub chain: Digest,
    /// Sequence of the first receipt given up.
    pub first: u64,
    /// Sequence of the last.
    pub last: u64,
    /// `previous` of the first: the struct hash of the receipt before the hole, or the chain's name.
    #[serde(with = "bytes32")]
    pub previous: Digest,
    /// Struct hash of the last: `previous` of the receipt behind the hole.
    #[serde(with = "bytes32")]
    pub receipt_hash: Digest,
    /// When it was signed.
    pub at: UnixMillis,
}

impl PrunePoint {
    /// The hole that one receipt leaves.
    pub fn of(receipt: &Receipt, at: UnixMillis) -> Self {
        Self {
            chain: receipt.chain,
            first: receipt.sequence,
            last: receipt.sequence,
            previous: receipt.previous,
            receipt_hash: receipt.struct_hash(),
            at,
        }
    }

    /// EIP-712 `hashStruct`.
    pub fn struct_hash(&self) -> Digest {
        Words::of(&PRUNE_POINT_TYPE_HASH, 6)
            .bytes32(&self.chain)
            .uint(self.first)
            .uint(self.last)
            .bytes32(&self.previous)
            .bytes32(&self.receipt_hash)
            .uint(self.at.0)
            .hash()
    }

    /// The digest that a prune point's signature signs.
    pub fn digest(&self) -> Digest {
        typed_data_digest(&self.struct_hash())
    }
}

/// A head with its signature, as `GET /receipts/head` serves it and as exports carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// What is sworn.
    pub head: Head,
    /// The chain's own signer.
    #[serde(with = "text")]
    pub signing_address: Address,
    /// EIP-712 signature over `head`.
    #[serde(with = "text")]
    pub signature: Signature,
}

/// A prune point with its signature, as exports carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPrunePoint {
    /// What is sworn.
    pub prune: PrunePoint,
    /// Whoever pruned: the chain's own signer or a later process on the same archive.
    #[serde(with = "text")]
    pub signing_address: Address,
    /// EIP-712 signature over `prune`.
    #[serde(with = "text")]
    pub signature: Signature,
}

impl SignedHead {
    /// Whether the address that it names signed it. Whose that is only a verified report tells.
    pub fn authenticate(&self) -> Result<(), Altered> {
        let signed = self.signature.is_by(&self.signing_address, &self.head.digest());
        signed.then_some(()).ok_or(Altered)
    }
}

impl SignedPrunePoint {
    /// Whether the address that it names signed it. Whose that is only a verified report tells.
    pub fn authenticate(&self) -> Result<(), Altered> {
        let signed = self.signature.is_by(&self.signing_address, &self.prune.digest());
        signed.then_some(()).ok_or(Altered)
    }
}
