//! The examiner: report vectors for every verifier, made out of one table, and the judge's answers to them.
//!
//! [`bases`] are whole inputs of a judgement that hold. A vector is a base and what replaces its members. Each
//! refusal of [`refuse`] is one named mutation of the minted machine, of what it says, or of what the caller brings;
//! whatever follows from it (the quote that commits to the edited evidence, say) is made anew, and the rest is as the
//! base has it. `jurat-vectors` writes the files of `attestation/vectors/`, whose README has the format.
#![forbid(unsafe_code)]
// An examiner that cannot go on has nothing to save.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod accept;
pub mod bases;
pub mod examine;
pub mod files;
pub mod format;
mod pem;
pub mod refuse;
pub mod rests;
pub mod scene;
