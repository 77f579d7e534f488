//! The service: the actix-web sidecar in front of the engine, and its admin listener.
//!
//! Hardware and store are met through traits ([`Reporter`], `jurat_ledger::Store`): the service does not
//! know what a GPU is. Bytes pass unchanged; see `docs/spec/wire.md` for every one that is jurat's own.
#![forbid(unsafe_code)]

mod admin;
mod admission;
mod archive;
mod context;
mod csr;
mod data;
mod demands;
mod drain;
mod engine;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
mod headers;
mod hop;
mod metrics;
mod owner;
mod plain;
mod port;
mod query;
mod readiness;
mod receipts;
mod relay;
mod report;
mod routes;
mod self_check;
mod server;
mod signature;
mod turns;
mod upload;
mod watch;
mod witnessed;

pub use admission::{Admission, Doors, ForwardedHeader, IpNet, Keyring, Proxies, Rate, Token};
pub use context::{
    EvidenceFigures, Latches, Limits, PartFigures, Parts, ReceiptScope, ReportRefusal, ReportReply, Reporter,
};
pub use csr::{CertificateRequests, CsrRefusal};
pub use demands::{Demands, Gate, SaltKey};
pub use engine::{AddressError, EngineAddress};
pub use hop::EndToEnd;
pub use metrics::Metrics;
pub use port::tls_settings;
pub use readiness::Readiness;
pub use routes::{Brings, Oath, Route};
pub use self_check::SelfCheck;
pub use server::{Serving, admin_server, data_server};
pub use watch::{ExchangeDone, TraceHeaders, Watcher};
pub use witnessed::Cut;
