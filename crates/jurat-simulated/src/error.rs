//! Why nothing could be minted.

use jurat_proto::UnixSeconds;

/// Why a simulated TEE could not be minted. Hostile input has no part in it: the machine or the build is at
/// fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MintError {
    /// The source of randomness failed.
    #[error("no randomness: {0}")]
    Random(String),
    /// The caller's clock cannot be written into a certificate.
    #[error("the time {0} is no date that a certificate can carry")]
    Clock(UnixSeconds),
    /// A fixed root of `attestation/insecure/` is damaged.
    #[error("attestation/insecure/{file} is damaged: {reason}")]
    Root {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The blueprint leaves NVIDIA's services out, and one was asked.
    #[error("this blueprint leaves NVIDIA's services out")]
    NoServices,
    /// A certificate, revocation list or statement could not be encoded or signed.
    #[error("cannot mint {what}: {reason}")]
    Encoding {
        /// What was being made.
        what: &'static str,
        /// What went wrong.
        reason: String,
    },
}

impl MintError {
    /// Says what was being made when `reason` came up.
    pub(crate) fn encoding<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |reason| Self::Encoding { what, reason: reason.to_string() }
    }
}
