//! Records and reports out, each proved to be what was asked for.

use std::sync::Arc;

use jurat_proto::{ReceiptId, UnixMillis};

use super::{
    SharedStore,
    link::Request,
    misshapen,
    resp::{Args, Reply},
    script::Script,
    server::Kind,
};
use crate::{
    row,
    store::{ArchivedReport, Entry, Found, ReportKey, StoreError, is_alias},
};

/// Engine ids that are longer are in no receipt.
const LONGEST_ID: usize = 256;

impl SharedStore {
    pub(super) fn find_entry(&self, id: &str, now: UnixMillis) -> Result<Found, StoreError> {
        let by_receipt = (id.len() == 32).then(|| id.parse::<ReceiptId>().ok()).flatten();
        let mut entry = match by_receipt {
            Some(receipt) => self.by_receipt(receipt)?,
            None => None,
        };
        if entry.is_none() && is_alias(id) && id.len() <= LONGEST_ID {
            entry = self.by_alias(id)?;
        }
        Ok(match entry {
            None => Found::Unknown,
            Some(entry) if self.bounds.has_outlived(entry.record.receipt.finished_at, now) => Found::Expired,
            Some(entry) => Found::Entry(Arc::new(entry)),
        })
    }

    fn by_receipt(&self, id: ReceiptId) -> Result<Option<Entry>, StoreError> {
        let get = Args::of(&["GET", &self.key(&format!("r:{id}"))]);
        match self.server.ask(Kind::Read, &Request::Command(get))? {
            Reply::Nil => Ok(None),
            Reply::Bytes(row) => read_entry(&row, id).map(Some),
            _ => Err(misshapen("a record")),
        }
    }

    fn by_alias(&self, id: &str) -> Result<Option<Entry>, StoreError> {
        let args = self.args().text(id).text(&id.to_ascii_lowercase());
        let list = match self.read(Script::Find, args)? {
            Reply::Nil => return Ok(None),
            Reply::List(list) => list,
            _ => return Err(misshapen("an engine's id")),
        };
        let [Reply::Bytes(alias), Reply::Bytes(bearer), row] = list.as_slice() else {
            return Err(misshapen("an engine's id"));
        };
        let Reply::Bytes(row) = row else {
            return Err(StoreError::Damaged("an engine's id names a record that is not there".into()));
        };
        let bearer = text(bearer)?.parse().map_err(|_| misshapen("an engine's id"))?;
        let entry = read_entry(row, bearer)?;
        let borne = &entry.record.receipt.response_id;
        // Without this, whoever holds the server could answer for one exchange with the receipt of another.
        if borne.as_bytes() != alias.as_slice() || !borne.eq_ignore_ascii_case(id) {
            return Err(StoreError::Damaged(format!(
                "an engine's id leads to record {bearer}, which has another"
            )));
        }
        Ok(Some(entry))
    }

    pub(super) fn find_report(&self, key: &ReportKey) -> Result<Option<Arc<ArchivedReport>>, StoreError> {
        let args = match key {
            ReportKey::Claims(hash) => self.args().text("claims").text(&hash.to_string()),
            ReportKey::Signer(address) => self.args().text("signer").text(&address.to_string()),
        };
        let row = match self.read(Script::Report, args)? {
            Reply::Nil => return Ok(None),
            Reply::Bytes(row) => row,
            _ => return Err(misshapen("a report")),
        };
        let report = row::decode_report(&row)?;
        let is_it = match key {
            ReportKey::Claims(hash) => report.claims_hash == *hash,
            ReportKey::Signer(address) => report.signing_address == *address,
        };
        if is_it {
            Ok(Some(Arc::new(report)))
        } else {
            Err(StoreError::Damaged("a report is not the one asked for".into()))
        }
    }
}

/// Reads a record, and refuses one that was altered or put under another's id.
pub(super) fn read_entry(bytes: &[u8], id: ReceiptId) -> Result<Entry, StoreError> {
    let entry = row::decode(bytes)?;
    if entry.record.receipt.id == id {
        Ok(entry)
    } else {
        Err(StoreError::Damaged(format!("under {id} another record is kept")))
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| misshapen("a key"))
}
