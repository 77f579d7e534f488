//! Commits: a batch of records, or a head.

use std::sync::{Arc, PoisonError};

use jurat_proto::{Digest, SignedHead};
use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    Change, FileStore, Writer,
    fault::Fault,
    index::{self, Waiting},
    tables::{ALIASED, CHAINS, HEADS, INDEX, Kind, MARKS, PLACES, PRUNED, RECORDS, RowKey, charge},
};
use crate::{
    row,
    store::{ALIASES_PER_FOLD, Entry, StoreError, is_alias},
    sworn,
};

/// A chain whose row was read or written.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownChain {
    name: Digest,
    number: u32,
}

/// What a commit adds to the index once it is durable.
#[derive(Default)]
struct Added {
    entries: Vec<(u64, RowKey)>,
    settled: Vec<usize>,
}

pub(super) fn commit(store: &FileStore, batch: &[Arc<Entry>]) -> Result<(), StoreError> {
    let rows = batch.iter().map(|entry| row::encode(entry)).collect::<Result<Vec<_>, _>>()?;
    let mut writer = store.writer();
    let added = store.write(&mut writer, |txn, writer| {
        let mut added = Added::default();
        let waiting = store.waiting();
        let mut tables = Tables {
            records: txn.open_table(RECORDS)?,
            places: txn.open_table(PLACES)?,
            pruned: txn.open_table(PRUNED)?,
            index: txn.open_table(INDEX)?,
            waiting: &waiting,
        };
        for (entry, row) in batch.iter().zip(&rows) {
            let chain = chain_of(txn, writer, entry)?;
            tables.add(writer, chain, entry, row, &mut added)?;
        }
        if added.entries.is_empty() {
            return Ok(Change::None(added));
        }
        // Those of this batch follow later: the slices are complete up to where it begins.
        let begin = added.entries.iter().map(|(_, key)| key.arrival()).min().unwrap_or(0);
        for slice in waiting.due() {
            waiting.settle(slice, &mut tables.index)?;
            added.settled.push(slice);
        }
        if !added.settled.is_empty() {
            let mut marks = txn.open_table(MARKS)?;
            for slice in &added.settled {
                marks.insert(*slice as u16, begin)?;
            }
        }
        drop(tables);
        writer.counters.write(txn)?;
        Ok(Change::Made(added))
    })?;
    let mut waiting = store.waiting.write().unwrap_or_else(PoisonError::into_inner);
    for slice in added.settled {
        waiting.forget(slice);
    }
    for (fingerprint, key) in added.entries {
        waiting.push(fingerprint, key);
    }
    drop(waiting);
    Ok(())
}

/// What each record of a batch needs, opened once.
struct Tables<'a> {
    records: Table<'a, u64, &'static [u8]>,
    places: Table<'a, (u32, u64), u64>,
    pruned: Table<'a, (u32, u64), &'static [u8]>,
    index: Table<'a, (u64, u64), ()>,
    waiting: &'a Waiting,
}

