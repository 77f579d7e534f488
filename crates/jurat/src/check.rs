//! `jurat check`: is this answer sworn to by it?

use std::path::Path;

use jurat_client::{BaseUrl, Client, ClientError};
use jurat_proto::SignatureRecord;
use jurat_verify::{BodyDigests, Policy, Verdict};

use crate::{
    cli::{CheckOptions, JudgingOptions},
    exit::{Code, Failure, say},
    export, policy,
    verify::{Judged, block_on, errand, read, read_text, show},
};

pub(crate) fn run(options: CheckOptions) -> Result<Code, Failure> {
    let (request, response) = (read(&options.request)?, read(&options.response)?);
    let (json, at) = (options.judging.json, options.judging.at);
    let policy = policy::load_with(&options.judging.policy, &options.judging.reference)?;
    let live = Judged::live(&options.url, &policy, &options.judging)?;
    let (client, base) = errand(&options.url)?;
    let record = match block_on(client.fetch_record(&base, &options.id))? {
        Ok(record) => record,
        // Without trust in the service, what it does not have is no news.
        Err(_) if live.verdict.trusted_signer().is_none() => return Ok(show(&live.verdict, json, at)),
        Err(error) => return Err(Failure::unavailable(error)),
    };
    let judged = if is_of(&record, &live.verdict) {
        live
    } else {
        let kept = kept(&client, &base, &record, &policy, &options.judging)?;
        // A stranger's record, as far as anybody can say: the live signer's check refuses it.
        kept.unwrap_or(live)
    };
    // Only a trusted report yields a signer, and only a signer can check a receipt.
    let Some(signer) = judged.verdict.trusted_signer() else {
        return Ok(show(&judged.verdict, json, at));
    };
    if !json {
        crate::exit::print(judged.verdict.to_string().trim_end());
    }
    let neighbours = options.export.as_deref().map(|path| neighbours(path, &record)).transpose()?;
    let bodies = BodyDigests::of(&request, &response);
    let verdict = signer.check_among(&record, &bodies, neighbours.as_deref().unwrap_or_default());
    Ok(show(&verdict, json, at))
}

/// Whether the record was sworn to by the signer of this report, under its claims.
fn is_of(record: &SignatureRecord, live: &Verdict) -> bool {
    let claims = live.trusted_signer().and_then(|signer| signer.claims_hash());
    live.signing_address() == Some(&record.signing_address)
        && claims.is_none_or(|claims| *claims == record.receipt.claims_hash)
}

/// The archived report of the record's signer, judged; `None` if the service keeps none.
fn kept(
    client: &Client,
    base: &BaseUrl,
    record: &SignatureRecord,
    policy: &Policy,
    options: &JudgingOptions,
) -> Result<Option<Judged>, Failure> {
    let (signer, claims) = (&record.signing_address, &record.receipt.claims_hash);
    let report = match block_on(client.fetch_kept_report(base, signer, Some(claims)))? {
        Ok(report) => report,
        Err(error @ ClientError::NoReport { .. }) => {
            say(format_args!("the receipt was not sworn to under the live report, and {error}"));
            return Ok(None);
        }
        Err(error) => return Err(Failure::unavailable(error)),
    };
    say(format_args!(
        "{signer} swore to it under an earlier report: judged by that, from the service's archive"
    ));
    let collateral = options.collateral.as_deref().map(read_text).transpose()?;
    Ok(Some(Judged::kept(report, policy, options.at, collateral.as_deref())))
}

/// The records of an export that stand beside this one.
fn neighbours(path: &Path, record: &SignatureRecord) -> Result<Vec<SignatureRecord>, Failure> {
    let (chain, at) = (record.receipt.chain, record.receipt.sequence);
    let mut found = Vec::new();
    for row in export::rows(&path.to_string_lossy())? {
        let parsed = row?.ok().and_then(|line| serde_json::from_str::<SignatureRecord>(&line).ok());
        let beside = |other: &SignatureRecord| {
            other.receipt.chain == chain && other.receipt.sequence.abs_diff(at) <= 1
        };
        found.extend(parsed.filter(beside));
    }
    Ok(found)
}
