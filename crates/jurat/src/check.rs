//! `jurat check`: is this answer sworn to by it?

use std::path::Path;

use jurat_client::{BaseUrl, Client, ClientError, Judged};
use jurat_proto::{Nonce, SignatureRecord};
use jurat_verify::{Verdict, read_record};

use crate::{
    answer, bundle,
    cli::{CheckOptions, JudgingOptions, TokenOptions},
    exit::{Code, Failure, print, say},
    export,
    material::Judge,
    tokens::credentials,
    verify::{Live, base, block_on, kept, read, show},
};

pub(crate) fn run(options: CheckOptions) -> Result<Code, Failure> {
    if let Some(path) = &options.bundle {
        return bundle::check(path, &options);
    }
    let CheckOptions {
        url: Some(url), id: Some(id), request: Some(request), response: Some(response), ..
    } = &options
    else {
        return Err(Failure::usage("an answer is checked with --url, --id, --request and --response"));
    };
    let (request, response) = (read(request)?, read(response)?);
    let (json, at) = (options.judging.json, options.judging.at);
    let Sworn { judged, record, .. } = match sworn(url, id, &options.token, &options.judging)? {
        Ok(sworn) => sworn,
        Err(verdict) => return Ok(show(&verdict, json, at)),
    };
    // Only a trusted report yields a signer, and only a signer can check a receipt.
    let Some(signer) = judged.verdict.trusted_signer() else {
        return Ok(show(&judged.verdict, json, at));
    };
    if !json {
        print(judged.verdict.to_string().trim_end());
    }
    let neighbours = options.export.as_deref().map(|path| neighbours(path, &record)).transpose()?;
    let neighbours = neighbours.as_deref().unwrap_or_default();
    let verdict = signer.check_held(&record, &request, &response, neighbours);
    Ok(show(&verdict, json, at))
}

/// A record, and the judgement of the report under which it was sworn, as far as anybody can say.
pub(crate) struct Sworn {
    pub(crate) record: SignatureRecord,
    pub(crate) judged: Judged,
    pub(crate) judge: Judge,
    /// Of the live report; `None` of one that was kept.
    pub(crate) nonce: Option<Nonce>,
}

/// Fetches an answer's record and the report of its signer, or gives the verdict on a service that has neither.
pub(crate) fn sworn(
    url: &str,
    id: &str,
    token: &TokenOptions,
    options: &JudgingOptions,
) -> Result<Result<Sworn, Verdict>, Failure> {
    let (credentials, base) = (credentials(token)?, base(url)?);
    let live = Live::fetch(&base, options)?;
    let client = live.errand()?;
    let Live { judge, nonce, judged, .. } = live;
    // A token is shown to a service that has proved itself, and to nobody else.
    let credentials = judged.verdict.trusted_signer().map(|_| credentials).unwrap_or_default();
    let record = match block_on(client.clone().presenting(credentials).fetch_record(&base, id))? {
        Ok(record) => record,
        // Without trust in the service, what it does not have is no news.
        Err(_) if judged.verdict.trusted_signer().is_none() => return Ok(Err(judged.verdict)),
        Err(error) => return Err(Failure::unavailable(error)),
    };
    if is_of(&record, &judged.verdict) {
        return Ok(Ok(Sworn { record, judged, judge, nonce: Some(nonce) }));
    }
    Ok(Ok(match past(&client, &base, &record, &judge, options.at)? {
        Some(judged) => Sworn { record, judged, judge, nonce: None },
        // A stranger's record, as far as anybody can say: the live signer's check refuses it.
        None => Sworn { record, judged, judge, nonce: Some(nonce) },
    }))
}

/// Whether the record was sworn to by the signer of this report, under its claims.
fn is_of(record: &SignatureRecord, live: &Verdict) -> bool {
    match live.trusted_signer() {
        Some(signer) => answer::is_of(record, signer),
        None => live.signing_address() == Some(&record.signing_address),
    }
}

/// The archived report of the record's signer, judged; `None` if the service keeps none.
fn past(
    client: &Client,
    base: &BaseUrl,
    record: &SignatureRecord,
    judge: &Judge,
    at: Option<u64>,
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
    kept(report, judge, at).map(Some)
}

/// The records of an export that stand beside this one.
pub(crate) fn neighbours(path: &Path, record: &SignatureRecord) -> Result<Vec<SignatureRecord>, Failure> {
    let (chain, at) = (record.receipt.chain, record.receipt.sequence);
    let mut found = Vec::new();
    for row in export::rows(&path.to_string_lossy())? {
        let parsed = row?.ok().and_then(|line| read_record(&line).ok());
        let beside = |other: &SignatureRecord| {
            other.receipt.chain == chain && other.receipt.sequence.abs_diff(at) <= 1
        };
        found.extend(parsed.filter(beside));
    }
    Ok(found)
}
