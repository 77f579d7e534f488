//! EIP-712 typed data: the encoding under which receipts, heads and prune points are signed, so that any wallet
//! library or contract can check them with nothing of ours.

use alloc::vec::Vec;

use crate::{Digest, keccak256};

/// `encodeType` of a receipt.
pub const RECEIPT_TYPE: &str = "Receipt(string id,string responseId,string endpoint,string model,uint16 status,string end,bytes32 requestHash,bytes32 forwardedHash,bytes32 responseHash,uint64 responseLength,uint64 receivedAt,uint64 finishedAt,bytes32 clientNonce,bytes32 claimsHash,bytes32 extrasHash,bytes32 chain,uint64 sequence,bytes32 previous)";
/// `encodeType` of a head.
pub const HEAD_TYPE: &str = "Head(bytes32 chain,uint64 sequence,bytes32 receiptHash,uint64 at)";
/// `encodeType` of a prune point.
pub const PRUNE_POINT_TYPE: &str =
    "PrunePoint(bytes32 chain,uint64 first,uint64 last,bytes32 previous,bytes32 receiptHash,uint64 at)";

/// `hashStruct` of the domain `{name:"jurat", version:"1"}`: no chain and no contract, as receipts belong to none.
/// A test recomputes it, and the three type hashes below, from their texts.
pub const DOMAIN_SEPARATOR: Digest = Digest::new([
    0x84, 0xd9, 0xac, 0x04, 0xff, 0x4f, 0xdb, 0x89, 0x4f, 0x2b, 0xba, 0xa5, 0xed, 0x37, 0x98, 0xe1, 0x1e,
    0x89, 0x3f, 0x58, 0x78, 0x4a, 0x9a, 0x68, 0x3d, 0x47, 0x29, 0x87, 0xb6, 0x53, 0x4f, 0xb5,
]);
/// keccak256 of [`RECEIPT_TYPE`].
pub(crate) const RECEIPT_TYPE_HASH: Digest = Digest::new([
    0xf3, 0xb4, 0xce, 0x0c, 0xc1, 0xf2, 0x8e, 0x22, 0xdd, 0x6d, 0x0b, 0x6e, 0x6f, 0x4a, 0x65, 0x1f, 0x6e,
    0x84, 0xa0, 0x14, 0x18, 0xa7, 0x08, 0x70, 0xdd, 0x55, 0xf1, 0xb3, 0x74, 0xb5, 0x11, 0xb7,
]);
/// keccak256 of [`HEAD_TYPE`].
pub(crate) const HEAD_TYPE_HASH: Digest = Digest::new([
    0xdd, 0x06, 0x88, 0x9b, 0xbd, 0x28, 0x38, 0x13, 0xe0, 0x8e, 0x4e, 0x35, 0xf0, 0x4a, 0xeb, 0xa3, 0x20,
    0xae, 0xbf, 0x82, 0x89, 0xa6, 0x1c, 0xf7, 0x55, 0x20, 0x46, 0xe1, 0x4b, 0x0c, 0x91, 0x06,
]);
/// keccak256 of [`PRUNE_POINT_TYPE`].
pub(crate) const PRUNE_POINT_TYPE_HASH: Digest = Digest::new([
    0x52, 0xb3, 0x6f, 0xb1, 0xbd, 0x52, 0xd0, 0x31, 0x35, 0xd3, 0xc2, 0x66, 0x88, 0x66, 0x17, 0x75, 0x53,
    0x32, 0x25, 0x8b, 0x8d, 0x59, 0x76, 0xdc, 0xf0, 0x4d, 0x45, 0x1a, 0x8a, 0x6a, 0x6a, 0x04,
]);

/// The digest that is signed: keccak256(`0x19 0x01 ‖ domain separator ‖ struct hash`).
pub fn typed_data_digest(struct_hash: &Digest) -> Digest {
    let mut bytes = [0; 66];
    bytes[..2].copy_from_slice(&[0x19, 0x01]);
    bytes[2..34].copy_from_slice(DOMAIN_SEPARATOR.as_bytes());
    bytes[34..].copy_from_slice(struct_hash.as_bytes());
    keccak256(&bytes)
}

/// `encodeData`: one 32-byte word a member, behind the type's hash.
pub(crate) struct Words(Vec<u8>);

impl Words {
    pub(crate) fn of(type_hash: &Digest, members: usize) -> Self {
        let mut bytes = Vec::with_capacity(32 * (members + 1));
        bytes.extend_from_slice(type_hash.as_bytes());
        Self(bytes)
    }

    /// Dynamic types are encoded as the hash of their contents.
    pub(crate) fn string(self, text: &str) -> Self {
        self.bytes32(&keccak256(text.as_bytes()))
    }

    pub(crate) fn bytes32(mut self, word: &Digest) -> Self {
        self.0.extend_from_slice(word.as_bytes());
        self
    }

    /// `uintN` for N up to 64: big-endian, left-padded.
    pub(crate) fn uint(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&[0; 24]);
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn hash(self) -> Digest {
        keccak256(&self.0)
    }
}
