//! Batches in, and what is kept beside receipts.

use std::{sync::Arc, time::Duration};

use jurat_proto::{End, Receipt, SignedHead};

use super::{OVERHEAD, SharedStore, link::Request, resp::Args, script::Script, tally::Held};
use crate::{
    row,
    store::{ALIASES_PER_FOLD, ArchivedReport, Entry, Grouping, StoreError, is_alias},
    sworn,
};

/// A commit costs a round trip, and with `appendfsync always` the server's fsync.
pub(super) const GROUPING: Grouping = Grouping { records: 256, linger: Duration::from_millis(1) };

impl SharedStore {
    pub(super) fn commit_batch(&self, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
        let Some(last) = batch.last() else { return Ok(()) };
        let touch = if self.wait { "touch" } else { "" };
        let mut args = self.args().number(ALIASES_PER_FOLD as u64).number(OVERHEAD).text(touch);
        for entry in batch {
            let receipt = &entry.record.receipt;
            let names = Names::of(receipt);
            args = args
                .text(&receipt.id.to_string())
                .text(&receipt.chain.to_string())
                .number(receipt.sequence)
                .number(receipt.finished_at.0)
                .text(names.kind)
                .text(names.alias)
                .text(&names.fold)
                .bytes(&row::encode(entry)?);
        }
        let reply = self.server.insist(&Request::Script(Script::Commit, args))?;
        // It is kept, whatever the counts say.
        if let Ok(held) = Held::read(&reply) {
            self.tally().committed(last.record.receipt.chain, held);
        }
        Ok(())
    }

    pub(super) fn put_report(&self, report: &ArchivedReport) -> Result<(), StoreError> {
        let args = self
            .args()
            .text(&report.claims_hash.to_string())
            .text(&report.signing_address.to_string())
            .text(&report.chain.to_string())
            .number(report.made_at.0)
            .bytes(&row::encode_report(report)?);
        let newer = self.tally().sworn_chain.is_none_or(|(_, since)| since <= report.made_at);
        let closed = self.tally().sworn_chain.map(|(chain, _)| chain);
        // One that comes late is about the past: it closes nothing.
        let closed = closed.filter(|chain| newer && *chain != report.chain);
        let args = args.text(&closed.map_or_else(String::new, |chain| chain.to_string()));
        self.server.insist(&Request::Script(Script::KeepReport, args))?;
        if newer {
            self.tally().sworn_chain = Some((report.chain, report.made_at));
        }
        Ok(())
    }

    pub(super) fn put_head(&self, head: &SignedHead) -> Result<(), StoreError> {
        let args: Args = self
            .args()
            .text(&head.head.chain.to_string())
            .number(head.head.sequence)
            .number(head.head.at.0)
            .bytes(&sworn::encode_head(head)?);
        self.server.insist(&Request::Script(Script::KeepHead, args)).map(|_| ())
    }
}

/// The names under which a record is indexed.
pub(super) struct Names<'a> {
    /// `c` if its exchange is complete, else `i`: which of the two queues of retention it is in.
    pub(super) kind: &'static str,
    /// The engine's id, if it can be an alias.
    pub(super) alias: &'a str,
    /// The same without regard to ASCII case.
    pub(super) fold: String,
}

impl<'a> Names<'a> {
    pub(super) fn of(receipt: &'a Receipt) -> Self {
        let kind = if receipt.end == End::Complete { "c" } else { "i" };
        let alias = if is_alias(&receipt.response_id) { receipt.response_id.as_str() } else { "" };
        Self { kind, alias, fold: alias.to_ascii_lowercase() }
    }
}
