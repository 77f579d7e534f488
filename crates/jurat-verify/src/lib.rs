//! The judge: pure decisions over evidence, collateral, receipts and bytes.
//!
//! [`verify_report`] judges a report under a [`Policy`]; only a trusted [`Verdict`] yields a
//! [`TrustedSigner`], and only a `TrustedSigner` checks receipts. An [`Audit`] walks whole chains of them. Every check is pass, fail or skip with a
//! reason and a stable name (`docs/verify.md`). A skip never counts as a pass.
//!
//! Nothing here reads a clock, a file or the network: time, collateral and nonce are arguments.
#![forbid(unsafe_code)]

mod audit;
mod bind;
mod bundle;
mod check;
mod evidence;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gpu;
mod json;
mod limits;
mod policy;
mod receipt;
mod report;
mod roots;
mod signer;
mod tdx;
mod texts;
mod verdict;
mod wanted;

pub use audit::{
    Audit, AuditVerdict, ChainVerdict, Extent, HeadSeen, Line, LineKind, MAX_LINE, Tally, WantedReport,
};
pub use bundle::{
    Bundle, BundleError, BundleVerdict, BundledAnswer, BundledBodies, BundledNras, Held, MAX_BUNDLE,
    verify_bundle,
};
pub use check::{Check, CheckId, Status, UnknownCheck};
pub use dcap_qvl::tcb_info::TcbStatus;
pub use evidence::MAX_REPORT;
pub use gpu::{
    ocsp::{OcspAnswerError, ocsp_window},
    wanted::{
        CertificateQuestion, NrasShapeError, RimAnswerError, RimId, manifest_signers, nras_shape,
        read_rim_answer,
    },
};
pub use policy::{
    Flags, Hex, Lint, NotHex, Policy, PolicyError, Ppid, ReferenceSet, ReferenceValues, Register, Roots,
    Severity,
    gpu::{Architecture, DriverVersion, GpuPolicy, NotAVersion, VbiosVersion, Version},
};
pub use receipt::{BodyDigests, read_record};
pub use report::{Inputs, NrasAnswer, verify_report};
pub use signer::TrustedSigner;
pub use tdx::collateral::{CollateralError, IntelAnswer, IntelAnswers, Platform, collateral_window};
pub use verdict::{Outcome, Standing, Tee, Verdict};
pub use wanted::Wanted;

#[cfg(test)]
mod samples;
