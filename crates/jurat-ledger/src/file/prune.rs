//! Retention: what is given up, in which order, and what is sworn in its place.

mod holes;

use std::sync::PoisonError;

use jurat_proto::{PrunePoint, SignedPrunePoint, UnixMillis};
use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    Change, FileStore, Writer,
    fault::Fault,
    index::{self, Part},
    reports,
    tables::{Counters, INDEX, Kind, RECORDS, RowKey, charge},
};
use crate::{
    memory::{INCOMPLETE_CEILING, INCOMPLETE_FLOOR, SLACK},
    row,
    store::{Bounds, Pruned, StoreError},
};

/// Most receipts that one step gives up: some milliseconds' work.
const STEP: usize = 256;
/// The whole index is swept once for each time that this share of all receipts has been given up.
const SWEPT_PER_SHARE: u64 = 8;

/// What retention remembers from step to step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retention {
    fronts: [Front; 2],
    over: Over,
    /// Chains or reports may be there that nothing is left of.
    empty_chains: bool,
    /// Where in the index the sweep goes on.
    cursor: u64,
}

/// What is known of the oldest of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Front {
    Unread,
    Nothing,
    Since(UnixMillis),
}

/// What the store must come under: its bound, or, once over that, a little less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    Bound,
    Slack,
}

impl Retention {
    pub(super) fn new(counters: &Counters) -> Self {
        // Wherever the last process stopped: the sweep must not begin at the same place each time.
        let cursor = index::of_alias(&counters.arrival.to_string());
        Self { fronts: [Front::Unread; 2], over: Over::Bound, empty_chains: true, cursor }
    }

    /// A receipt was added.
    pub(super) fn came(&mut self, kind: Kind, finished_at: UnixMillis) {
        let front = self.front(kind);
        if *front == Front::Nothing {
            *front = Front::Since(finished_at);
        }
    }

    /// A chain or a report was added, which may make an older one superfluous.
    pub(super) fn look_for_empty_chains(&mut self) {
        self.empty_chains = true;
    }

    fn front(&mut self, kind: Kind) -> &mut Front {
        let [complete, incomplete] = &mut self.fronts;
        match kind {
            Kind::Complete => complete,
            Kind::Incomplete => incomplete,
        }
    }

    /// Whose turn it is to go, if anyone's: the rules of [`crate::MemoryStore`].
    fn next_victim(mut self, counters: &Counters, bounds: &Bounds, now: UnixMillis) -> Option<Kind> {
        for kind in [Kind::Incomplete, Kind::Complete] {
            if let Front::Since(since) = self.front(kind)
                && bounds.has_outlived(*since, now)
            {
                return Some(kind);
            }
        }
        let less = |bytes: u64| match self.over {
            Over::Bound => bytes,
            Over::Slack => bytes - bytes / SLACK,
        };
        let incomplete = counters.incomplete;
        if incomplete.bytes > less(bounds.bytes / INCOMPLETE_CEILING) && incomplete.receipts > 1 {
            return Some(Kind::Incomplete);
        }
        if counters.bytes() > less(bounds.bytes) && counters.receipts() > 1 {
            let spare = incomplete.bytes > bounds.bytes / INCOMPLETE_FLOOR;
            let which =
                if spare || counters.complete.receipts == 0 { Kind::Incomplete } else { Kind::Complete };
            return Some(which);
        }
        None
    }

    fn is_due(&self, counters: &Counters, bounds: &Bounds, now: UnixMillis) -> bool {
        self.empty_chains
            || self.fronts.contains(&Front::Unread)
            || self.next_victim(counters, bounds, now).is_some()
    }
}

/// A row that goes.
struct Victim {
    key: RowKey,
    row: Vec<u8>,
}

