//! What the clients of one scenario saw, and what of it was found again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use jurat_proto::{Address, Digest, ReceiptId, SignatureRecord};
use jurat_tests::{Oath, kinds::Kind};

/// An exchange whose receipt must be there from now on: its client saw the answer's end, or had the receipt.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) id: ReceiptId,
    /// How many bytes of the body the client saw.
    pub(crate) seen: usize,
    /// Whoever served it; any of these where several might have.
    pub(crate) signer: Address,
    /// Struct hash of the receipt, if the client had it.
    pub(crate) had: Option<Digest>,
}

/// What is counted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    /// Exchanges that were begun.
    pub(crate) asked: usize,
    /// Answers that were acknowledged: their end was seen, or their receipt.
    pub(crate) acknowledged: usize,
    /// Those that were not: cut by a kill or a fault before their end.
    pub(crate) cut: usize,
    /// Refusals at the door, by their code.
    pub(crate) refused: BTreeMap<String, usize>,
    /// Lookups that the service could not answer at the time (5xx).
    pub(crate) unavailable: usize,
    /// Receipts in the exports, every one verified.
    pub(crate) receipts: usize,
    pub(crate) chains: usize,
    pub(crate) rounds: usize,
    /// Acknowledged answers without their receipt.
    pub(crate) lost: usize,
    /// Whatever else was not as it must be.
    pub(crate) wrong: usize,
    pub(crate) complaints: Vec<String>,
    pub(crate) took: Duration,
    /// Why it was not played.
    pub(crate) skipped: Option<String>,
}

/// The books of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Account(Mutex<Books>);

#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) tally: Tally,
    /// Acknowledged, and not looked for since.
    pub(crate) open: Vec<Entry>,
    /// Found again: struct hash of each receipt.
    pub(crate) settled: HashMap<ReceiptId, Digest>,
    /// Signers by the hash of their claims.
    oaths: HashMap<Digest, Oath>,
}

impl Account {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn lost(&self, what: impl Into<String>) {
        let mut books = self.books();
        books.tally.lost += 1;
        books.tally.complaints.push(format!("lost: {}", what.into()));
    }

    pub(crate) fn wrong(&self, what: impl Into<String>) {
        let mut books = self.books();
        books.tally.wrong += 1;
        books.tally.complaints.push(format!("wrong: {}", what.into()));
    }

    /// Complains unless it holds.
    pub(crate) fn require(&self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.wrong(what);
        }
    }

    pub(crate) fn learn(&self, oath: Oath) {
        self.books().oaths.insert(oath.claims_hash, oath);
    }

    pub(crate) fn oath(&self, claims_hash: &Digest) -> Option<Oath> {
        self.books().oaths.get(claims_hash).cloned()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.books().tally.acknowledged
    }
}

impl Entry {
    /// Whether a record is the right one.
    pub(crate) fn judge(&self, oath: &Oath, record: &SignatureRecord) -> Result<(), String> {
        if record.receipt.id != self.id {
            return Err(format!("the receipt of {} came in its place", record.receipt.id));
        }
        if record.signing_address != self.signer {
            return Err(format!("signed by {}, served by {}", record.signing_address, self.signer));
        }
        let response_id = format!("chatcmpl-{:016x}", self.number);
        if record.receipt.response_id != response_id {
            return Err(format!("responseId is {:?}, not {response_id:?}", record.receipt.response_id));
        }
        if self.had.is_some_and(|had| had != record.receipt.struct_hash()) {
            return Err("the receipt is another than the one that the client had".into());
        }
        self.kind.judge(self.number, self.seen, oath, record)
    }
}
