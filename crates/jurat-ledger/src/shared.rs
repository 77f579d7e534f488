//! Receipts on a Redis or Valkey server, shared by the replicas of a fleet: any of them finds the receipts of all.
//!
//! The server keeps; it is not trusted. What it gives back is authenticated, and an altered record is an error,
//! never an answer. One primary is spoken to (never a replica of it, never a cluster of several), version 6.2 or
//! later, with keys under one prefix. A batch is one script: all of it or nothing, and it may be sent twice.
//!
//! # What is as durable as what
//!
//! | the server's settings | what is acknowledged is lost |
//! |---|---|
//! | `appendonly yes`, `appendfsync always` | with its disk: as with a file |
//! | `appendonly yes`, `appendfsync everysec` | up to a second of it, when the machine or the server crashes |
//! | no append-only file | what came after the last snapshot |
//! | `maxmemory-policy` of the `allkeys-` kind | at any time, when memory is full |
//! | fail-over to a replica that lags | what that replica did not have; `wait_replicas` makes a commit wait for it |
//!
//! `noeviction` is right: a full server refuses new receipts and keeps the old. Retention is ours (no key but
//! the lock and the probe expires by itself), as what is given up must be sworn to. [`SharedStore::recover`] looks
//! at these settings and warns in the log.
//!
//! Deliberately absent: `WAITAOF`, which would hold each answer back until a replica's disk has it, up to a second
//! under that replica's `everysec`; RESP 3, pipelining and clusters, which nothing here needs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jurat_proto::{Digest, PrunePoint, SignedHead, SignedPrunePoint, UnixMillis};

use crate::store::{
    ArchivedReport, Bounds, ChainSummary, Entry, Found, Grouping, Page, Pruned, ReportKey, Store, StoreError,
    Usage,
};

mod circuit;
mod commit;
mod dial;
mod durability;
mod link;
mod lookup;
mod page;
mod prune;
mod resp;
mod script;
mod server;
mod settings;
mod tally;
mod tls;

use link::Request;
use resp::{Args, Reply};
use script::Script;
use server::{Kind, Server};
pub use settings::{ClientCertificate, ServerUrl, SettingsError, SharedSettings};
use tally::Tally;

/// Keys, index entries and the allocator's overhead of one record on the server: what 112,000 records took on
/// Redis 7.0, less their rows and engine ids.
const OVERHEAD: u64 = 560;

/// The store.
pub struct SharedStore {
    server: Server,
    prefix: String,
    bounds: Bounds,
    wait: bool,
    tally: Mutex<Tally>,
}

impl SharedStore {
    /// A store that has connected to nothing yet: [`Store::recover`] tells whether the server is there and takes
    /// receipts.
    pub fn new(settings: &SharedSettings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            server: Server::new(settings),
            prefix: settings.prefix.clone(),
            bounds: settings.bounds,
            wait: settings.wait_replicas.is_some_and(|replicas| replicas > 0),
            tally: Mutex::default(),
        })
    }

    fn key(&self, name: &str) -> String {
        format!("{}:{name}", self.prefix)
    }

    /// The arguments of a script begin with the prefix.
    fn args(&self) -> Args {
        Args::of(&[&self.prefix])
    }

    fn read(&self, script: Script, args: Args) -> Result<Reply, StoreError> {
        self.server.ask(Kind::Read, &Request::Script(script, args))
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Numbers; the next answer of the server sets them right.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SharedStore {
    fn commit(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        self.commit_batch(batch)
    }

    fn find(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        self.find_entry(id, now)
    }

    fn keep_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        self.put_report(report)
    }

    fn report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        self.find_report(key)
    }

    fn keep_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        self.put_head(head)
    }

    fn chains(&self) -> Result<Vec<ChainSummary>, StoreError> {
        self.summaries()
    }

    fn page(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        self.stretch(chain, after, limit)
    }

    fn prune(
        &self,
        now: UnixMillis,
        sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
    ) -> Result<Pruned, StoreError> {
        self.prune_step(now, sign)
    }

    fn recover(&self) -> Result<(), StoreError> {
        self.server.probe()
    }

    fn grouping(&self) -> Grouping {
        commit::GROUPING
    }

    /// As of this replica's last commit or look at retention, for all replicas together; `evicted` by this one.
    fn usage(&self) -> Usage {
        self.tally().usage()
    }
}

/// The server answered in a form that no script of ours has.
fn misshapen(what: &str) -> StoreError {
    StoreError::Damaged(format!("the server's answer about {what} has the wrong form"))
}

#[cfg(test)]
mod tests;
