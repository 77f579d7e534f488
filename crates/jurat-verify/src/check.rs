//! The checks by name, and what can become of one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! check_ids {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A check's stable name. `docs/verify.md` has an anchor for each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum CheckId {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl CheckId {
            /// Every check, in the order in which a transcript lists them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The wire form.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

check_ids! {
    /// The quote is genuine: chain to the pinned root, collateral, signatures.
    TdxQuote = "tdx.quote",
    /// The platform's TCB status is one that the policy accepts.
    TdxTcb = "tdx.tcb",
    /// The platform is one of those that the policy names.
    TdxPlatform = "tdx.platform",
    /// The host cannot look into the TD.
    TdxDebug = "tdx.debug",
    /// The TD's measurements are among the reference values.
    TdxMeasurements = "tdx.measurements",
    /// The event log replays to the quote's RTMRs.
    TdxEventlog = "tdx.eventlog",
    /// The compose file of the dstack application is the one that the quote's registers were made of.
    TdxCompose = "tdx.compose",
    /// The quote names the signer, under a binding that the policy allows.
    BindAddress = "bind.address",
    /// The signer is one of those that the policy pins.
    BindSigner = "bind.signer",
    /// The quote was made for the caller's own nonce.
    BindNonce = "bind.nonce",
    /// The quote commits to the claims, and they are about this signer.
    BindClaims = "bind.claims",
    /// The model in the attested claims is one that the policy accepts.
    BindModel = "bind.model",
    /// The quote commits to this very GPU evidence.
    BindGpu = "bind.gpu",
    /// The TLS key that the caller saw is the attested one.
    BindTls = "bind.tls",
    /// There is GPU evidence, of as many different GPUs as the claims say.
    GpuPresent = "gpu.present",
    /// Each GPU's certificates chain to the pinned root.
    GpuChain = "gpu.chain",
    /// Each GPU's report is signed by its certified attestation key.
    GpuSignature = "gpu.signature",
    /// Each GPU's report was made for the nonce that the binding derives.
    GpuNonce = "gpu.nonce",
    /// The firmware that each report names is the one that its certificate was issued to.
    GpuFirmware = "gpu.firmware",
    /// Each GPU's generation, driver and VBIOS are ones that the policy accepts.
    GpuVersions = "gpu.versions",
    /// Each GPU's measurements equal NVIDIA's reference values.
    GpuMeasurements = "gpu.measurements",
    /// All GPUs run in one confidential mode.
    GpuMode = "gpu.mode",
    /// None of the GPU certificates is revoked.
    GpuRevocation = "gpu.revocation",
    /// NVIDIA's attestation service says the same.
    GpuNras = "gpu.nras",
    /// The trusted signer signed the receipt and the text.
    ReceiptSignature = "receipt.signature",
    /// The signed text names the receipt's two hashes.
    ReceiptText = "receipt.text",
    /// The receipt is about the request that the caller holds.
    ReceiptRequest = "receipt.request",
    /// The receipt is about the answer that the caller holds.
    ReceiptResponse = "receipt.response",
    /// The receipt was sworn under the claims of the trusted report.
    ReceiptClaims = "receipt.claims",
    /// The receipt follows the one before it.
    ReceiptChain = "receipt.chain",
    /// The answer is sworn to as complete.
    ReceiptEnd = "receipt.end",
    /// Every line of an export is legible.
    ChainLines = "chain.lines",
    /// Every receipt of a chain, and the text beside it, was signed by the address that its record names.
    ChainSignature = "chain.signature",
    /// A chain has one signer, and it is a trusted one.
    ChainSigner = "chain.signer",
    /// A chain's receipts were sworn under the claims of a trusted report, and those name the chain.
    ChainClaims = "chain.claims",
    /// Each receipt names the one before it.
    ChainOrder = "chain.order",
    /// No place of a chain has two receipts.
    ChainFork = "chain.fork",
    /// No receipt is missing but those that a prune point covers.
    ChainGap = "chain.gap",
    /// Prune points are signed by those who may, and fit what is kept on either side of them.
    ChainPrune = "chain.prune",
    /// The chain reaches its signed heads and agrees with them.
    ChainHead = "chain.head",
}

impl CheckId {
    /// Whether the check is about receipts, one or a chain of them. All others are about a report.
    pub fn is_about_receipts(self) -> bool {
        self >= Self::ReceiptSignature
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A name that is no check's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown check; docs/verify.md lists them")]
pub struct UnknownCheck;

impl FromStr for CheckId {
    type Err = UnknownCheck;

    fn from_str(text: &str) -> Result<Self, UnknownCheck> {
        Self::ALL.iter().copied().find(|id| id.as_str() == text).ok_or(UnknownCheck)
    }
}

/// What became of a check. A skip never counts as a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was made and holds.
    Pass,
    /// It was made and does not hold.
    Fail,
    /// It was not made; the reason says why.
    Skip,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        })
    }
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub id: CheckId,
    /// What became of it.
    pub status: Status,
    /// Why, in one sentence without a full stop.
    pub reason: String,
}

/// What a check found, before the transcript files it under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) status: Status,
    pub(crate) reason: String,
}

impl Finding {
    pub(crate) fn pass(reason: impl Into<String>) -> Self {
        Self { status: Status::Pass, reason: reason.into() }
    }

    pub(crate) fn fail(reason: impl Into<String>) -> Self {
        Self { status: Status::Fail, reason: reason.into() }
    }

    pub(crate) fn skip(reason: impl Into<String>) -> Self {
        Self { status: Status::Skip, reason: reason.into() }
    }

    pub(crate) fn holds(&self) -> bool {
        self.status == Status::Pass
    }

    /// With what may be behind it, if it is a failure.
    pub(crate) fn because(mut self, cause: impl FnOnce() -> Option<String>) -> Self {
        if self.status == Status::Fail
            && let Some(cause) = cause()
        {
            self.reason = format!("{}; {cause}", self.reason);
        }
        self
    }
}

#[cfg(test)]
mod tests;
