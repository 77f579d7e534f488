//! How prune points and heads are kept, by the rules of [`crate::row`].

use jurat_proto::{Address, Digest, Head, PrunePoint, Signature, SignedHead, SignedPrunePoint, UnixMillis};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::store::StoreError;

/// The first byte of every row.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct PruneRow {
    chain: [u8; 32],
    first: u64,
    last: u64,
    previous: [u8; 32],
    receipt_hash: [u8; 32],
    at: u64,
    by: Sworn,
}

#[derive(Serialize, Deserialize)]
struct HeadRow {
    chain: [u8; 32],
    sequence: u64,
    receipt_hash: [u8; 32],
    at: u64,
    by: Sworn,
}

/// Signer, r, s, v.
type Sworn = ([u8; 20], [u8; 32], [u8; 32], u8);

pub(super) fn encode_prune_point(point: &SignedPrunePoint) -> Result<Vec<u8>, StoreError> {
    let prune = &point.prune;
    write(&PruneRow {
        chain: *prune.chain.as_bytes(),
        first: prune.first,
        last: prune.last,
        previous: *prune.previous.as_bytes(),
        receipt_hash: *prune.receipt_hash.as_bytes(),
        at: prune.at.0,
        by: pack(&point.signing_address, &point.signature),
    })
}

/// Reads a prune point. Whether it is genuine is for whoever verifies it.
pub(super) fn decode_prune_point(bytes: &[u8]) -> Result<SignedPrunePoint, StoreError> {
    let row: PruneRow = read(bytes)?;
    let (signing_address, signature) = unpack(row.by);
    Ok(SignedPrunePoint {
        prune: PrunePoint {
            chain: Digest::new(row.chain),
            first: row.first,
            last: row.last,
            previous: Digest::new(row.previous),
            receipt_hash: Digest::new(row.receipt_hash),
            at: UnixMillis(row.at),
        },
        signing_address,
        signature,
    })
}

pub(super) fn encode_head(head: &SignedHead) -> Result<Vec<u8>, StoreError> {
    write(&HeadRow {
        chain: *head.head.chain.as_bytes(),
        sequence: head.head.sequence,
        receipt_hash: *head.head.receipt_hash.as_bytes(),
        at: head.head.at.0,
        by: pack(&head.signing_address, &head.signature),
    })
}

/// Reads a head. Whether it is genuine is for whoever verifies it.
pub(super) fn decode_head(bytes: &[u8]) -> Result<SignedHead, StoreError> {
    let row: HeadRow = read(bytes)?;
    let (signing_address, signature) = unpack(row.by);
    Ok(SignedHead {
        head: Head {
            chain: Digest::new(row.chain),
            sequence: row.sequence,
            receipt_hash: Digest::new(row.receipt_hash),
            at: UnixMillis(row.at),
        },
        signing_address,
        signature,
    })
}

fn write<T: Serialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(row, vec![VERSION])
        .map_err(|error| StoreError::Unavailable(format!("a row could not be written: {error}")))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let damaged = || StoreError::Damaged("a prune point or head can't be read".into());
    match bytes.split_first() {
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((row, [])) => Ok(row),
            _ => Err(damaged()),
        },
        _ => Err(damaged()),
    }
}

fn pack(address: &Address, signature: &Signature) -> Sworn {
    let (mut r, mut s) = ([0; 32], [0; 32]);
    let bytes = signature.as_bytes();
    r.copy_from_slice(&bytes[..32]);
    s.copy_from_slice(&bytes[32..64]);
    (*address.as_bytes(), r, s, bytes[64])
}

fn unpack((address, r, s, v): Sworn) -> (Address, Signature) {
    let mut bytes = [0; 65];
    bytes[..32].copy_from_slice(&r);
    bytes[32..64].copy_from_slice(&s);
    bytes[64] = v;
    (Address::new(address), Signature::new(bytes))
}
