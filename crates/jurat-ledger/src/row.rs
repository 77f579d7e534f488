//! How a record is kept: the same bytes in every store that keeps bytes.
//!
//! What follows from the rest (the text, the algorithm's name) is left out and made again when it is read, so
//! nobody can alter it. Written with postcard, whose format is fixed; the first byte names the version.

use jurat_proto::{
    Address, Digest, End, Receipt, ReceiptId, Signature, SignatureRecord, UnixMillis, signature_text,
};
use serde::{Deserialize, Serialize};

use crate::store::{ArchivedReport, Entry, StoreError};

/// The first byte of every row.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    id: [u8; 16],
    response_id: &'a str,
    endpoint: &'a str,
    model: &'a str,
    status: u16,
    end: &'a str,
    request_hash: [u8; 32],
    /// Absent where it is the request's, as it nearly always is.
    forwarded_hash: Option<[u8; 32]>,
    response_hash: [u8; 32],
    response_length: u64,
    received_at: u64,
    finished_at: u64,
    client_nonce: Option<[u8; 32]>,
    claims_hash: [u8; 32],
    chain: [u8; 32],
    sequence: u64,
    previous: [u8; 32],
    signing_address: [u8; 20],
    receipt_signature: Packed,
    signature: Option<Packed>,
    extras: Option<&'a str>,
    owner: Option<[u8; 32]>,
}

/// A signature's r, s, v.
pub(crate) type Packed = ([u8; 32], [u8; 32], u8);

#[derive(Serialize, Deserialize)]
struct ReportRow<'a> {
    claims_hash: [u8; 32],
    signing_address: [u8; 20],
    chain: [u8; 32],
    made_at: u64,
    report: &'a str,
}

/// Writes a record.
pub(crate) fn encode(entry: &Entry) -> Result<Vec<u8>, StoreError> {
    let Entry { record, owner } = entry;
    let receipt = &record.receipt;
    let other = |digest: &Digest, usual: &Digest| (digest != usual).then_some(*digest.as_bytes());
    let row = Row {
        id: *receipt.id.as_bytes(),
        response_id: &receipt.response_id,
        endpoint: &receipt.endpoint,
        model: &receipt.model,
        status: receipt.status,
        end: receipt.end.as_str(),
        request_hash: *receipt.request_hash.as_bytes(),
        forwarded_hash: other(&receipt.forwarded_hash, &receipt.request_hash),
        response_hash: *receipt.response_hash.as_bytes(),
        response_length: receipt.response_length,
        received_at: receipt.received_at.0,
        finished_at: receipt.finished_at.0,
        client_nonce: other(&receipt.client_nonce, &Digest::ZERO),
        claims_hash: *receipt.claims_hash.as_bytes(),
        chain: *receipt.chain.as_bytes(),
        sequence: receipt.sequence,
        previous: *receipt.previous.as_bytes(),
        signing_address: *record.signing_address.as_bytes(),
        receipt_signature: pack(&record.receipt_signature),
        signature: record.signature.as_ref().map(pack),
        extras: record.extras.as_deref(),
        owner: owner.map(|owner| *owner.as_bytes()),
    };
    write(&row)
}

/// Reads a record and checks that its signer signed all of it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Entry, StoreError> {
    let entry = parse(bytes)?;
    entry.record.authenticate().map_err(|error| damaged(error.to_string()))?;
    Ok(entry)
}

