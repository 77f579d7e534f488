//! Prune points: one for each stretch that is given up, joined to its neighbours.

use std::collections::HashMap;

use jurat_proto::{Digest, PrunePoint, SignedPrunePoint, UnixMillis};
use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    super::{
        Writer,
        fault::Fault,
        tables::{CHAINS, PLACES, PRUNED},
    },
    Victim,
};
use crate::{row, sworn};

/// Consecutive receipts of one chain.
struct Run<'a> {
    chain: Digest,
    first: u64,
    rows: Vec<&'a [u8]>,
}

/// Puts prune points where the victims were and takes their places out of the chains. Says whether a chain became
/// empty.
pub(super) fn mark(
    txn: &WriteTransaction,
    writer: &mut Writer,
    victims: &[Victim],
    now: UnixMillis,
    sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
) -> Result<bool, Fault> {
    let chains = txn.open_table(CHAINS)?;
    let mut places = txn.open_table(PLACES)?;
    let mut pruned = txn.open_table(PRUNED)?;
    let mut numbers = HashMap::new();
    for run in runs(victims) {
        let Some(number) = chains.get(run.chain.as_bytes())?.map(|row| row.value().0) else { continue };
        numbers.insert(run.chain, number);
        let last = run.first.saturating_add(run.rows.len() as u64 - 1);
        places.retain_in((number, run.first)..=(number, last), |_, _| false)?;
        for hole in holes(&run, now) {
            let alone = sign(hole);
            let joined = join(&mut pruned, writer, number, &alone)?;
            let first = joined.first;
            let point = if joined == alone.prune { alone } else { sign(joined) };
            let row = sworn::encode_prune_point(&point)?;
            let old = pruned.insert((number, first), row.as_slice())?.map(|old| old.value().len());
            writer.counters.replace_beside(old, Some(row.len()));
        }
    }
    for number in numbers.into_values() {
        if places.range((number, 0)..=(number, u64::MAX))?.next().is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn runs(victims: &[Victim]) -> Vec<Run<'_>> {
    let mut known: Vec<_> = victims
        .iter()
        .filter_map(|victim| match row::outline(&victim.row) {
            Ok(outline) => Some((outline.chain, outline.sequence, victim.row.as_slice())),
            Err(error) => {
                // A gap that nothing is sworn about: an audit shows it, and must.
                tracing::error!(%error, "a damaged row was given up, no prune point stands for it");
                None
            }
        })
        .collect();
    known.sort_unstable_by_key(|(chain, sequence, _)| (*chain, *sequence));
    let mut runs: Vec<Run<'_>> = Vec::new();
    for (chain, sequence, row) in known {
        match runs.last_mut() {
            Some(run)
                if run.chain == chain && run.first.checked_add(run.rows.len() as u64) == Some(sequence) =>
            {
                run.rows.push(row);
            }
            _ => runs.push(Run { chain, first: sequence, rows: vec![row] }),
        }
    }
    runs
}

/// What is sworn about a run: from its last receipt, which its signer signed, back to the first, link by link. Where a
/// link does not hold the run breaks, and rows that nothing signed names are given up with nothing sworn: the gap
/// shows in an audit, and must.
fn holes(run: &Run<'_>, at: UnixMillis) -> Vec<PrunePoint> {
    let mut holes: Vec<PrunePoint> = Vec::new();
    let mut open: Option<PrunePoint> = None;
    for row in run.rows.iter().rev() {
        let linked = open.as_mut().and_then(|hole| {
            let receipt = row::parse(row).ok()?.record.receipt;
            let fits = receipt.chain == hole.chain
                && receipt.sequence.checked_add(1) == Some(hole.first)
                && receipt.struct_hash() == hole.previous;
            fits.then(|| {
                hole.first = receipt.sequence;
                hole.previous = receipt.previous;
            })
        });
        if linked.is_some() {
            continue;
        }
        holes.extend(open.take());
        match row::decode(row) {
            Ok(entry) => open = Some(PrunePoint::of(&entry.record.receipt, at)),
            Err(error) => {
                tracing::error!(%error, chain = %run.chain, "an altered row was given up, no prune point stands for it");
            }
        }
    }
    holes.extend(open);
    holes.reverse();
    holes
}

/// Takes adjoining prune points into this one, if they are what the same signer signed and fit. Another's stay as
/// they are: whoever holds the disk could have made them, and joining would put this signature to them.
fn join(
    pruned: &mut Table<'_, (u32, u64), &'static [u8]>,
    writer: &mut Writer,
    number: u32,
    alone: &SignedPrunePoint,
) -> Result<PrunePoint, Fault> {
    let mut hole = alone.prune.clone();
    let before = match pruned.range((number, 0)..(number, hole.first))?.next_back() {
        Some(entry) => Some(entry?.0.value().1),
        None => None,
    };
    if let Some(key) = before
        && let Some((left, length)) = neighbour(pruned, number, key, alone)?
        && left.last.checked_add(1) == Some(hole.first)
        && left.receipt_hash == hole.previous
    {
        pruned.remove((number, key))?;
        writer.counters.replace_beside(Some(length), None);
        hole = PrunePoint { first: left.first, previous: left.previous, ..hole };
    }
    if let Some(key) = hole.last.checked_add(1)
        && let Some((right, length)) = neighbour(pruned, number, key, alone)?
        && right.previous == hole.receipt_hash
    {
        pruned.remove((number, key))?;
        writer.counters.replace_beside(Some(length), None);
        hole = PrunePoint { last: right.last, receipt_hash: right.receipt_hash, ..hole };
    }
    Ok(hole)
}

/// A prune point that may be taken into this one, with its length.
fn neighbour(
    pruned: &Table<'_, (u32, u64), &'static [u8]>,
    number: u32,
    first: u64,
    alone: &SignedPrunePoint,
) -> Result<Option<(PrunePoint, usize)>, Fault> {
    let Some(row) = pruned.get((number, first))? else { return Ok(None) };
    let point = sworn::decode_prune_point(row.value()).ok().filter(|point| {
        let prune = &point.prune;
        prune.chain == alone.prune.chain
            && prune.first == first
            && prune.first <= prune.last
            && point.signing_address == alone.signing_address
            && point.authenticate().is_ok()
    });
    Ok(point.map(|point| (point.prune, row.value().len())))
}
