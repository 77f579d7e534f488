//! From an id to the rows that may bear it.
//!
//! Ids are random, and a tree that takes them as they come rewrites a page for each. So entries wait in memory,
//! in slices by the first byte of their fingerprint, and go into the tree slice by slice in turn: one commit in many
//! writes one slice, and neighbours share a page. Nothing is lost with the memory: each slice has a mark in the
//! file below which it is complete, and what came later is read from the rows when the file is opened.
//!
//! An entry is not removed with its row. It is stale then, which its key tells, and goes when its part of the tree
//! is swept.

use jurat_proto::{ReceiptId, sha256};
use redb::{ReadableTable, Table};

use super::{
    fault::Fault,
    tables::{ALIASED, Kind, MARKS, RECORDS, RowKey},
};
use crate::{row, store::is_alias};

const SLICES: usize = 256;
/// Entries that may wait in memory, 16 bytes each.
const WAITING: usize = 128 * 1024;
/// Most entries with one fingerprint that a lookup reads: far more than chance or eight aliases of a fold give.
const CANDIDATES: usize = 64;

/// Entries that are not in the tree yet.
pub(super) struct Waiting {
    slices: Vec<Vec<(u64, RowKey)>>,
    held: usize,
    /// The slice whose turn it is.
    turn: usize,
}

impl Waiting {
    /// Nothing.
    pub(super) fn empty() -> Self {
        Self { slices: vec![Vec::new(); SLICES], held: 0, turn: 0 }
    }

    /// Reads what the tree lacks from the rows.
    pub(super) fn load(txn: &redb::ReadTransaction) -> Result<Self, Fault> {
        let mut marks = [0; SLICES];
        for entry in txn.open_table(MARKS)?.iter()? {
            let (slice, mark) = entry?;
            if let Some(known) = marks.get_mut(usize::from(slice.value())) {
                *known = mark.value();
            }
        }
        let oldest = marks.iter().copied().min().unwrap_or(0);
        let turn = marks.iter().position(|mark| *mark == oldest).unwrap_or(0);
        let mut waiting = Self { turn, ..Self::empty() };
        let records = txn.open_table(RECORDS)?;
        for kind in Kind::BOTH {
            for row in records.range(RowKey::from(kind, oldest))? {
                let (key, row) = row?;
                let key = RowKey(key.value());
                // A row that can't be read has no ids; whoever finds it otherwise learns that it is damaged.
                for fingerprint in of_row(row.value()).into_iter().flatten() {
                    if marks.get(slice_of(fingerprint)).is_some_and(|mark| key.arrival() >= *mark) {
                        waiting.push(fingerprint, key);
                    }
                }
                if waiting.held > 2 * WAITING {
                    return Err(Fault::damaged("the index is far behind the records"));
                }
            }
        }
        Ok(waiting)
    }

    /// Adds an entry, once its row is stored.
    pub(super) fn push(&mut self, fingerprint: u64, key: RowKey) {
        if let Some(slice) = self.slices.get_mut(slice_of(fingerprint)) {
            slice.push((fingerprint, key));
            self.held += 1;
        }
    }

    /// The slices that are due, if more wait than may.
    pub(super) fn due(&self) -> Vec<usize> {
        let mut left = self.held;
        let mut due = Vec::new();
        for slice in (self.turn..SLICES).chain(0..self.turn) {
            if left <= WAITING {
                break;
            }
            left -= self.slices.get(slice).map_or(0, Vec::len);
            due.push(slice);
        }
        due
    }

    /// Writes a slice to the tree, in order.
    pub(super) fn settle(&self, slice: usize, index: &mut Table<'_, (u64, u64), ()>) -> Result<(), Fault> {
        let mut entries = self.slices.get(slice).cloned().unwrap_or_default();
        entries.sort_unstable();
        for (fingerprint, key) in entries {
            index.insert((fingerprint, key.0), ())?;
        }
        Ok(())
    }

    /// Forgets a slice, once it is durable in the tree.
    pub(super) fn forget(&mut self, slice: usize) {
        if let Some(entries) = self.slices.get_mut(slice) {
            self.held -= entries.len();
            entries.clear();
        }
        self.turn = (slice + 1) % SLICES;
    }

    /// What waits under a fingerprint.
    pub(super) fn of(&self, fingerprint: u64) -> impl Iterator<Item = RowKey> {
        let slice = self.slices.get(slice_of(fingerprint)).map_or(&[][..], Vec::as_slice);
        slice.iter().filter(move |(other, _)| *other == fingerprint).map(|(_, key)| *key)
    }
}

/// What may bear an id with this fingerprint, oldest first. `waiting` must have been read before the transaction
/// began: an entry is in the tree before it leaves memory.
pub(super) fn candidates(
    fingerprint: u64,
    mut waiting: Vec<RowKey>,
    index: &impl ReadableTable<(u64, u64), ()>,
) -> Result<Vec<RowKey>, Fault> {
    for entry in index.range((fingerprint, 0)..=(fingerprint, u64::MAX))?.take(CANDIDATES) {
        waiting.push(RowKey(entry?.0.value().1));
    }
    waiting.sort_unstable_by_key(|key| key.arrival());
    waiting.dedup();
    Ok(waiting)
}

/// Takes stale entries from a part of the tree: those of rows below the oldest of their kind.
pub(super) fn sweep(
    index: &mut Table<'_, (u64, u64), ()>,
    part: Part,
    oldest: impl Fn(Kind) -> u64,
) -> Result<(), Fault> {
    let is_live = |(_, key): (u64, u64), ()| RowKey(key).arrival() >= oldest(RowKey(key).kind());
    match part.end {
        Some(end) => index.retain_in((part.begin, 0)..(end, 0), is_live)?,
        None => index.retain_in((part.begin, 0).., is_live)?,
    }
    Ok(())
}

/// Fingerprints from `begin` to before `end`, or all behind `begin`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) begin: u64,
    pub(super) end: Option<u64>,
}

/// A receipt's id is random already.
pub(super) fn of_receipt(id: &ReceiptId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// An engine's id without regard to ASCII case.
pub(super) fn of_alias(id: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *sha256(id.to_ascii_lowercase().as_bytes()).as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Under which fingerprints a row is entered.
fn of_row(row: &[u8]) -> [Option<u64>; 2] {
    let Some((flags, row)) = row.split_first() else { return [None; 2] };
    let Ok(outline) = row::outline(row) else { return [None; 2] };
    let aliased = flags & ALIASED != 0 && is_alias(outline.response_id);
    [Some(of_receipt(&outline.id)), aliased.then(|| of_alias(outline.response_id))]
}

fn slice_of(fingerprint: u64) -> usize {
    (fingerprint >> 56) as usize
}
