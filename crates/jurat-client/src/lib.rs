//! The errand: fetches reports, receipts and collateral over HTTP and calls the judge.
//!
//! It judges nothing itself: what it fetches is untrusted until [`jurat_verify`] has spoken. It follows no
//! redirect to another host, and bodies, waiting and error texts have limits.
#![forbid(unsafe_code)]

mod base_url;
mod body;
mod channel;
mod client;
mod error;

pub use base_url::{BaseUrl, BaseUrlError};
pub use channel::{Channel, Met, Peer};
pub use client::{Client, Judged, cause};
pub use error::{ClientError, Missing};
