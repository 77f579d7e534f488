//! Lookups: by id, and along a chain.

use std::sync::Arc;

use jurat_proto::{Address, Digest, ReceiptId, UnixMillis};
use redb::{ReadTransaction, ReadableTable};

use super::{
    FileStore,
    fault::Fault,
    index,
    tables::{ALIASED, CHAINS, HEADS, INDEX, PLACES, PRUNED, RECORDS, RowKey},
};
use crate::{
    row,
    store::{ChainSummary, Entry, Found, Link, Page, StoreError, is_alias},
    sworn,
};

pub(super) fn find(store: &FileStore, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
    let receipt = (id.len() == 32).then(|| id.parse::<ReceiptId>().ok()).flatten();
    // Before any transaction: an entry is in the tree before it leaves memory.
    let under = |fingerprint| Under { fingerprint, waiting: store.waiting().of(fingerprint).collect() };
    let by_receipt = receipt.map(|receipt| (receipt, under(index::of_receipt(&receipt))));
    let by_alias = is_alias(id).then(|| under(index::of_alias(id)));
    let found = store.read(|txn| {
        if let Some((receipt, under)) = &by_receipt
            && let Some(entry) = find_receipt(txn, receipt, under)?
        {
            return Ok(Some(entry));
        }
        by_alias.as_ref().map_or(Ok(None), |under| find_alias(txn, id, under))
    })?;
    Ok(match found {
        None => Found::Unknown,
        Some(entry) if store.bounds.has_outlived(entry.record.receipt.finished_at, now) => Found::Expired,
        Some(entry) => Found::Entry(Arc::new(entry)),
    })
}

/// A fingerprint, and what waited in memory under it.
struct Under {
    fingerprint: u64,
    waiting: Vec<RowKey>,
}

fn find_receipt(txn: &ReadTransaction, id: &ReceiptId, under: &Under) -> Result<Option<Entry>, Fault> {
    let mut damage = None;
    for (_, row) in candidates(txn, under)? {
        match row::outline(&row) {
            Ok(outline) if outline.id != *id => {}
            Ok(_) => return Ok(Some(row::decode(&row)?)),
            Err(error) => damage = Some(error),
        }
    }
    damage.map_or(Ok(None), |error| Err(error.into()))
}

/// The bearer of exactly this id, else the only one without regard to ASCII case.
fn find_alias(txn: &ReadTransaction, id: &str, under: &Under) -> Result<Option<Entry>, Fault> {
    let mut bearers = Vec::new();
    let mut damage = None;
    for (flags, row) in candidates(txn, under)? {
        match row::outline(&row) {
            Ok(outline) if flags & ALIASED == 0 || !outline.response_id.eq_ignore_ascii_case(id) => {}
            Ok(outline) if outline.response_id == id => return Ok(Some(row::decode(&row)?)),
            Ok(_) => bearers.push(row),
            Err(error) => damage = Some(error),
        }
    }
    match (bearers.as_slice(), damage) {
        ([only], None) => Ok(Some(row::decode(only)?)),
        (_, Some(error)) => Err(error.into()),
        _ => Ok(None),
    }
}

/// Flags and rows of what may bear an id, oldest first.
fn candidates(txn: &ReadTransaction, under: &Under) -> Result<Vec<(u8, Vec<u8>)>, Fault> {
    let records = txn.open_table(RECORDS)?;
    let mut rows = Vec::new();
    for key in index::candidates(under.fingerprint, under.waiting.clone(), &txn.open_table(INDEX)?)? {
        if let Some(value) = records.get(key.0)?
            && let Some((flags, row)) = value.value().split_first()
        {
            rows.push((*flags, row.to_vec()));
        }
    }
    Ok(rows)
}

pub(super) fn chains(txn: &ReadTransaction) -> Result<Vec<ChainSummary>, Fault> {
    let places = txn.open_table(PLACES)?;
    let mut chains = Vec::new();
    for entry in txn.open_table(CHAINS)?.iter()? {
        let (name, row) = entry?;
        let (number, address) = row.value();
        let mut held = places.range((number, 0)..=(number, u64::MAX))?;
        let Some(first) = held.next().transpose()?.map(|(place, _)| place.value().1) else { continue };
        let last = held.next_back().transpose()?.map_or(first, |(place, _)| place.value().1);
        chains.push(ChainSummary {
            chain: Digest::new(*name.value()),
            signing_address: Address::new(address),
            first,
            last,
        });
    }
    Ok(chains)
}

pub(super) fn page(txn: &ReadTransaction, chain: &Digest, after: u64, limit: usize) -> Result<Page, Fault> {
    let Some(from) = after.checked_add(1) else { return Ok(Page::default()) };
    let Some(number) = txn.open_table(CHAINS)?.get(chain.as_bytes())?.map(|row| row.value().0) else {
        return Ok(Page::default());
    };
    let head = match txn.open_table(HEADS)?.get(chain.as_bytes())? {
        Some(row) => Some(sworn::decode_head(row.value())?).filter(|head| head.head.chain == *chain),
        None => None,
    };
    let (records, places, pruned) =
        (txn.open_table(RECORDS)?, txn.open_table(PLACES)?, txn.open_table(PRUNED)?);
    // The only hole that may reach across the beginning is the last one that begins before it.
    let reaching = pruned.range((number, 0)..(number, from))?.next_back();
    let mut holes = reaching
        .into_iter()
        .chain(pruned.range((number, from)..=(number, u64::MAX))?)
        .map(|entry| sworn::decode_prune_point(entry?.1.value()).map_err(Fault::from))
        .filter(|hole| hole.as_ref().map_or(true, |hole| hole.prune.last >= from))
        .peekable();
    let mut places = places.range((number, from)..=(number, u64::MAX))?.peekable();
    let mut links = Vec::new();
    let mut at = after;
    while links.len() < limit {
        let place = match places.peek() {
            Some(Ok((place, _))) => Some(place.value().1),
            Some(Err(_)) | None => None,
        };
        let hole_first = match (holes.peek(), place) {
            (Some(Ok(hole)), Some(place)) => hole.prune.first < place,
            (Some(_), None) => true,
            (Some(Err(_)), _) => true,
            (None, _) => false,
        };
        if hole_first {
            let Some(hole) = holes.next().transpose()? else { break };
            if hole.prune.chain != *chain {
                return Err(Fault::damaged("a prune point lies where another should"));
            }
            at = hole.prune.last;
            links.push(Link::Pruned(hole));
        } else {
            let Some((place, key)) = places.next().transpose()? else { break };
            let (_, sequence) = place.value();
            at = sequence;
            // Without its row it was given up damaged: the gap shows, and must.
            let Some(value) = records.get(key.value())? else { continue };
            let row = value.value().split_first().map_or(&[][..], |(_, row)| row);
            let entry = row::decode(row)?;
            if entry.record.receipt.chain != *chain || entry.record.receipt.sequence != sequence {
                return Err(Fault::damaged("a record lies where another should"));
            }
            links.push(Link::Receipt(Arc::new(entry)));
        }
    }
    let more = holes.peek().is_some() || places.peek().is_some();
    Ok(Page { links, next: more.then_some(at), head })
}
