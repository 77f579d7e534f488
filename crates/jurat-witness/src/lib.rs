//! The oath: sans-I/O observation of one exchange, and the signing key that never leaves the enclave.
//!
//! Bytes go in, a [`Statement`] comes out, and a [`Signer`] signs statements and nothing else: the key
//! can sign only what was witnessed. The crate is `no_std` with `alloc`; sockets, clocks and randomness
//! belong to the caller.
//!
//! Deliberately absent: a parser of bodies. What is never parsed can't be corrupted, reordered or stalled.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod answer;
mod exchange;
mod names;
mod pattern;
mod scan;
mod signer;
mod sse;
mod statement;

pub use answer::{Answer, Family, Framing, Shape};
pub use exchange::{Answering, Asked, Exchange, Seen};
pub use signer::{InvalidSecret, Key, Signer};
pub use statement::Statement;

#[cfg(test)]
mod tests;
