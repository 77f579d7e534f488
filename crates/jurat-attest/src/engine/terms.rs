//! What callers give the engine, and what it refuses with.

use std::{io, time::Duration};

use jurat_proto::{Binding, Digest, Nonce, PublicKey};

use crate::{GpuFailure, QuoteFailure};

/// Whose key the evidence is about. The key does not change in a process's life; the claims do when the signer
/// begins another chain.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The signer.
    pub public_key: PublicKey,
    /// The `claims` string that `jurat-v1` commits to at first.
    pub claims: String,
    /// SHA-256 of the SubjectPublicKeyInfo under which this process ends TLS, if it does.
    pub tls_spki: Option<Digest>,
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRequest {
    /// What the evidence commits to.
    pub binding: Binding,
    /// The caller's challenge. Without one the answer is a shared report with its age.
    pub nonce: Option<Nonce>,
}

/// The engine's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many different requests may wait, the one under way not counted. Equal ones wait as one.
    pub queue: usize,
    /// A shared report is never handed out when older than this. Taken as at least a second and at most a day.
    pub refresh: Duration,
    /// How long a caller waits at most, in the queue and for the hardware together. The first report, without which
    /// the engine does not start, may take three times as long: a booting host has much to do.
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { queue: 64, refresh: Duration::from_secs(300), wait: Duration::from_secs(60) }
    }
}

/// Why there is no report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportFailure {
    /// The caller asked for a binding to a TLS key that this process does not have.
    #[error("TLS does not end in this process, so the report cannot be bound to its key")]
    TlsOff,
    /// Too many requests wait.
    #[error("too many report requests wait; try again in {} s", .retry_after.as_secs())]
    Busy {
        /// When there should be room again; whole seconds, at least one.
        retry_after: Duration,
    },
    /// The caller has waited as long as any may. What was begun for it goes on.
    #[error("there was no report in time; try again in {} s", .retry_after.as_secs())]
    TimedOut {
        /// As in [`Self::Busy`].
        retry_after: Duration,
    },
    /// The CPU's evidence failed.
    #[error(transparent)]
    Quote(#[from] QuoteFailure),
    /// The GPUs' evidence failed.
    #[error(transparent)]
    Gpu(#[from] GpuFailure),
    /// The system gave no randomness for a nonce of our own.
    #[error("the system gave no randomness: {0}")]
    Randomness(String),
    /// The engine was stopped.
    #[error("the evidence engine has stopped")]
    Stopped,
}

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system gave no thread.
    #[error("no thread for the evidence engine: {0}")]
    Thread(#[from] io::Error),
    /// The first report could not be made, so nothing could be proven.
    #[error("no first report: {0}")]
    Report(#[from] ReportFailure),
}
