//! What is sworn about one exchange, before it has a place in a chain.

use alloc::string::String;

use jurat_proto::{Digest, End, UnixMillis};

/// Everything witnessed about one exchange. Only [`Exchange::finish`](crate::Exchange::finish) makes one.
#[derive(Debug)]
#[must_use = "a statement that is not appended is an exchange without a receipt"]
pub struct Statement {
    pub(crate) response_id: String,
    pub(crate) endpoint: String,
    pub(crate) model: String,
    pub(crate) status: u16,
    pub(crate) end: End,
    pub(crate) request_hash: Digest,
    /// For whoever watches; it is not sworn.
    pub(crate) request_length: u64,
    pub(crate) forwarded_hash: Digest,
    pub(crate) response_hash: Digest,
    pub(crate) response_length: u64,
    pub(crate) received_at: UnixMillis,
    pub(crate) finished_at: UnixMillis,
    pub(crate) client_nonce: Digest,
}

impl Statement {
    /// Method, space, path at the engine.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// SHA-256 of the request's body.
    pub fn request_hash(&self) -> Digest {
        self.request_hash
    }

    /// Bytes of the request's body, as far as it came. Not in the receipt.
    pub fn request_length(&self) -> u64 {
        self.request_length
    }

    /// SHA-256 of the answer's body.
    pub fn response_hash(&self) -> Digest {
        self.response_hash
    }

    /// The client's challenge; zero if there was none.
    pub fn client_nonce(&self) -> Digest {
        self.client_nonce
    }

    /// How the exchange ended, by the order of precedence of [`End::ALL`].
    pub fn end(&self) -> End {
        self.end
    }

    /// Body bytes released, those included that the receipt releases.
    pub fn response_length(&self) -> u64 {
        self.response_length
    }

    /// When the request's head was there, by the caller's clock.
    pub fn received_at(&self) -> UnixMillis {
        self.received_at
    }

    /// When the exchange was over, by the caller's clock.
    pub fn finished_at(&self) -> UnixMillis {
        self.finished_at
    }

    /// How long the exchange took, milliseconds by the caller's clock.
    pub fn milliseconds(&self) -> u64 {
        self.finished_at.0.saturating_sub(self.received_at.0)
    }

    /// HTTP status as sent; 0 if the client left before there was one.
    pub fn status(&self) -> u16 {
        self.status
    }
}

/// For `tests/fuzz` alone: what would be sworn, without the cost of signing it.
#[cfg(fuzzing)]
impl Statement {
    /// Digest and length of the released body, and the answer's two names.
    pub fn sworn(&self) -> (Digest, u64, &str, &str) {
        (self.response_hash, self.response_length, &self.response_id, &self.model)
    }
}
