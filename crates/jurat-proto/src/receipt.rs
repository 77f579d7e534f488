//! The receipt: everything that is sworn about one exchange, and the record under which it is served.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{
    Address, Digest, End, ReceiptId, Signature, UnixMillis,
    bytes::{bytes32, text},
    eip712::{RECEIPT_TYPE_HASH, Words},
    message_digest, sha256, signature_text, typed_data_digest,
};

/// A receipt, member by member as in `docs/spec/receipt.md`. JSON: the same names, integers as numbers,
/// bytes32 as lowercase `0x` hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Ours: the key under which the receipt is kept.
    #[serde(with = "text")]
    pub id: ReceiptId,
    /// The engine's id for the answer; empty if it named none.
    pub response_id: String,
    /// Method, space, path at the engine.
    pub endpoint: String,
    /// The model that the answer itself names; empty if it named none.
    pub model: String,
    /// HTTP status as sent.
    pub status: u16,
    /// How the exchange ended.
    #[serde(with = "text")]
    pub end: End,
    /// SHA-256 of the request body as received.
    #[serde(with = "bytes32")]
    pub request_hash: Digest,
    /// SHA-256 of the request body as given to the engine; zero if nothing was forwarded.
    #[serde(with = "bytes32")]
    pub forwarded_hash: Digest,
    /// SHA-256 of the answer's body bytes released to the client.
    #[serde(with = "bytes32")]
    pub response_hash: Digest,
    /// How many bytes those were.
    pub response_length: u64,
    /// When the request was admitted.
    pub received_at: UnixMillis,
    /// When the exchange ended.
    pub finished_at: UnixMillis,
    /// The client's `X-Receipt-Nonce`; zero if it sent none.
    #[serde(with = "bytes32")]
    pub client_nonce: Digest,
    /// SHA-256 of the `claims` string of the signer's report.
    #[serde(with = "bytes32")]
    pub claims_hash: Digest,
    /// SHA-256 of the `extras` string beside the receipt; zero if there is none.
    #[serde(with = "bytes32")]
    pub extras_hash: Digest,
    /// Random name of the chain, made at process start.
    #[serde(with = "bytes32")]
    pub chain: Digest,
    /// Position in the chain, from 1.
    pub sequence: u64,
    /// Struct hash of the receipt before; of the first, the chain's name.
    #[serde(with = "bytes32")]
    pub previous: Digest,
}

impl Receipt {
    /// EIP-712 `hashStruct`; the next receipt of the chain names it as `previous`.
    pub fn struct_hash(&self) -> Digest {
        use alloc::string::ToString;
        Words::of(&RECEIPT_TYPE_HASH, 18)
            .string(&self.id.to_string())
            .string(&self.response_id)
            .string(&self.endpoint)
            .string(&self.model)
            .uint(self.status.into())
            .string(self.end.as_str())
            .bytes32(&self.request_hash)
            .bytes32(&self.forwarded_hash)
            .bytes32(&self.response_hash)
            .uint(self.response_length)
            .uint(self.received_at.0)
            .uint(self.finished_at.0)
            .bytes32(&self.client_nonce)
            .bytes32(&self.claims_hash)
            .bytes32(&self.extras_hash)
            .bytes32(&self.chain)
            .uint(self.sequence)
            .bytes32(&self.previous)
            .hash()
    }

    /// The digest that `receipt_signature` signs.
    pub fn digest(&self) -> Digest {
        typed_data_digest(&self.struct_hash())
    }
}

/// What `GET /signature/{id}` serves.
///
/// `text` and `signature` are there only when the end is `complete`: clients that read nothing else must
/// not take a cut answer for a whole one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRecord {
    /// `hex(requestHash):hex(responseHash)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// EIP-191 signature over `text`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub signature: Option<Signature>,
    /// The signer, EIP-55.
    #[serde(with = "text")]
    pub signing_address: Address,
    /// Always `ecdsa`.
    pub signing_algo: String,
    /// What is sworn.
    pub receipt: Receipt,
    /// EIP-712 signature over `receipt`.
    #[serde(with = "text")]
    pub receipt_signature: Signature,
    /// The string whose hash is `extrasHash`; absent where that is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extras: Option<String>,
}

/// Something signed that contradicts itself: whoever kept it altered it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not what its signer signed")]
pub struct Altered;

impl SignatureRecord {
    /// Whether the address that the record names signed all of it. This says nothing about who that is: only a
    /// verified report makes an address worth trusting.
    pub fn authenticate(&self) -> Result<(), Altered> {
        let signed = |signature: &Signature, digest: &Digest| signature.is_by(&self.signing_address, digest);
        let receipt = &self.receipt;
        let text = (receipt.end == End::Complete)
            .then(|| signature_text(&receipt.request_hash, &receipt.response_hash));
        let text_signed = match (&self.signature, &text) {
            (Some(signature), Some(text)) => signed(signature, &message_digest(text)),
            (None, None) => true,
            _ => false,
        };
        let extras = self.extras.as_deref().map_or(Digest::ZERO, |extras| sha256(extras.as_bytes()));
        let whole = self.text == text
            && text_signed
            && self.signing_algo == "ecdsa"
            && receipt.extras_hash == extras
            && signed(&self.receipt_signature, &receipt.digest());
        if whole { Ok(()) } else { Err(Altered) }
    }
}
