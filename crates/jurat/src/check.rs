//! `jurat check`: is this answer sworn to by it?

use crate::{
    cli::CheckOptions,
    exit::{Code, Failure},
    verify::{Judged, block_on, code, errand, read, show},
};

pub(crate) fn run(options: CheckOptions) -> Result<Code, Failure> {
    let (request, response) = (read(&options.request)?, read(&options.response)?);
    let judged = Judged::live(&options.url, &options.judging)?;
    // Only a trusted report yields a signer, and only a signer can check a receipt.
    let Some(signer) = judged.verdict.trusted_signer() else {
        show(&judged.verdict, options.judging.json);
        return Ok(code(judged.verdict.outcome()));
    };
    let (client, base) = errand(&options.url)?;
    let record = block_on(client.fetch_record(&base, &options.id))?.map_err(Failure::unavailable)?;
    if !options.judging.json {
        show(&judged.verdict, false);
    }
    Ok(show(&signer.check(&record, &request, &response), options.judging.json))
}
