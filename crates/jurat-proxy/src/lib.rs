//! The service: the actix-web sidecar in front of the engine, and its admin listener.
//!
//! Hardware and store are met through traits ([`Reporter`], `jurat_ledger::Store`): the service does not
//! know what a GPU is. Bytes pass unchanged; see `docs/spec/wire.md` for every one that is jurat's own.
#![forbid(unsafe_code)]

mod admin;
mod archive;
mod context;
mod data;
mod drain;
mod engine;
mod error;
mod headers;
mod metrics;
mod owner;
mod plain;
mod query;
mod readiness;
mod receipts;
mod relay;
mod report;
mod routes;
mod self_check;
mod server;
mod signature;
mod upload;
mod witnessed;

pub use context::{
    EvidenceFigures, Latches, Limits, PartFigures, Parts, ReceiptScope, ReportRefusal, ReportReply, Reporter,
};
pub use engine::{AddressError, EngineAddress};
pub use metrics::Metrics;
pub use readiness::Readiness;
pub use self_check::SelfCheck;
pub use server::{Serving, admin_server, data_server};
