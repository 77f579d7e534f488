//! EIP-191 `personal_sign`: what 0G's and every other wallet-style client verifies.

use alloc::{format, string::String};

use crate::{Digest, keccak256};

/// The text that stands for an answer: `hex(sha256(request)):hex(sha256(response))`.
pub fn signature_text(request: &Digest, response: &Digest) -> String {
    format!("{request}:{response}")
}

/// keccak256 of `"\x19Ethereum Signed Message:\n" ‖ decimal length ‖ text` (EIP-191, version 0x45).
pub fn message_digest(text: &str) -> Digest {
    keccak256(format!("\x19Ethereum Signed Message:\n{}{text}", text.len()).as_bytes())
}
