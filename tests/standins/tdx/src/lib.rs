//! Stand-ins for the two places where a TDX guest gets its quotes without a library: the kernel's folder
//! configfs-tsm and the socket of dstack's guest agent. For tests and demonstrations, never for a product.
//!
//! Quotes are minted by `jurat-simulated` for the very report data asked for, under its look-alike PKI, so that all
//! of the product's own code runs, on both sides of each boundary. What they can't stand in for: how long a real host
//! takes and how it fails under load, and the permissions inside a real container.
//!
//! - [`Kernel`]: a folder that behaves like configfs-tsm, through FUSE (faithful to the error numbers and to the
//!   moment of commit; takes root and `/dev/fuse`), or [`PlainFolder`]: threads and pipes in an ordinary folder.
//! - [`Agent`]: a unix socket that speaks dstack's HTTP, `GetQuote`, `Info` and `GetKey`, of both generations.
//! - [`Stage`]: who mints. The same seed and time give the same PKI in every process.
//!
//! The program of this package runs either one for a test of another program; `tests/standins/libtdx-attest` is the
//! third place, Intel's library.
#![forbid(unsafe_code)]
// A stand-in fails by panicking: that is how a test hears of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod configfs;
mod dstack;
mod scratch;
mod stage;

pub use configfs::{Kernel, KernelFault, PlainFolder};
pub use dstack::{Agent, AgentFault, KeyService};
pub use scratch::Scratch;
pub use stage::{Made, Stage};
