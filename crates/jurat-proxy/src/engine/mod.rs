//! The engine's side of the relay: a small HTTP/1.1 client, polled by the task that writes to the client.
//!
//! Why our own: see `docs/decisions/0002-engine-client.md`. Heads and chunk sizes are parsed by `httparse`.
//! Deliberately absent: names resolved by DNS, proxies, redirects, decompression, TLS.

mod address;
mod body;
mod connection;
mod head;
mod pool;

pub use address::{AddressError, EngineAddress};
pub(crate) use body::EngineBody;
pub(crate) use connection::Connection;
pub(crate) use head::{HeadError, ResponseHead};
pub(crate) use pool::Pool;

#[cfg(test)]
mod tests;
