//! The client: one pool of connections, a handful of questions.

use std::{error::Error, time::Duration};

use jurat_proto::{Address, Binding, Digest, HexError, Nonce, SignatureRecord, UnixSeconds};
use jurat_verify::{Inputs, MAX_REPORT, Policy, Verdict, verify_report};
use reqwest::{Response, StatusCode, Url, header::HeaderMap, redirect};
use serde::Deserialize;

use crate::{
    BaseUrl, Channel, ClientError, Material, Met, Missing, body,
    channel::{self, Acquaintance},
};

const CONNECT: Duration = Duration::from_secs(10);
/// A report takes seconds of the devices' time, and may wait its turn behind others.
const ANSWER: Duration = Duration::from_secs(120);
const MAX_RECORD: usize = 64 << 10;
/// As long as the longest page can be.
const MAX_PAGE: usize = PAGE * MAX_RECORD;
/// Lines of a page of an export.
const PAGE: usize = 1000;
/// More chains than an audit keeps apart.
const MAX_CHAIN_LIST: usize = 32 << 20;
const MAX_REDIRECTS: usize = 3;

/// Fetches what the judge needs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    /// Shown with every question.
    credentials: HeaderMap,
}

/// A verdict with the report that it is about, as it was served: what `--save` keeps.
#[derive(Debug)]
pub struct Judged {
    /// The judge's word.
    pub verdict: Verdict,
    /// The report's JSON.
    pub report: String,
    /// What vendors said of it, if they were asked.
    pub material: Material,
}

impl Client {
    /// Sets up TLS with `ring` and the system's roots. The roots guard the errand's privacy, not its
    /// outcome: what a report proves does not rest on who served it.
    pub fn new() -> Result<Self, ClientError> {
        Self::of(reqwest::Client::builder())
    }

    /// The same without any proxy of the environment: for an admin listener, which is near.
    pub fn direct() -> Result<Self, ClientError> {
        Self::of(reqwest::Client::builder().no_proxy())
    }

    /// The same client, which says with every question who asks: for an admin listener that has a door, and for services
    /// that give a receipt only to whoever asked for the answer.
    pub fn presenting(self, credentials: HeaderMap) -> Self {
        Self { credentials, ..self }
    }

    /// For all that follows upon a verification: the TLS key must be the one that it established.
    pub fn over(channel: Channel) -> Result<Self, ClientError> {
        Self::of(channel.builder()?)
    }

    /// The report as [`fetch_report`](Self::fetch_report) has it, and whose TLS key was at the other end of that very
    /// connection. Any certificate will do for this, as the question is no secret and the report proves itself:
    /// [`Channel::after`] says whom to believe from here on.
    pub async fn meet(base: &BaseUrl, nonce: &Nonce, binding: Binding) -> Result<Met, ClientError> {
        let acquaintance = Acquaintance::default();
        let client = Self::of(acquaintance.builder()?)?;
        let response = client.ask(report_url(base, nonce, binding)).await?;
        let peer = acquaintance.peer(&response)?;
        Ok(Met { report: report_of(response).await?, peer })
    }

