//! The errand: fetches reports, receipts and collateral over HTTP and calls the judge.
//!
//! It judges nothing itself: what it fetches is untrusted until [`jurat_verify`] has spoken. It follows no
//! redirect to another host, and bodies, waiting and error texts have limits.
#![forbid(unsafe_code)]

mod base_url;
mod body;
mod cache;
mod channel;
mod client;
mod errands;
mod error;
mod sources;

pub use base_url::{BaseUrl, BaseUrlError};
pub use cache::Cache;
pub use channel::{Channel, Met, Peer};
pub use client::{Client, Judged, cause};
pub use errands::{Attested, ErrandError, Errands, Material, Missed, Reach};
pub use error::{ClientError, Missing};
pub use sources::{Service, Sources};
