//! The audience: what the end-to-end tests and the soak driver are made of.
//!
//! Both ends of the wire are written here on raw sockets, with no HTTP library between: a test must be
//! able to say every byte, and to see every byte. Nothing here knows jurat's inside; the program under
//! test is a process ([`Sidecar`]) between a scripted engine ([`FakeEngine`]) and a raw client
//! ([`Client`]), and what it swears is judged with `jurat-proto` alone ([`Oath`]).
#![forbid(unsafe_code)]
// A harness fails by panicking: that is how a test hears of it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

pub mod answers;
pub mod binary;
pub mod canary;
pub mod captures;
mod client;
mod connect;
pub mod ends;
mod engine;
mod heard;
mod http;
pub mod kinds;
mod middle;
mod oath;
mod paced;
mod ran;
mod scratch;
mod self_signed;
mod sidecar;
mod standin;
mod stream;
pub mod workspace;

pub use client::{Answer, Client, Ending, KeptClient, request};
pub use connect::Connect;
pub use engine::{FakeEngine, Recorded, Script, Step};
pub use http::{Body, Framing, Head, Malformed, Message, read_head};
pub use middle::{Middle, Passing, written};
pub use oath::{Expected, Oath, random_nonce};
pub use paced::{Pace, PacedStreams, paced_script};
pub use ran::{Desk, Ran};
pub use scratch::Scratch;
pub use self_signed::{Onward, SelfSigned};
pub use sidecar::{Departure, Readiness, Sidecar, SidecarBuilder};
pub use standin::{Standin, Vendors};
pub use stream::Stream;

/// What a test does when something it cannot do without is absent: it says so, where a reader sees it.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        eprintln!("skipped: {}", format!($($reason)*));
        return;
    }};
}
