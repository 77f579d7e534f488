//! Chains, and stretches of them.

use std::sync::Arc;

use jurat_proto::{Digest, SignedHead, SignedPrunePoint};

use super::{
    SharedStore,
    lookup::{read_entry, text},
    misshapen,
    resp::Reply,
    script::Script,
};
use crate::{
    store::{ChainSummary, Link, Page, StoreError},
    sworn,
};

/// Most links of one page: the server answers nobody else while it gathers them.
const LONGEST_PAGE: usize = 1000;
/// Digits of the first sequence that a prune point covers, before its bytes: the scripts read them.
const FIRST_DIGITS: usize = 20;

impl SharedStore {
    pub(super) fn summaries(&self) -> Result<Vec<ChainSummary>, StoreError> {
        let Reply::List(list) = self.read(Script::Chains, self.args())? else {
            return Err(misshapen("chains"));
        };
        let mut chains = list.iter().map(summary).collect::<Result<Vec<_>, _>>()?;
        chains.sort_by_key(|summary| summary.chain);
        Ok(chains)
    }

    pub(super) fn stretch(&self, chain: &Digest, after: u64, limit: usize) -> Result<Page, StoreError> {
        if after >= MOST_SEQUENCE {
            return Ok(Page::default());
        }
        let limit = limit.min(LONGEST_PAGE);
        // One more than is wanted tells whether there is more.
        let args = self.args().text(&chain.to_string()).number(after).number(limit as u64 + 1);
        let Reply::List(answer) = self.read(Script::Page, args)? else { return Err(misshapen("a chain")) };
        let (Some(Reply::List(records)), Some(Reply::List(holes))) = (answer.first(), answer.get(1)) else {
            return Err(misshapen("a chain"));
        };
        let head = match answer.get(2) {
            Some(Reply::Bytes(bytes)) => Some(read_head(bytes, chain)?),
            _ => None,
        };
        let mut links = Vec::with_capacity(records.len() + holes.len());
        for record in records {
            links.push(read_place(record, chain)?);
        }
        for hole in holes {
            let Reply::Bytes(bytes) = hole else { return Err(misshapen("a prune point")) };
            let point = read_point(bytes, chain)?;
            links.push((point.prune.first, point.prune.last, Link::Pruned(point)));
        }
        links.sort_by_key(|(first, ..)| *first);
        let more = links.len() > limit;
        links.truncate(limit);
        let next = links.last().map(|(_, last, _)| *last).filter(|_| more);
        Ok(Page { links: links.into_iter().map(|(_, _, link)| link).collect(), next, head })
    }
}

/// The server's scores are exact up to here, and so are the numbers of JSON.
const MOST_SEQUENCE: u64 = 1 << 53;

fn summary(reply: &Reply) -> Result<ChainSummary, StoreError> {
    let Reply::List(fields) = reply else { return Err(misshapen("a chain")) };
    let [Reply::Bytes(chain), Reply::Bytes(first), Reply::Bytes(last), Reply::Bytes(row)] = fields.as_slice()
    else {
        return Err(misshapen("a chain"));
    };
    let newest = crate::row::decode(row)?;
    let receipt = &newest.record.receipt;
    let (first, last) = (number(first)?, number(last)?);
    if receipt.chain.to_string().as_bytes() != chain.as_slice() || receipt.sequence != last {
        return Err(misplaced());
    }
    Ok(ChainSummary { chain: receipt.chain, signing_address: newest.record.signing_address, first, last })
}

/// Its place twice, as a prune point has two.
fn read_place(reply: &Reply, chain: &Digest) -> Result<(u64, u64, Link), StoreError> {
    let Reply::List(fields) = reply else { return Err(misshapen("a place")) };
    let [Reply::Bytes(id), Reply::Bytes(sequence), row] = fields.as_slice() else {
        return Err(misshapen("a place"));
    };
    let Reply::Bytes(row) = row else {
        return Err(StoreError::Damaged("a record is missing at its place".into()));
    };
    let entry = read_entry(row, text(id)?.parse().map_err(|_| misshapen("a place"))?)?;
    let sequence = number(sequence)?;
    if entry.record.receipt.chain != *chain || entry.record.receipt.sequence != sequence {
        return Err(misplaced());
    }
    Ok((sequence, sequence, Link::Receipt(Arc::new(entry))))
}

fn read_head(bytes: &[u8], chain: &Digest) -> Result<SignedHead, StoreError> {
    let head = sworn::decode_head(bytes)?;
    if head.head.chain == *chain && head.authenticate().is_ok() {
        Ok(head)
    } else {
        Err(StoreError::Damaged("a head was altered".into()))
    }
}

/// Writes a prune point.
pub(super) fn write_point(point: &SignedPrunePoint) -> Result<Vec<u8>, StoreError> {
    let mut bytes = format!("{:0width$}", point.prune.first, width = FIRST_DIGITS).into_bytes();
    bytes.extend(sworn::encode_prune_point(point)?);
    Ok(bytes)
}

/// Reads a prune point and checks that whoever it names signed it.
pub(super) fn read_point(bytes: &[u8], chain: &Digest) -> Result<SignedPrunePoint, StoreError> {
    let altered = || StoreError::Damaged("a prune point was altered".into());
    let (first, rest) = bytes.split_at_checked(FIRST_DIGITS).ok_or_else(altered)?;
    let point = sworn::decode_prune_point(rest)?;
    let prune = &point.prune;
    let whole = point.authenticate().is_ok()
        && prune.chain == *chain
        && prune.first <= prune.last
        && number(first)? == prune.first;
    if whole { Ok(point) } else { Err(altered()) }
}

fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    text(bytes)?.parse().map_err(|_| misshapen("a number"))
}

fn misplaced() -> StoreError {
    StoreError::Damaged("a record is kept at another's place".into())
}
