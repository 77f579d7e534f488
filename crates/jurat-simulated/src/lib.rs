//! The stage: a TEE that is none. It mints a look-alike of Intel's and of NVIDIA's PKI and issues TDX quotes
//! and GPU evidence under it that are valid in every byte and prove nothing.
//!
//! Only the cargo feature `simulated-tee` of `jurat` and tests use it. Its two roots are fixed public files
//! of `attestation/insecure/`, **private keys included**, so that another process can pin them; everything
//! below them is made in memory with fresh keys. Whatever could be mistaken for the real thing is marked:
//! names say `SIMULATED - NOT INTEL` or `SIMULATED - NOT NVIDIA`, FMSPC, measurements, SKUs and versions are
//! values that no vendor issues.
//!
//! ```
//! use std::num::NonZeroU32;
//! use jurat_attest::QuoteProvider;
//! use jurat_proto::{ReportData, UnixSeconds};
//! use jurat_simulated::SimulatedTee;
//!
//! let tee = SimulatedTee::mint(UnixSeconds(1_790_000_000), NonZeroU32::MIN)?;
//! let quote = tee.quote_provider().quote(&ReportData::new([7; 64]))?;
//! assert_eq!(quote.bytes[568..632], [7; 64]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod blueprint;
mod collateral;
mod error;
mod event_log;
mod pki;
mod providers;
mod quote;
mod resigned;
mod roots;
mod seeded;
mod services;
mod spdm;
mod tee;

pub use blueprint::{
    Blueprint, GpuChain, GpuFeature, GpuFirmware, GpuNonce, ProtectedPcie, QuoteForm, Revoked, Roots, Tcb,
};
pub use error::MintError;
pub use pki::intel::FMSPC;
pub use providers::{SimulatedGpus, SimulatedQuotes};
pub use quote::TdMeasurements;
pub use roots::{
    INTEL_ROOT_KEY_PEM, INTEL_ROOT_PEM, NVIDIA_ROOT_KEY_PEM, NVIDIA_ROOT_PEM, RootFiles, mint_root_files,
};
pub use seeded::Seeded;
pub use services::{
    nras::{NRAS_ISSUER, Nras, NrasExchange},
    ocsp::Ocsp,
    rim::Rims,
    switches::{SwitchEvidence, Switches},
};
pub use tee::SimulatedTee;

#[cfg(test)]
mod tests;