    fn of(builder: reqwest::ClientBuilder) -> Result<Self, ClientError> {
        channel::provide();
        let http = builder
            .user_agent(concat!("jurat/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(redirect::Policy::custom(within_the_origin))
            .build()
            .map_err(|error| ClientError::Setup(cause(&error)))?;
        Ok(Self { http, credentials: HeaderMap::new() })
    }

    /// The report over `nonce` under `binding`, as it was served and judged by nobody. At most 16 MiB.
    pub async fn fetch_report(
        &self,
        base: &BaseUrl,
        nonce: &Nonce,
        binding: Binding,
    ) -> Result<String, ClientError> {
        report_of(self.ask(report_url(base, nonce, binding)).await?).await
    }

    /// The report that the service's archive keeps of a signer, of these claims if a hash of them is given. If
    /// they are the live signer's, it is the live report, as old as it says. Judged by nobody.
    pub async fn fetch_kept_report(
        &self,
        base: &BaseUrl,
        signer: &Address,
        claims_hash: Option<&Digest>,
    ) -> Result<String, ClientError> {
        let mut url = base.join(["attestation", "report"]);
        url.query_pairs_mut()
            .append_pair("signing_address", &signer.to_string())
            .append_pair("binding", Binding::JuratV1.as_str());
        if let Some(claims_hash) = claims_hash {
            url.query_pairs_mut().append_pair("claims_hash", &claims_hash.to_string());
        }
        let response = self.ask(url).await?;
        match response.status() {
            StatusCode::OK => body::text(response, MAX_REPORT).await,
            StatusCode::NOT_FOUND => Err(ClientError::NoReport { signer: *signer }),
            _ => Err(body::refusal(response).await),
        }
    }

    /// The record under a receipt id or an engine's answer id. At most 64 KiB.
    pub async fn fetch_record(&self, base: &BaseUrl, id: &str) -> Result<SignatureRecord, ClientError> {
        let response = self.ask(base.join(["signature", id])).await?;
        match response.status() {
            StatusCode::OK => {
                let text = body::text(response, MAX_RECORD).await?;
                jurat_verify::read_record(&text).map_err(ClientError::Illegible)
            }
            StatusCode::NOT_FOUND => {
                let missing = match body::refusal(response).await {
                    ClientError::Refused { code: Some(code), .. } if code == "receipt_expired" => {
                        Missing::Expired
                    }
                    _ => Missing::Unknown,
                };
                Err(ClientError::NoReceipt { id: id.to_owned(), missing })
            }
            _ => Err(body::refusal(response).await),
        }
    }

    /// Names of the chains that the archive behind an admin listener keeps receipts of.
    pub async fn fetch_chains(&self, admin: &BaseUrl) -> Result<Vec<Digest>, ClientError> {
        #[derive(Deserialize)]
        struct Chain {
            chain: String,
        }
        #[derive(Deserialize)]
        struct Chains {
            chains: Vec<Chain>,
        }

        let response = self.ask(admin.join(["receipts", "chains"])).await?;
        if response.status() != StatusCode::OK {
            return Err(body::refusal(response).await);
        }
        let text = body::text(response, MAX_CHAIN_LIST).await?;
        let illegible = |error: String| ClientError::Illegible(error);
        let Chains { chains } = serde_json::from_str(&text).map_err(|error| illegible(error.to_string()))?;
        chains
            .iter()
            .map(|one| one.chain.parse().map_err(|error: HexError| illegible(error.to_string())))
            .collect()
    }

    /// The live chain's signed head, a line of JSON as it was served.
    pub async fn fetch_head(&self, admin: &BaseUrl) -> Result<String, ClientError> {
        let response = self.ask(admin.join(["receipts", "head"])).await?;
        match response.status() {
            StatusCode::OK => body::text(response, MAX_RECORD).await,
            _ => Err(body::refusal(response).await),
        }
    }

    /// A page of a chain's export, behind the place `after`: at most a thousand lines, as they were served.
    pub async fn fetch_page(
        &self,
        admin: &BaseUrl,
        chain: &Digest,
        after: u64,
    ) -> Result<String, ClientError> {
        let mut url = admin.join(["receipts"]);
        url.query_pairs_mut()
            .append_pair("chain", &format!("0x{chain}"))
            .append_pair("after", &after.to_string())
            .append_pair("limit", &PAGE.to_string());
        let response = self.ask(url).await?;
        match response.status() {
            StatusCode::OK => body::text(response, MAX_PAGE).await,
            _ => Err(body::refusal(response).await),
        }
    }

    /// Asks for a report over `nonce` under the policy's preferred binding, and has it judged as of `now`.
    ///
    /// Genuine quotes need `collateral`; without it the judge skips `tdx.quote`, and the verdict is undecided.
    pub async fn verify_live(
        &self,
        base: &BaseUrl,
        policy: &Policy,
        nonce: Nonce,
        now: UnixSeconds,
        collateral: Option<&str>,
    ) -> Result<Judged, ClientError> {
        let binding = policy.bindings.first().copied().unwrap_or(Binding::JuratV1);
        let report = self.fetch_report(base, &nonce, binding).await?;
        let inputs = Inputs { collateral, ..Inputs::live(now).nonce(nonce) };
        let verdict = verify_report(&report, policy, inputs);
        Ok(Judged { verdict, report, material: Material::default() })
    }

    async fn ask(&self, url: Url) -> Result<Response, ClientError> {
        self.http.get(url).headers(self.credentials.clone()).send().await.map_err(|error| unreachable(&error))
    }
}

fn report_url(base: &BaseUrl, nonce: &Nonce, binding: Binding) -> Url {
    let mut url = base.join(["attestation", "report"]);
    // binding= always goes along: no path or older parameter may choose a weaker one
    url.query_pairs_mut().append_pair("nonce", &nonce.to_string()).append_pair("binding", binding.as_str());
    url
}

async fn report_of(response: Response) -> Result<String, ClientError> {
    match response.status() {
        StatusCode::OK => body::text(response, MAX_REPORT).await,
        _ => Err(body::refusal(response).await),
    }
}

/// A redirect may move within the host that was named, and nowhere else.
fn within_the_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    match (same, attempt.previous().len() > MAX_REDIRECTS) {
        (true, false) => attempt.follow(),
        (true, true) => attempt.error("it redirects without end"),
        (false, _) => attempt.error("it redirects to another host"),
    }
}

pub(crate) fn unreachable(error: &reqwest::Error) -> ClientError {
    let url = error.url().map(Url::to_string).unwrap_or_default();
    ClientError::Unreachable { url, reason: cause(error) }
}

/// The cause at the bottom of the chain: the others only say that something went wrong.
pub fn cause(error: &reqwest::Error) -> String {
    let mut bottom: &dyn Error = error;
    while let Some(next) = bottom.source() {
        bottom = next;
    }
    bottom.to_string()
}

#[cfg(test)]
mod tests;
