//! What is in the file: its tables, its keys and its counters.

use jurat_proto::End;
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// Rows in the order in which they came: [`RowKey`] to a flag byte and the row.
pub(super) const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");
/// A chain's number and a sequence, to a [`RowKey`].
pub(super) const PLACES: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("places");
/// A fingerprint of an id and a [`RowKey`]: what may bear that id.
pub(super) const INDEX: TableDefinition<'_, (u64, u64), ()> = TableDefinition::new("index");
/// A slice of the index, to the arrival below which it is complete.
pub(super) const MARKS: TableDefinition<'_, u16, u64> = TableDefinition::new("marks");
/// A chain's name, to its number in this file and its signer.
pub(super) const CHAINS: TableDefinition<'_, &[u8; 32], (u32, [u8; 20])> = TableDefinition::new("chains");
/// A chain's number and the first sequence of a hole, to the signed prune point.
pub(super) const PRUNED: TableDefinition<'_, (u32, u64), &[u8]> = TableDefinition::new("pruned");
/// A chain's name, to its newest head.
pub(super) const HEADS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("heads");
/// A claims hash, to the report's row.
pub(super) const REPORTS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("reports");
/// A claims hash, to when that report's evidence was made, its signer and its chain.
pub(super) const REPORT_INFO: TableDefinition<'_, &[u8; 32], ReportInfo> =
    TableDefinition::new("report_info");
type ReportInfo = (u64, [u8; 20], [u8; 32]);
/// The format's name and the counters.
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// What `META` holds under [`FORMAT_KEY`]. A later program that changes the tables changes this.
pub(super) const FORMAT: &[u8] = b"jurat receipts 1";
pub(super) const FORMAT_KEY: &str = "format";
const COUNTERS_KEY: &str = "counters";

/// The flag byte before a row: its engine id is an alias of it.
pub(super) const ALIASED: u8 = 1;

/// Whether a receipt is complete: each kind has its own queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Complete,
    Incomplete,
}

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Complete, Self::Incomplete];

    pub(super) fn of(end: End) -> Self {
        if end == End::Complete { Self::Complete } else { Self::Incomplete }
    }
}

/// Where a row is: its kind, then its arrival. Oldest first within a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RowKey(pub(super) u64);

const KIND_BIT: u64 = 1 << 63;

impl RowKey {
    pub(super) fn new(kind: Kind, arrival: u64) -> Self {
        match kind {
            Kind::Complete => Self(arrival & !KIND_BIT),
            Kind::Incomplete => Self(arrival | KIND_BIT),
        }
    }

    pub(super) fn kind(self) -> Kind {
        if self.0 & KIND_BIT == 0 { Kind::Complete } else { Kind::Incomplete }
    }

    pub(super) fn arrival(self) -> u64 {
        self.0 & !KIND_BIT
    }

    /// Every key of a kind from this arrival on.
    pub(super) fn from(kind: Kind, arrival: u64) -> std::ops::RangeInclusive<u64> {
        Self::new(kind, arrival).0..=Self::new(kind, !KIND_BIT).0
    }
}

/// How many there are of a kind, and what they are charged with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) receipts: u64,
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64) {
        self.receipts = self.receipts.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub(super) fn take(&mut self, bytes: u64) {
        self.receipts = self.receipts.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Kept in the file, changed with what they count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    /// The next row's arrival.
    pub(super) arrival: u64,
    /// The next chain's number.
    pub(super) chain: u32,
    pub(super) complete: Tally,
    pub(super) incomplete: Tally,
    /// Bytes of reports, prune points and heads.
    pub(super) beside: u64,
}

impl Counters {
    pub(super) fn tally(&mut self, kind: Kind) -> &mut Tally {
        match kind {
            Kind::Complete => &mut self.complete,
            Kind::Incomplete => &mut self.incomplete,
        }
    }

    pub(super) fn receipts(&self) -> u64 {
        self.complete.receipts.saturating_add(self.incomplete.receipts)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.complete.bytes.saturating_add(self.incomplete.bytes).saturating_add(self.beside)
    }

    pub(super) fn replace_beside(&mut self, old: Option<usize>, new: Option<usize>) {
        let charge = |length: usize| length as u64 + BESIDE_OVERHEAD;
        self.beside = self.beside.saturating_sub(old.map_or(0, charge)).saturating_add(new.map_or(0, charge));
    }

    pub(super) fn read(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Self, Fault> {
        let Some(bytes) = meta.get(COUNTERS_KEY)? else {
            return Err(Fault::damaged("the counters are missing"));
        };
        postcard::from_bytes(bytes.value()).map_err(|_| Fault::damaged("the counters can't be read"))
    }

    pub(super) fn write(&self, txn: &WriteTransaction) -> Result<(), Fault> {
        let bytes = postcard::to_extend(self, Vec::new())
            .map_err(|error| Fault::refused(format!("the counters could not be written: {error}")))?;
        txn.open_table(META)?.insert(COUNTERS_KEY, bytes.as_slice())?;
        Ok(())
    }
}

/// What a row costs in the file, all told: its place, its two index entries (one of them and a part of another may
/// be stale), and the free room in pages. Measured by the example `fill`.
pub(super) fn charge(row: usize) -> u64 {
    let row = row as u64;
    row + row / 12 + 96
}

/// Likewise for what is kept beside receipts.
const BESIDE_OVERHEAD: u64 = 128;

/// Makes every table, so that reading one never finds it missing.
pub(super) fn create_all(txn: &WriteTransaction) -> Result<(), Fault> {
    txn.open_table(RECORDS)?;
    txn.open_table(PLACES)?;
    txn.open_table(INDEX)?;
    txn.open_table(MARKS)?;
    txn.open_table(CHAINS)?;
    txn.open_table(PRUNED)?;
    txn.open_table(HEADS)?;
    txn.open_table(REPORTS)?;
    txn.open_table(REPORT_INFO)?;
    txn.open_table(META)?.insert(FORMAT_KEY, FORMAT)?;
    Counters { chain: 1, ..Counters::default() }.write(txn)
}
