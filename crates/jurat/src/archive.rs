//! The archive that the configuration names, and where its chains come from.

use std::sync::Arc;

use jurat_ledger::{
    ChainSource, FileStore, MemoryStore, NewChain, OnFailure, OpenError, SharedStore, Store, StoreAtStart,
};
use jurat_proto::{Claims, Digest};

use crate::{
    config::{ArchiveChoice, Receipts, StoreFailure},
    exit::{Failure, say},
    reporter::Evidence,
    service::random,
};

/// Opens the store. One that can't be opened ends the program, unless memory may stand in for it.
pub(crate) fn open(receipts: &Receipts) -> Result<(Arc<dyn Store>, StoreAtStart), Failure> {
    let may_stand_in = receipts.on_failure == StoreFailure::Memory;
    match &receipts.archive {
        ArchiveChoice::Memory => {
            say("receipts are kept in memory and end with this process: name a --state-dir to keep them");
            Ok((Arc::new(MemoryStore::new(receipts.memory)), StoreAtStart::Well))
        }
        ArchiveChoice::File { folder, bounds } => match FileStore::open(folder, *bounds) {
            Ok(store) => {
                say(format_args!("receipts are kept in {}", folder.display()));
                Ok((Arc::new(store), StoreAtStart::Well))
            }
            Err(error) if may_stand_in => {
                say(format_args!("receipts are kept in memory for now: {error}"));
                Ok((Arc::new(FileStore::unopened(folder, *bounds)), StoreAtStart::Down))
            }
            Err(error @ OpenError::InUse { .. }) => Err(Failure::unavailable(error)
                .hint("another process keeps its receipts there: end it, or name another folder")),
            Err(error) => Err(Failure::unavailable(error)
                .hint("move the folder away to begin anew, or set on_store_failure = \"memory\" to go on without it")),
        },
        ArchiveChoice::Shared(settings) => {
            let store = SharedStore::new(settings).map_err(|error| Failure::config(format_args!("{error}")))?;
            let at_start = match store.recover() {
                Ok(()) => {
                    say(format_args!("receipts are kept in {}", settings.url));
                    StoreAtStart::Well
                }
                Err(error) if may_stand_in => {
                    say(format_args!("receipts are kept in memory for now: {}: {error}", settings.url));
                    StoreAtStart::Down
                }
                Err(error) => {
                    return Err(Failure::unavailable(format_args!("{}: {error}", settings.url))
                        .hint("on_store_failure = \"memory\" goes on without it"));
                }
            };
            Ok((Arc::new(store), at_start))
        }
    }
}

/// What the appender does when the store fails.
pub(crate) fn on_failure(receipts: &Receipts) -> OnFailure {
    match receipts.on_failure {
        StoreFailure::Refuse => OnFailure::Refuse,
        StoreFailure::Memory => OnFailure::Memory(receipts.memory),
    }
}

/// Names new chains, puts each name into the claims, and has the hardware vouch for them before anything is signed.
pub(crate) fn chains(evidence: Arc<Evidence>, claims: Claims) -> ChainSource {
    let mut drawn = None;
    Box::new(move || begin(&evidence, &claims, &mut drawn))
}

/// How often the hardware is asked at once for the new report: a first answer may have been begun under the old claims.
const ASKED: usize = 3;

/// The name that was drawn is kept until its report has been made: another name each time would have each attempt
/// meet the report of the one before.
fn begin(evidence: &Evidence, claims: &Claims, drawn: &mut Option<Digest>) -> Result<NewChain, String> {
    let name = match *drawn {
        Some(name) => name,
        None => *drawn.insert(fresh_name()?),
    };
    let text = Claims { chain: name, ..claims.clone() }.to_json();
    evidence.renew_claims(text.clone());
    for _ in 0..ASKED {
        let report = evidence.to_keep().map_err(|failure| failure.to_string())?;
        if report.chain == name {
            *drawn = None;
            return Ok(NewChain { name, claims: text, report: Some(report) });
        }
    }
    Err("the report does not bear the new claims yet".into())
}

fn fresh_name() -> Result<Digest, String> {
    random().map(Digest::new).map_err(|failure| failure.to_string())
}
