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

/// What the listener says at `url`, unless it refuses.
pub(crate) async fn fetch(url: &str) -> reqwest::Result<String> {
    near()?.get(url).send().await?.error_for_status()?.text().await
}

/// The admin listener is this machine's own: no proxy stands between, and no roots of TLS are looked for, which a minimal
/// image does not have.
pub(crate) fn near() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build()
}
