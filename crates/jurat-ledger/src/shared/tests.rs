//! Against a real server, started by each test for itself.

use std::{sync::Arc, time::Duration};

use jurat_proto::{Digest, End, PrunePoint, ReceiptId, SignedPrunePoint, UnixMillis};
use jurat_witness::Signer;

use super::*;
use crate::{contract::shape, samples, store::Link};

mod altered;
mod basics;
mod contract;
mod faults;
mod machine;
mod retention;
mod secured;

use machine::Machine;

const BOUNDS: Bounds = Bounds { bytes: 1 << 30, age: Duration::from_secs(3600) };
const NOW: UnixMillis = UnixMillis(1_000_000);

fn signer(chain: u8) -> Signer {
    let mut signer = samples::signer();
    signer.begin_chain(Digest::new([chain; 32]), "claims");
    signer
}

fn record(signer: &mut Signer, id: ReceiptId, engine_id: &str, end: End, at: u64) -> Arc<Entry> {
    samples::entry(signer.sign(samples::statement(engine_id, end, at), id))
}

fn id(chain: u8, n: u32) -> ReceiptId {
    let mut bytes = [chain; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    ReceiptId::new(bytes)
}

/// The next `count` receipts of a chain, all complete, their engine ids `<chain>-<sequence>`.
fn more(signer: &mut Signer, chain: u8, count: u32, at: u64) -> Vec<Arc<Entry>> {
    (0..count)
        .map(|_| {
            let n = signer.sequence() as u32 + 1;
            record(signer, id(chain, n), &format!("{chain}-{n}"), End::Complete, at)
        })
        .collect()
}

fn found(store: &SharedStore, key: &str) -> Option<ReceiptId> {
    match store.find(key, NOW).unwrap() {
        Found::Entry(entry) => Some(entry.record.receipt.id),
        Found::Expired | Found::Unknown => None,
    }
}

/// A page in short: sequences of receipts, and what the holes cover.
fn outline(store: &SharedStore, chain: u8) -> Vec<(u64, u64)> {
    let page = store.page(&Digest::new([chain; 32]), 0, 1000).unwrap();
    assert_eq!(page.next, None);
    shape(&page)
}

fn prune(store: &SharedStore, now: u64, signer: &Signer) -> Pruned {
    let mut sign = |point: PrunePoint| -> SignedPrunePoint { signer.sign_prune_point(point) };
    store.prune(UnixMillis(now), &mut sign).unwrap()
}
