//! `receipt.request` and `receipt.response`: the receipt is about the bytes that the caller holds.

use jurat_proto::{Digest, Receipt, sha256};

use crate::check::Finding;

/// What the caller holds of an exchange, as digests of its own making. Digests that somebody else supplied
/// prove nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyDigests {
    /// SHA-256 of the request body as it was sent.
    pub request: Digest,
    /// SHA-256 of the answer's body as it was received.
    pub response: Digest,
    /// Length of the answer's body in bytes.
    pub response_length: u64,
    /// The `X-Receipt-Nonce` that was sent with the request, if the caller wants it compared.
    pub client_nonce: Option<Digest>,
}

impl BodyDigests {
    /// Hashes both bodies.
    pub fn of(request: &[u8], response: &[u8]) -> Self {
        Self {
            request: sha256(request),
            response: sha256(response),
            response_length: u64::try_from(response.len()).unwrap_or(u64::MAX),
            client_nonce: None,
        }
    }

    /// With the nonce that went with the request: an old answer to the same bytes is then refused.
    #[must_use]
    pub fn client_nonce(self, nonce: Digest) -> Self {
        Self { client_nonce: Some(nonce), ..self }
    }

    pub(super) fn judge_request(&self, receipt: &Receipt) -> Finding {
        if self.request != receipt.request_hash {
            return Finding::fail("the receipt is about another request body");
        }
        match self.client_nonce {
            Some(nonce) if nonce != receipt.client_nonce => {
                Finding::fail("the receipt is about a request with another nonce")
            }
            Some(_) => Finding::pass("the hash is that of your request, and the nonce is yours"),
            None => Finding::pass("the hash is that of your request"),
        }
    }

    pub(super) fn judge_response(&self, receipt: &Receipt) -> Finding {
        if self.response != receipt.response_hash {
            Finding::fail("the receipt is about another answer body")
        } else if self.response_length != receipt.response_length {
            Finding::fail("the receipt is about an answer body of another length")
        } else {
            Finding::pass("the hash is that of your answer")
        }
    }
}
