//! `jurat attest`: the running service's report. A process of its own would have another key.

use crate::{
    cli::AttestOptions,
    exit::{Code, Failure, print},
    selfcheck::fresh_nonce,
    verify::block_on,
};

pub(crate) fn run(options: AttestOptions) -> Result<Code, Failure> {
    let nonce = match options.nonce {
        Some(nonce) => nonce,
        None => fresh_nonce()?,
    };
    let url = format!("{}/report?nonce={nonce}", options.admin.trim_end_matches('/'));
    let report = block_on(fetch(&url))?.map_err(|error| {
        Failure::unavailable(error.without_url())
            .hint(format_args!("is `jurat serve` running, with its admin listener at {}?", options.admin))
    })?;
    print(report);
    Ok(Code::Done)
}

/// The admin listener is this machine's own: no proxy stands between.
pub(crate) async fn fetch(url: &str) -> reqwest::Result<String> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    client.get(url).send().await?.error_for_status()?.text().await
}
