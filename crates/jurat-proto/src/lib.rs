//! The words: types, encodings, byte layouts and digests of everything jurat swears to.
//!
//! Nothing here does I/O, reads a clock or can fail for outside reasons; the crate is `no_std` with
//! `alloc`. A second implementation needs `docs/spec/` and `attestation/`, not this code.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod binding;
mod bytes;
mod chain;
mod claims;
mod digest;
mod eip191;
mod eip712;
mod end;
mod receipt;
mod report;
mod signature;
mod tdx;
mod time;

pub use address::{Address, PublicKey};
pub use binding::{Binding, Layout, UnknownBinding, gpu_nonce, report_data};
pub use bytes::{Digest, HexError, Nonce, ReceiptId, ReportData, text};
pub use chain::{Head, PrunePoint, SignedHead, SignedPrunePoint};
pub use claims::{Claims, KeyOrigin, KeyProvenance, ManifestSource, Model, Software, Tls};
pub use digest::{keccak256, sha256};
pub use eip191::{message_digest, signature_text};
pub use eip712::{DOMAIN_SEPARATOR, HEAD_TYPE, PRUNE_POINT_TYPE, RECEIPT_TYPE, typed_data_digest};
pub use end::{End, UnknownEnd};
pub use receipt::{Altered, Receipt, SignatureRecord};
pub use report::{Report, ReportBody};
pub use signature::{RecoverError, Signature};
pub use tdx::{QuoteError, QuoteView, TD_ATTRIBUTE_DEBUG, TD_ATTRIBUTE_SEPT_VE_DISABLE, TEE_TYPE_TDX};
pub use time::{UnixMillis, UnixSeconds};

#[cfg(test)]
mod tests;
