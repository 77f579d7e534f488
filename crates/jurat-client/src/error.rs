//! What can go wrong on an errand, and whose fault it is.

use jurat_proto::Address;

use crate::BaseUrlError;

/// Why something could not be fetched. None of these says anything about whether the service is genuine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The caller's URL.
    #[error("the service's address is unusable: {0}")]
    BaseUrl(#[from] BaseUrlError),
    /// Nobody vouches for the key at the other end of the connection.
    #[error(
        "the report attests no TLS key, so the service's certificate must stand by itself, and it does not: {0}"
    )]
    Unvouched(String),
    /// This machine's TLS could not be set up.
    #[error("TLS could not be set up on this machine: {0}")]
    Setup(String),
    /// The network's or the service's: no connection, no answer in time, a redirect to another host.
    #[error("no answer from {url}: {reason}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The innermost cause.
        reason: String,
    },
    /// The service refused.
    #[error("the service answered {status}: {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// `error.code` of an OpenAI-shaped body.
        code: Option<String>,
        /// `error.message`, or the first words of the body.
        message: String,
    },
    /// There is no such receipt.
    #[error("the service has no receipt under {id}: {missing}")]
    NoReceipt {
        /// What was asked for.
        id: String,
        /// What the service knows of it.
        missing: Missing,
    },
    /// There is no such report.
    #[error("the service has no report of the signer {signer}")]
    NoReport {
        /// Of whom one was asked for.
        signer: Address,
    },
    /// The service's body is longer than anything that it could mean.
    #[error("the service's answer is longer than {0} bytes")]
    TooLong(usize),
    /// The service's body is not what the route serves.
    #[error("the service's answer is not legible: {0}")]
    Illegible(String),
}

/// What a service says of a receipt that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Missing {
    /// It never had one, or does not say.
    #[error("unknown, or not there yet")]
    Unknown,
    /// It had one and kept it no longer.
    #[error("expired")]
    Expired,
}
