//! Receipts for tests: signed by a key drawn for each, over statements that were really witnessed.

use std::sync::Arc;

use jurat_proto::{Digest, End, ReceiptId, SignatureRecord, UnixMillis};
use jurat_witness::{Answer, Exchange, Family, Framing, Key, Shape, Signer, Statement};

use crate::store::{Entry, Found, Store};

pub(crate) fn signer() -> Signer {
    let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
    Signer::new(Key::generate(&mut rng), "claims")
}

pub(crate) fn statement(engine_id: &str, end: End, at: u64) -> Statement {
    let body = format!(r#"{{"id":"{engine_id}","model":"m"}}"#);
    let answer = Answer {
        status: 200,
        family: Family::Chat,
        framing: Framing::Length(body.len() as u64),
        shape: Shape::Json,
    };
    let mut exchange =
        Exchange::open("POST /v1/chat/completions".into(), UnixMillis(at), Digest::ZERO).answering(answer);
    let _ = exchange.observe(body.as_bytes());
    exchange.finish(end, UnixMillis(at))
}

pub(crate) fn id(n: u8) -> ReceiptId {
    ReceiptId::new([n; 16])
}

pub(crate) fn entry(record: SignatureRecord) -> Arc<Entry> {
    Arc::new(Entry { record, owner: None })
}

pub(crate) fn entries(count: u8, end: End) -> Vec<Arc<Entry>> {
    let mut signer = signer();
    (1..=count).map(|n| entry(signer.sign(statement(&format!("c-{n}"), end, n.into()), id(n)))).collect()
}

pub(crate) fn prune(store: &dyn Store, now: u64) {
    let signer = signer();
    store.prune(UnixMillis(now), &mut |point| signer.sign_prune_point(point)).unwrap();
}

pub(crate) fn found(store: &dyn Store, key: &str) -> Option<ReceiptId> {
    match store.find(key, UnixMillis(1_000)).unwrap() {
        Found::Entry(entry) => Some(entry.record.receipt.id),
        Found::Expired | Found::Unknown => None,
    }
}