/// Reads a record and believes nothing of it: for those whose hash something signed names.
pub(crate) fn parse(bytes: &[u8]) -> Result<Entry, StoreError> {
    let row: Row<'_> = read(bytes)?;
    let usual = |digest: Option<[u8; 32]>, usual: [u8; 32]| Digest::new(digest.unwrap_or(usual));
    let receipt = Receipt {
        id: ReceiptId::new(row.id),
        response_id: row.response_id.to_owned(),
        endpoint: row.endpoint.to_owned(),
        model: row.model.to_owned(),
        status: row.status,
        end: row.end.parse::<End>().map_err(|_| damaged("a record's end is none"))?,
        request_hash: Digest::new(row.request_hash),
        forwarded_hash: usual(row.forwarded_hash, row.request_hash),
        response_hash: Digest::new(row.response_hash),
        response_length: row.response_length,
        received_at: UnixMillis(row.received_at),
        finished_at: UnixMillis(row.finished_at),
        client_nonce: usual(row.client_nonce, [0; 32]),
        claims_hash: Digest::new(row.claims_hash),
        extras_hash: row.extras.map_or(Digest::ZERO, |extras| jurat_proto::sha256(extras.as_bytes())),
        chain: Digest::new(row.chain),
        sequence: row.sequence,
        previous: Digest::new(row.previous),
    };
    let text =
        (receipt.end == End::Complete).then(|| signature_text(&receipt.request_hash, &receipt.response_hash));
    let record = SignatureRecord {
        text,
        signature: row.signature.map(unpack),
        signing_address: Address::new(row.signing_address),
        signing_algo: "ecdsa".to_owned(),
        receipt,
        receipt_signature: unpack(row.receipt_signature),
        extras: row.extras.map(str::to_owned),
    };
    Ok(Entry { record, owner: row.owner.map(Digest::new) })
}

/// Writes a report.
pub(crate) fn encode_report(report: &ArchivedReport) -> Result<Vec<u8>, StoreError> {
    write(&ReportRow {
        claims_hash: *report.claims_hash.as_bytes(),
        signing_address: *report.signing_address.as_bytes(),
        chain: *report.chain.as_bytes(),
        made_at: report.made_at.0,
        report: &report.report,
    })
}

/// Reads a report. Whether it is genuine is for whoever verifies it.
pub(crate) fn decode_report(bytes: &[u8]) -> Result<ArchivedReport, StoreError> {
    let row: ReportRow<'_> = read(bytes)?;
    Ok(ArchivedReport {
        claims_hash: Digest::new(row.claims_hash),
        signing_address: Address::new(row.signing_address),
        chain: Digest::new(row.chain),
        made_at: UnixMillis(row.made_at),
        report: row.report.to_owned(),
    })
}

/// Writes a row, its version first.
pub(crate) fn write<T: Serialize>(row: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(row, vec![VERSION])
        .map_err(|error| StoreError::Unavailable(format!("a row could not be written: {error}")))
}

/// Reads a row, all of it.
pub(crate) fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((row, [])) => Ok(row),
            Ok(_) => Err(damaged("a row has bytes behind its end")),
            Err(error) => Err(damaged(format!("a row can't be read: {error}"))),
        },
        Some((version, _)) => Err(damaged(format!("a row of the unknown version {version}"))),
        None => Err(damaged("an empty row")),
    }
}

fn damaged(reason: impl Into<String>) -> StoreError {
    StoreError::Damaged(reason.into())
}

pub(crate) fn pack(signature: &Signature) -> Packed {
    let (mut r, mut s) = ([0; 32], [0; 32]);
    let bytes = signature.as_bytes();
    r.copy_from_slice(&bytes[..32]);
    s.copy_from_slice(&bytes[32..64]);
    (r, s, bytes[64])
}

pub(crate) fn unpack((r, s, v): Packed) -> Signature {
    let mut bytes = [0; 65];
    bytes[..32].copy_from_slice(&r);
    bytes[32..64].copy_from_slice(&s);
    bytes[64] = v;
    Signature::new(bytes)
}

/// What a store that keeps rows must know of one without trusting it: nothing here is authenticated.
pub(crate) struct Outline<'a> {
    /// The receipt's id.
    pub(crate) id: ReceiptId,
    /// The engine's id.
    pub(crate) response_id: &'a str,
    /// When the exchange ended.
    pub(crate) finished_at: UnixMillis,
    /// Its chain.
    pub(crate) chain: Digest,
    /// Its place there.
    pub(crate) sequence: u64,
}

/// Reads a row's outline, at a hundredth of what [`decode`] costs.
pub(crate) fn outline(bytes: &[u8]) -> Result<Outline<'_>, StoreError> {
    let row: Row<'_> = read(bytes)?;
    Ok(Outline {
        id: ReceiptId::new(row.id),
        response_id: row.response_id,
        finished_at: UnixMillis(row.finished_at),
        chain: Digest::new(row.chain),
        sequence: row.sequence,
    })
}
