//! The foreign driver: quotes from Intel's C library `libtdx_attest`, loaded at run time.
//!
//! The library is not linked: a machine without it runs jurat all the same. [`Library`] finds its three functions
//! once, and each method is one call: synchronous, with whatever the library allocated copied, bounded and given
//! back. Nothing here judges a quote or looks inside one.
//!
//! The crate `tdx-attest-rs` of this workspace is another thing: the kernel's own interface under the names of
//! Intel's Rust crate. The words here are kept apart from it on purpose.
//!
//! Deliberately absent: `tdx_att_extend` and the list of key ids, which jurat does not call, and unloading: a
//! library that may have started threads stays for the life of the process.
//!
//! Source: the declarations of `tdx_attest.h`, release 1.x (`libtdx_attest.so.1`).

mod abi;
mod code;
mod library;

pub use code::Code;
pub use library::{CallError, LONGEST_QUOTE, Library, LoadError, SONAME};
