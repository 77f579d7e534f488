//! How prune points and heads are kept: the same bytes in every store that keeps bytes, by the rules of [`crate::row`].

use jurat_proto::{Address, Digest, Head, PrunePoint, SignedHead, SignedPrunePoint, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::{
    row::{Packed, pack, read, unpack, write},
    store::StoreError,
};

#[derive(Serialize, Deserialize)]
struct PruneRow {
    chain: [u8; 32],
    first: u64,
    last: u64,
    previous: [u8; 32],
    receipt_hash: [u8; 32],
    at: u64,
    signing_address: [u8; 20],
    signature: Packed,
}

#[derive(Serialize, Deserialize)]
struct HeadRow {
    chain: [u8; 32],
    sequence: u64,
    receipt_hash: [u8; 32],
    at: u64,
    signing_address: [u8; 20],
    signature: Packed,
}

pub(crate) fn encode_prune_point(point: &SignedPrunePoint) -> Result<Vec<u8>, StoreError> {
    let prune = &point.prune;
    write(&PruneRow {
        chain: *prune.chain.as_bytes(),
        first: prune.first,
        last: prune.last,
        previous: *prune.previous.as_bytes(),
        receipt_hash: *prune.receipt_hash.as_bytes(),
        at: prune.at.0,
        signing_address: *point.signing_address.as_bytes(),
        signature: pack(&point.signature),
    })
}

/// Reads a prune point. Whether it is genuine is for whoever verifies it.
pub(crate) fn decode_prune_point(bytes: &[u8]) -> Result<SignedPrunePoint, StoreError> {
    let row: PruneRow = read(bytes)?;
    Ok(SignedPrunePoint {
        prune: PrunePoint {
            chain: Digest::new(row.chain),
            first: row.first,
            last: row.last,
            previous: Digest::new(row.previous),
            receipt_hash: Digest::new(row.receipt_hash),
            at: UnixMillis(row.at),
        },
        signing_address: Address::new(row.signing_address),
        signature: unpack(row.signature),
    })
}

pub(crate) fn encode_head(head: &SignedHead) -> Result<Vec<u8>, StoreError> {
    write(&HeadRow {
        chain: *head.head.chain.as_bytes(),
        sequence: head.head.sequence,
        receipt_hash: *head.head.receipt_hash.as_bytes(),
        at: head.head.at.0,
        signing_address: *head.signing_address.as_bytes(),
        signature: pack(&head.signature),
    })
}

/// Reads a head. Whether it is genuine is for whoever verifies it.
pub(crate) fn decode_head(bytes: &[u8]) -> Result<SignedHead, StoreError> {
    let row: HeadRow = read(bytes)?;
    Ok(SignedHead {
        head: Head {
            chain: Digest::new(row.chain),
            sequence: row.sequence,
            receipt_hash: Digest::new(row.receipt_hash),
            at: UnixMillis(row.at),
        },
        signing_address: Address::new(row.signing_address),
        signature: unpack(row.signature),
    })
}
