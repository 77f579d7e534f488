//! What the demonstration does, step by step. Whatever does not hold ends it.

use std::time::{Duration, Instant};

use jurat_client::{BaseUrl, Client};
use jurat_proto::SignatureRecord;
use jurat_verify::{Outcome, Policy, TrustedSigner, Verdict};
use serde_json::json;

use crate::{
    exit::{Failure, print},
    selfcheck::fresh_nonce,
    service::{Running, now},
};

/// The policies that must refuse a simulated service.
const REFUSING: [&str; 3] = ["production", "permissive", "0g"];

struct Stage<'a> {
    base_text: String,
    base: BaseUrl,
    client: Client,
    http: reqwest::Client,
    model: &'a str,
}

struct Answer {
    id: String,
    request: Vec<u8>,
    response: Vec<u8>,
}

pub(super) async fn tell(running: &Running, model: &str) -> Result<(), Failure> {
    let base_text = format!("http://{}", running.address);
    let stage = Stage {
        base: base_text.parse().map_err(Failure::unavailable)?,
        base_text,
        client: Client::new().map_err(Failure::unavailable)?,
        http: reqwest::Client::builder().no_proxy().build().map_err(Failure::unavailable)?,
        model,
    };
    title("1. Is this the hardware and the software I accept? (policy `simulated`)");
    let verdict = stage.verdict("simulated").await?;
    print(verdict.to_string().trim_end());
    let signer =
        verdict.trusted_signer().ok_or_else(|| Failure::refuted("the simulated report was not trusted"))?;
    if *signer.address() != running.signer {
        return Err(Failure::refuted("the report names another signer than the service's own"));
    }

    title("2. A plain answer, and who swore to it");
    let plain = stage.ask(false).await?;
    stage.judge(signer, &plain).await?;

    title("3. A streamed answer: its receipt is there as soon as [DONE] is");
    let streamed = stage.ask(true).await?;
    stage.judge(signer, &streamed).await?;

    title("4. One byte of the answer changed: refused");
    let mut tampered = Answer { response: streamed.response.clone(), ..plain };
    tampered.id = streamed.id;
    tampered.request = streamed.request;
    if let Some(byte) = tampered.response.get_mut(10) {
        *byte ^= 1;
    }
    let record = stage.record(&tampered).await?;
    let verdict = signer.check(&record, &tampered.request, &tampered.response);
    print(verdict.to_string().trim_end());
    if verdict.outcome() != Outcome::Refuted {
        return Err(Failure::refuted("a tampered answer was not refuted"));
    }

    title("5. No policy for hardware takes the simulation for hardware");
    for name in REFUSING {
        let verdict = stage.verdict(name).await?;
        print(format_args!("{name:<11} {}", verdict.outcome()));
        if verdict.outcome() != Outcome::Refuted {
            return Err(Failure::refuted(format_args!(
                "the policy {name} did not refute a simulated report"
            )));
        }
    }
    Ok(())
}

impl Stage<'_> {
    async fn verdict(&self, policy: &str) -> Result<Verdict, Failure> {
        let policy =
            Policy::named(policy).ok_or_else(|| Failure::unavailable("a built-in policy is missing"))?;
        let judged =
            self.client.verify_live(&self.base, &policy, fresh_nonce()?, now().seconds(), None).await;
        Ok(judged.map_err(Failure::unavailable)?.verdict)
    }

    async fn ask(&self, stream: bool) -> Result<Answer, Failure> {
        let body = json!({
            "model": self.model,
            "messages": [{ "role": "user", "content": "Who are you?" }],
            "max_tokens": 64,
            "stream": stream,
        });
        let request = body.to_string().into_bytes();
        let began = Instant::now();
        let post = self.http.post(format!("{}/v1/chat/completions", self.base_text));
        let post = post.header("content-type", "application/json").timeout(Duration::from_secs(120));
        let response = post.body(request.clone()).send().await.map_err(Failure::unavailable)?;
        let status = response.status();
        let id = response.headers().get("x-receipt-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let response = response.bytes().await.map_err(Failure::unavailable)?.to_vec();
        print(format_args!("{status} in {} ms, {} bytes:", began.elapsed().as_millis(), response.len()));
        print(String::from_utf8_lossy(&response).trim_end());
        if !status.is_success() {
            return Err(Failure::unavailable("the engine gave no answer"));
        }
        let id = id.ok_or_else(|| Failure::refuted("the answer carries no receipt id"))?;
        Ok(Answer { id, request, response })
    }

    async fn record(&self, answer: &Answer) -> Result<SignatureRecord, Failure> {
        self.client.fetch_record(&self.base, &answer.id).await.map_err(Failure::refuted)
    }

    async fn judge(&self, signer: &TrustedSigner, answer: &Answer) -> Result<(), Failure> {
        let record = self.record(answer).await?;
        let verdict = signer.check(&record, &answer.request, &answer.response);
        print(verdict.to_string().trim_end());
        if verdict.outcome().is_trusted() {
            Ok(())
        } else {
            Err(Failure::refuted("an answer was not trusted"))
        }
    }
}

fn title(text: &str) {
    print(format_args!("\n== {text}\n"));
}
