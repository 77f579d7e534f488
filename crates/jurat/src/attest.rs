//! `jurat attest`: the running service's report, or a certificate request for its TLS key. A process of its own would
//! have other keys.

use reqwest::{StatusCode, Url, header::HeaderMap};

use crate::{
    cli::AttestOptions,
    exit::{Code, Failure, print},
    selfcheck::fresh_nonce,
    tokens::credentials,
    verify::block_on,
};

pub(crate) fn run(options: AttestOptions) -> Result<Code, Failure> {
    let (route, key, value) = match options.csr {
        Some(names) => ("csr", "name", names),
        None => {
            let nonce = options.nonce.map_or_else(fresh_nonce, Ok)?;
            ("report", "nonce", nonce.to_string())
        }
    };
    let mut url: Url = format!("{}/{route}", options.admin.trim_end_matches('/'))
        .parse()
        .map_err(|error| Failure::usage(format_args!("{}: {error}", options.admin)))?;
    url.query_pairs_mut().append_pair(key, &value);
    let credentials = credentials(&options.token)?;
    let (status, text) = block_on(ask(url, credentials))?.map_err(|error| unheard(error, &options.admin))?;
    match status {
        StatusCode::OK => {
            print(text.trim_end());
            Ok(Code::Done)
        }
        status => Err(refused(status, &text)),
    }
}

/// Nobody answered at the admin listener's address.
pub(crate) fn unheard(error: reqwest::Error, admin: &str) -> Failure {
    Failure::unavailable(error.without_url())
        .hint(format_args!("is `jurat serve` running, with its admin listener at {admin}?"))
}

/// The listener's own words, if it has any; a name that it does not take is the caller's mistake.
fn refused(status: StatusCode, text: &str) -> Failure {
    let body: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let said = body.as_ref().and_then(|body| body["error"]["message"].as_str());
    let said = said.map_or_else(|| format!("the admin listener answered {status}"), str::to_owned);
    if status == StatusCode::BAD_REQUEST { Failure::usage(said) } else { Failure::unavailable(said) }
}

async fn ask(url: Url, credentials: HeaderMap) -> reqwest::Result<(StatusCode, String)> {
    let answer = near()?.get(url).headers(credentials).send().await?;
    Ok((answer.status(), answer.text().await?))
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