impl Tables<'_> {
    fn add(
        &mut self,
        writer: &mut Writer,
        chain: u32,
        entry: &Entry,
        row: &[u8],
        added: &mut Added,
    ) -> Result<(), Fault> {
        let receipt = &entry.record.receipt;
        let place = (chain, receipt.sequence);
        if let Some(known) = self.places.get(place)? {
            let is_same = self
                .records
                .get(known.value())?
                .is_some_and(|other| other.value().split_first().is_some_and(|(_, other)| other == row));
            let other = || Fault::damaged("it holds another record at this place of the chain");
            return if is_same { Ok(()) } else { Err(other()) };
        }
        if self.was_given_up(place, &receipt.chain)? {
            return Ok(());
        }
        let kind = Kind::of(receipt.end);
        let arrival = writer.counters.arrival;
        let key = RowKey::new(kind, arrival);
        if key.arrival() != arrival {
            return Err(Fault::damaged("its counters are out of range"));
        }
        let alias = match &*receipt.response_id {
            id if is_alias(id) && self.may_bear(id, &added.entries)? => Some(id),
            _ => None,
        };
        let mut value = Vec::with_capacity(row.len() + 1);
        value.push(if alias.is_some() { ALIASED } else { 0 });
        value.extend_from_slice(row);
        self.records.insert(key.0, value.as_slice())?;
        self.places.insert(place, key.0)?;
        added.entries.push((index::of_receipt(&receipt.id), key));
        added.entries.extend(alias.map(|id| (index::of_alias(id), key)));
        writer.counters.arrival += 1;
        writer.counters.tally(kind).add(charge(row.len()));
        writer.retention.came(kind, receipt.finished_at);
        Ok(())
    }

    /// Whether retention has taken this place already: a batch that comes again does not bring it back.
    /// A row that nobody signed for this chain is damage, and no reason to keep nothing.
    fn was_given_up(&self, (number, sequence): (u32, u64), chain: &Digest) -> Result<bool, Fault> {
        let Some(entry) = self.pruned.range((number, 0)..=(number, sequence))?.next_back() else {
            return Ok(false);
        };
        let point = sworn::decode_prune_point(entry?.1.value())?;
        if point.prune.last < sequence {
            return Ok(false);
        }
        if point.prune.chain == *chain && point.authenticate().is_ok() {
            Ok(true)
        } else {
            Err(Fault::damaged("a prune point that nobody signed lies over a new receipt's place"))
        }
    }

    /// Whether an engine's id is free for another bearer.
    fn may_bear(&self, id: &str, batch: &[(u64, RowKey)]) -> Result<bool, Fault> {
        let fingerprint = index::of_alias(id);
        let in_batch = batch.iter().filter(|(other, _)| *other == fingerprint).map(|(_, key)| *key);
        let waiting = self.waiting.of(fingerprint).chain(in_batch).collect();
        let mut bearers = 0;
        for key in index::candidates(fingerprint, waiting, &self.index)? {
            let Some(value) = self.records.get(key.0)? else { continue };
            let Some((flags, row)) = value.value().split_first() else { continue };
            let Ok(other) = row::outline(row) else { continue };
            if flags & ALIASED != 0 && other.response_id.eq_ignore_ascii_case(id) {
                if other.response_id == id {
                    return Ok(false);
                }
                bearers += 1;
            }
        }
        Ok(bearers < ALIASES_PER_FOLD)
    }
}

/// The chain's number, a new one if it is new.
fn chain_of(txn: &WriteTransaction, writer: &mut Writer, entry: &Entry) -> Result<u32, Fault> {
    let name = entry.record.receipt.chain;
    if let Some(known) = writer.chain
        && known.name == name
    {
        return Ok(known.number);
    }
    let mut chains = txn.open_table(CHAINS)?;
    let known = chains.get(name.as_bytes())?.map(|row| row.value().0);
    let number = match known {
        Some(number) => number,
        None => {
            let number = writer.counters.chain;
            let next =
                number.checked_add(1).ok_or_else(|| Fault::damaged("its counters are out of range"))?;
            chains.insert(name.as_bytes(), (number, *entry.record.signing_address.as_bytes()))?;
            writer.counters.chain = next;
            writer.retention.look_for_empty_chains();
            number
        }
    };
    writer.chain = Some(KnownChain { name, number });
    Ok(number)
}

pub(super) fn keep_head(store: &FileStore, head: &SignedHead) -> Result<(), StoreError> {
    let row = sworn::encode_head(head)?;
    store.write(&mut store.writer(), |txn, writer| {
        let name = head.head.chain;
        if txn.open_table(CHAINS)?.get(name.as_bytes())?.is_none() {
            return Ok(Change::None(()));
        }
        let mut heads = txn.open_table(HEADS)?;
        let old = heads.insert(name.as_bytes(), row.as_slice())?.map(|old| old.value().len());
        drop(heads);
        writer.counters.replace_beside(old, Some(row.len()));
        writer.counters.write(txn)?;
        Ok(Change::Made(()))
    })
}
