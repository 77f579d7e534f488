//! The reckoning: everything acknowledged is looked for, judged, and found in its chain.

use std::{collections::HashSet, net::SocketAddr};

use jurat_proto::SignatureRecord;
use jurat_tests::{KeptClient, Oath, Sidecar};

use crate::{
    account::{Account, Entry},
    chains::{Chains, Extent},
    load::report_of,
};

/// Looks for every acknowledged receipt that was not looked for yet, then for its link.
pub(crate) async fn settle(account: &Account, chains: &mut Chains, sidecar: &Sidecar) {
    reckon(account, chains, sidecar.address(), sidecar.admin(), Extent::News).await;
}

/// The same, and every chain once more from its beginning, and a sample of all receipts by their own and by the
/// engine's ids.
pub(crate) async fn settle_all(account: &Account, chains: &mut Chains, sidecar: &Sidecar) {
    reckon(account, chains, sidecar.address(), sidecar.admin(), Extent::Everything).await;
    let settled: Vec<_> = account.books().settled.iter().map(|(id, hash)| (*id, *hash)).collect();
    let mut lookup = KeptClient::of(sidecar.address());
    for (id, hash) in settled.iter().step_by(settled.len() / 200 + 1) {
        match fetch(&mut lookup, &id.to_string()).await {
            Ok(Some(record)) if record.receipt.struct_hash() == *hash => {
                let alias = record.receipt.response_id;
                let by_alias = fetch(&mut lookup, &alias).await;
                let right = by_alias.as_ref().is_ok_and(|record| {
                    record.as_ref().is_some_and(|record| record.receipt.struct_hash() == *hash)
                });
                account.require(right, format!("{id} under the engine's id {alias}: {by_alias:?}"));
            }
            Ok(Some(_)) => account.wrong(format!("{id}: another receipt than before")),
            Ok(None) => account.lost(format!("{id}: 404 at the end, though it was there")),
            Err(what) => account.wrong(format!("{id} at the end: {what}")),
        }
    }
    chains.count(account);
}

async fn reckon(account: &Account, chains: &mut Chains, data: SocketAddr, admin: SocketAddr, extent: Extent) {
    let open = std::mem::take(&mut account.books().open);
    let mut lookup = KeptClient::of(data);
    let mut found = Vec::with_capacity(open.len());
    for entry in open {
        let what = format!("{:?} {} ({})", entry.kind, entry.number, entry.id);
        match fetch(&mut lookup, &entry.id.to_string()).await {
            Ok(Some(record)) => {
                if let Err(broken) = judge(account, data, &entry, &record).await {
                    account.wrong(format!("{what}: {broken}"));
                }
                found.push(record);
            }
            Ok(None) => account.lost(what),
            Err(error) => account.wrong(format!("{what}: {error}")),
        }
    }
    if let Err(broken) = chains.read(admin, extent).await {
        broken.into_iter().for_each(|what| account.wrong(what));
    }
    let mut claims = HashSet::new();
    for record in found {
        // Whoever checks an old receipt needs the report of its signer, whatever this program remembers.
        if claims.insert(record.receipt.claims_hash)
            && let Err(what) = report_of(data, &record).await
        {
            let (id, hash) = (record.receipt.id, record.receipt.claims_hash);
            account
                .wrong(format!("{id}: no report of {} under claims {hash}: {what}", record.signing_address));
        }
        let receipt = &record.receipt;
        let hash = receipt.struct_hash();
        if !chains.has(&receipt.chain, receipt.sequence, &hash) {
            account.lost(format!(
                "{} is served and not in its chain's export: sequence {}",
                receipt.id, receipt.sequence
            ));
        }
        account.books().settled.insert(receipt.id, hash);
    }
    chains.count(account);
}

async fn judge(
    account: &Account,
    data: SocketAddr,
    entry: &Entry,
    record: &SignatureRecord,
) -> Result<(), String> {
    let oath: Oath = match account.oath(&record.receipt.claims_hash) {
        Some(oath) => oath,
        None => {
            let oath = report_of(data, record).await.map_err(|error| format!("no report: {error}"))?;
            account.learn(oath.clone());
            oath
        }
    };
    entry.judge(&oath, record)
}

/// A receipt by any of its ids; `None` where the service says that there is none.
pub(crate) async fn fetch(lookup: &mut KeptClient, id: &str) -> Result<Option<SignatureRecord>, String> {
    let answer = lookup.fetch(&format!("/signature/{id}")).await.map_err(|error| error.to_string())?;
    match answer.status() {
        200 => serde_json::from_slice(&answer.body).map(Some).map_err(|error| error.to_string()),
        404 => Ok(None),
        status => Err(format!("status {status}: {}", String::from_utf8_lossy(&answer.body))),
    }
}
