//! Reports of past signers, and what goes with the last receipt of a chain.

use std::sync::Arc;

use jurat_proto::{Address, Digest, UnixMillis};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::{
    Change, FileStore, Writer,
    fault::Fault,
    tables::{CHAINS, HEADS, PLACES, PRUNED, RECORDS, REPORT_INFO, REPORTS},
};
use crate::{
    row,
    store::{ArchivedReport, ReportKey, StoreError},
};

/// Places without a row that one look takes out of a chain: only damage makes them.
const DANGLING: usize = 1024;

pub(super) fn keep(store: &FileStore, report: &ArchivedReport) -> Result<(), StoreError> {
    let row = row::encode_report(report)?;
    store.write(&mut store.writer(), |txn, writer| {
        let key = report.claims_hash.as_bytes();
        let mut info = txn.open_table(REPORT_INFO)?;
        if writer.own_chain.is_none_or(|(_, since)| since <= report.made_at) {
            writer.own_chain = Some((report.chain, report.made_at));
        }
        if info.get(key)?.is_some_and(|known| known.value().0 > report.made_at.0) {
            return Ok(Change::None(()));
        }
        let address = *report.signing_address.as_bytes();
        info.insert(key, (report.made_at.0, address, *report.chain.as_bytes()))?;
        let mut reports = txn.open_table(REPORTS)?;
        let old = reports.insert(key, row.as_slice())?.map(|old| old.value().len());
        writer.counters.replace_beside(old, Some(row.len()));
        writer.retention.look_for_empty_chains();
        drop((info, reports));
        writer.counters.write(txn)?;
        Ok(Change::Made(()))
    })
}

pub(super) fn find(txn: &ReadTransaction, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, Fault> {
    let claims = match key {
        ReportKey::Claims(hash) => *hash,
        ReportKey::Signer(address) => match newest_of(txn, address)? {
            Some(hash) => hash,
            None => return Ok(None),
        },
    };
    let Some(row) = txn.open_table(REPORTS)?.get(claims.as_bytes())? else { return Ok(None) };
    let report = row::decode_report(row.value())?;
    let is_asked_for = report.claims_hash == claims
        && match key {
            ReportKey::Claims(_) => true,
            ReportKey::Signer(address) => report.signing_address == *address,
        };
    if !is_asked_for {
        return Err(Fault::damaged("a report lies where another should"));
    }
    Ok(Some(Arc::new(report)))
}

fn newest_of(txn: &ReadTransaction, address: &Address) -> Result<Option<Digest>, Fault> {
    let mut newest = None;
    // As many as there were process starts within the retention.
    for entry in txn.open_table(REPORT_INFO)?.iter()? {
        let (claims, info) = entry?;
        let (made_at, signer, _) = info.value();
        if signer == *address.as_bytes() && newest.is_none_or(|(newest, _)| newest <= made_at) {
            newest = Some((made_at, Digest::new(*claims.value())));
        }
    }
    Ok(newest.map(|(_, claims)| claims))
}

/// Whether anything went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forgotten {
    Nothing,
    Something,
}

/// Of a chain without receipts nothing is kept, and a report goes with the last receipt of its chain; those of the
/// newest report and of this process stay, as receipts may follow.
pub(super) fn forget_the_empty(txn: &WriteTransaction, writer: &mut Writer) -> Result<Forgotten, Fault> {
    let mut chains = txn.open_table(CHAINS)?;
    let mut reports = txn.open_table(REPORT_INFO)?;
    let mut known = Vec::new();
    for entry in reports.iter()? {
        let (claims, info) = entry?;
        let (made_at, _, chain) = info.value();
        known.push((UnixMillis(made_at), Digest::new(*claims.value()), Digest::new(chain)));
    }
    let newest = known.iter().max_by_key(|(made_at, ..)| *made_at).map(|(.., chain)| *chain);
    let stays =
        |chain: &Digest| Some(*chain) == newest || Some(*chain) == writer.own_chain.map(|(chain, _)| chain);
    let mut all = Vec::new();
    for entry in chains.iter()? {
        let (name, row) = entry?;
        all.push((Digest::new(*name.value()), row.value().0));
    }
    let mut forgotten = Forgotten::Nothing;
    for (name, number) in all {
        if stays(&name) || has_receipts(txn, number)? {
            continue;
        }
        forgotten = Forgotten::Something;
        chains.remove(name.as_bytes())?;
        if let Some(head) = txn.open_table(HEADS)?.remove(name.as_bytes())? {
            writer.counters.replace_beside(Some(head.value().len()), None);
        }
        let mut pruned = txn.open_table(PRUNED)?;
        for entry in pruned.range((number, 0)..=(number, u64::MAX))? {
            writer.counters.replace_beside(Some(entry?.1.value().len()), None);
        }
        pruned.retain_in((number, 0)..=(number, u64::MAX), |_, _| false)?;
    }
    for (_, claims, chain) in &known {
        if stays(chain) || chains.get(chain.as_bytes())?.is_some() {
            continue;
        }
        forgotten = Forgotten::Something;
        reports.remove(claims.as_bytes())?;
        if let Some(report) = txn.open_table(REPORTS)?.remove(claims.as_bytes())? {
            writer.counters.replace_beside(Some(report.value().len()), None);
        }
    }
    if forgotten == Forgotten::Something {
        writer.chain = None;
    }
    Ok(forgotten)
}

/// Whether a chain has a receipt. Places whose row is gone are taken out.
fn has_receipts(txn: &WriteTransaction, number: u32) -> Result<bool, Fault> {
    let mut places = txn.open_table(PLACES)?;
    let records = txn.open_table(RECORDS)?;
    let mut dangling = None;
    let mut found = false;
    for entry in places.range((number, 0)..=(number, u64::MAX))?.take(DANGLING) {
        let (place, key) = entry?;
        if records.get(key.value())?.is_some() {
            found = true;
            break;
        }
        dangling = Some(place.value());
    }
    if let Some(last) = dangling {
        places.retain_in((number, 0)..=last, |_, _| false)?;
        found |= places.range((number, 0)..=(number, u64::MAX))?.next().is_some();
    }
    Ok(found)
}