pub(super) fn step(
    store: &FileStore,
    now: UnixMillis,
    sign: &mut dyn FnMut(PrunePoint) -> SignedPrunePoint,
) -> Result<Pruned, StoreError> {
    let mut writer = store.writer();
    if !writer.retention.is_due(&writer.counters, &store.bounds, now) {
        return Ok(Pruned::Enough);
    }
    let (pruned, evicted) = store.write(&mut writer, |txn, writer| {
        let mut records = txn.open_table(RECORDS)?;
        let (victims, pruned) = choose(&records, writer, &store.bounds, now)?;
        remove(&mut records, &victims)?;
        if !victims.is_empty() {
            sweep_index(txn, writer, &records, victims.len() as u64)?;
        }
        drop(records);
        if holes::mark(txn, writer, &victims, now, sign)? {
            writer.retention.empty_chains = true;
        }
        let mut forgotten = reports::Forgotten::Nothing;
        if writer.retention.empty_chains {
            forgotten = reports::forget_the_empty(txn, writer)?;
            writer.retention.empty_chains = false;
        }
        // Prune points take room, too.
        let still = writer.retention.next_victim(&writer.counters, &store.bounds, now);
        let pruned = if still.is_some() { Pruned::More } else { pruned };
        let done = (pruned, victims.len() as u64);
        if victims.is_empty() && forgotten == reports::Forgotten::Nothing {
            return Ok(Change::None(done));
        }
        writer.counters.write(txn)?;
        Ok(Change::Made(done))
    })?;
    store.usage.lock().unwrap_or_else(PoisonError::into_inner).evicted += evicted;
    Ok(pruned)
}

/// Picks what goes in this step, oldest first, and counts it as gone.
fn choose(
    records: &Table<'_, u64, &'static [u8]>,
    writer: &mut Writer,
    bounds: &Bounds,
    now: UnixMillis,
) -> Result<(Vec<Victim>, Pruned), Fault> {
    let mut queues = Vec::with_capacity(Kind::BOTH.len());
    for kind in Kind::BOTH {
        let mut rows = records.range(RowKey::from(kind, 0))?;
        let front = next(&mut rows)?;
        *writer.retention.front(kind) = since(front.as_ref());
        queues.push((rows, front));
    }
    let mut victims = Vec::new();
    while let Some(kind) = writer.retention.next_victim(&writer.counters, bounds, now) {
        writer.retention.over = Over::Slack;
        if victims.len() == STEP {
            return Ok((victims, Pruned::More));
        }
        let Some((rows, front)) = queues.get_mut(kind as usize) else { break };
        let Some(victim) = front.take() else {
            return Err(Fault::damaged("its counters count rows that are not there"));
        };
        *front = next(rows)?;
        *writer.retention.front(kind) = since(front.as_ref());
        writer.counters.tally(kind).take(charge(victim.row.len()));
        victims.push(victim);
    }
    writer.retention.over = Over::Bound;
    Ok((victims, Pruned::Enough))
}

fn next(rows: &mut redb::Range<'_, u64, &'static [u8]>) -> Result<Option<Victim>, Fault> {
    let Some(entry) = rows.next() else { return Ok(None) };
    let (key, value) = entry?;
    let row = value.value().split_first().map_or(&[][..], |(_, row)| row).to_vec();
    Ok(Some(Victim { key: RowKey(key.value()), row }))
}

/// A row that can't be read is as old as can be.
fn since(front: Option<&Victim>) -> Front {
    front.map_or(Front::Nothing, |victim| {
        Front::Since(row::outline(&victim.row).map_or(UnixMillis(0), |outline| outline.finished_at))
    })
}

fn remove(records: &mut Table<'_, u64, &'static [u8]>, victims: &[Victim]) -> Result<(), Fault> {
    for kind in Kind::BOTH {
        let keys = || victims.iter().map(|victim| victim.key).filter(|key| key.kind() == kind);
        if let (Some(first), Some(last)) = (keys().min(), keys().max_by_key(|key| key.arrival())) {
            records.retain_in(first.0..=last.0, |_, _| false)?;
        }
    }
    Ok(())
}

fn sweep_index(
    txn: &WriteTransaction,
    writer: &mut Writer,
    records: &Table<'_, u64, &'static [u8]>,
    victims: u64,
) -> Result<(), Fault> {
    let mut oldest = [writer.counters.arrival; 2];
    for (kind, oldest) in Kind::BOTH.into_iter().zip(&mut oldest) {
        if let Some(front) = records.range(RowKey::from(kind, 0))?.next() {
            *oldest = RowKey(front?.0.value()).arrival();
        }
    }
    let [complete, incomplete] = oldest;
    let share = u128::from(victims * SWEPT_PER_SHARE) << 64;
    let width = share / u128::from(writer.counters.receipts().max(1));
    let begin = writer.retention.cursor;
    let part = match u64::try_from(width) {
        Ok(width) => Part { begin, end: begin.checked_add(width) },
        Err(_) => Part { begin: 0, end: None },
    };
    writer.retention.cursor = part.end.unwrap_or(0);
    index::sweep(&mut txn.open_table(INDEX)?, part, |kind| match kind {
        Kind::Complete => complete,
        Kind::Incomplete => incomplete,
    })
}
