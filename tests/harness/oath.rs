//! Judges what the sidecar swears with nothing but `jurat-proto`.

use std::time::Duration;

use jurat_proto::{
    Address, Claims, Digest, End, ReportBody, SignatureRecord, message_digest, sha256, signature_text,
};
use tokio::time::{Instant, sleep};

use crate::{client::Answer, sidecar::Sidecar};

/// A signer as its report names it. That the report is genuine is the judge's business, not ours here.
#[derive(Debug, Clone)]
pub struct Oath {
    /// The signer.
    pub address: Address,
    /// SHA-256 of its `claims` string.
    pub claims_hash: Digest,
    /// Its chain.
    pub chain: Digest,
}

/// What a receipt must say.
#[derive(Debug, Clone)]
pub struct Expected<'a> {
    /// How the exchange ended.
    pub end: End,
    /// The status as sent.
    pub status: u16,
    /// Method, space, path at the engine.
    pub endpoint: &'a str,
    /// The request's body.
    pub request: &'a [u8],
    /// The answer's body; `None` where the client cannot know all that was released.
    pub response: Option<&'a [u8]>,
}

impl Oath {
    /// Reads the signer from the sidecar's `jurat-v1` report.
    pub async fn of(sidecar: &Sidecar) -> Self {
        let answer = sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await;
        assert_eq!(answer.status(), 200, "the report: {}", String::from_utf8_lossy(&answer.body));
        Self::from_report(&answer.body).unwrap_or_else(|broken| panic!("the report breaks: {broken}"))
    }

    /// Reads the signer from a `jurat-v1` report, a live one or one from the archive.
    pub fn from_report(json: &[u8]) -> Result<Self, String> {
        let report: ReportBody = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let claims = report.claims.ok_or("a jurat-v1 report has claims")?;
        let parsed: Claims = serde_json::from_str(&claims).map_err(|error| error.to_string())?;
        let address: Address =
            report.signing_address.parse().map_err(|_| "signing_address is no address".to_owned())?;
        if address != parsed.signing_address {
            return Err("report and claims name two signers".into());
        }
        if address != parsed.signing_public_key.address() {
            return Err("the key in the claims is not the address's".into());
        }
        Ok(Self { address, claims_hash: sha256(claims.as_bytes()), chain: parsed.chain })
    }

    /// Fetches the record at once, as a client does behind the last byte: not found is a failure.
    pub async fn fetch(sidecar: &Sidecar, id: &str) -> SignatureRecord {
        let answer = sidecar.fetch(&format!("/signature/{id}")).await;
        assert_eq!(answer.status(), 200, "a receipt must be fetchable at once: {:?}", answer.json());
        parse(&answer)
    }

    /// Fetches the record of an exchange that its client left: the sidecar may need a moment to notice.
    pub async fn fetch_within(sidecar: &Sidecar, id: &str, limit: Duration) -> SignatureRecord {
        let until = Instant::now() + limit;
        loop {
            let answer = sidecar.fetch(&format!("/signature/{id}")).await;
            if answer.status() == 200 {
                return parse(&answer);
            }
            assert!(Instant::now() < until, "no receipt of {id} within {limit:?}: {:?}", answer.json());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every rule that a record must keep; the error names those that it broke.
    pub fn judge(&self, record: &SignatureRecord, expected: &Expected<'_>) -> Result<(), String> {
        let receipt = &record.receipt;
        let mut broken = Vec::new();
        let mut rule = |kept: bool, what: String| {
            if !kept {
                broken.push(what);
            }
        };
        rule(receipt.end == expected.end, format!("end is {}, not {}", receipt.end, expected.end));
        rule(
            receipt.status == expected.status,
            format!("status is {}, not {}", receipt.status, expected.status),
        );
        rule(
            receipt.endpoint == expected.endpoint,
            format!("endpoint is {:?}, not {:?}", receipt.endpoint, expected.endpoint),
        );
        rule(
            receipt.request_hash == sha256(expected.request),
            "requestHash is not the hash of the body that was sent".into(),
        );
        rule(
            receipt.forwarded_hash == receipt.request_hash || receipt.forwarded_hash == Digest::ZERO,
            "forwardedHash is neither requestHash nor zero, and no rewrite is configured".into(),
        );
        if let Some(response) = expected.response {
            rule(
                receipt.response_hash == sha256(response),
                "responseHash is not the hash of the body that came".into(),
            );
            rule(
                receipt.response_length == response.len() as u64,
                format!("responseLength is {}, but {} bytes came", receipt.response_length, response.len()),
            );
        }
        rule(receipt.received_at <= receipt.finished_at, "finishedAt is before receivedAt".into());
        rule(receipt.claims_hash == self.claims_hash, "claimsHash is not that of the report's claims".into());
        rule(receipt.chain == self.chain, "chain is not that of the report's claims".into());
        rule(receipt.sequence >= 1, "sequence begins at 1".into());
        let extras = record.extras.as_ref().map_or(Digest::ZERO, |extras| sha256(extras.as_bytes()));
        rule(receipt.extras_hash == extras, "extrasHash is not that of the extras".into());
        rule(record.signing_address == self.address, "signing_address is not the report's".into());
        rule(record.signing_algo == "ecdsa", "signing_algo is not ecdsa".into());
        let signer = record.receipt_signature.recover(&receipt.digest()).map(|key| key.address());
        rule(signer == Ok(self.address), format!("receipt_signature recovers to {signer:?}"));
        match (&record.text, &record.signature, receipt.end) {
            (Some(text), Some(signature), End::Complete) => {
                rule(
                    *text == signature_text(&receipt.request_hash, &receipt.response_hash),
                    "text is not hex(requestHash):hex(responseHash)".into(),
                );
                let signer = signature.recover(&message_digest(text)).map(|key| key.address());
                rule(signer == Ok(self.address), format!("signature recovers to {signer:?}"));
            }
            (None, None, end) if end != End::Complete => {}
            _ => rule(false, "text and signature must exist exactly when end is complete".into()),
        }
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }

    /// [`fetch`](Self::fetch), then [`judge`](Self::judge).
    pub async fn holds(&self, sidecar: &Sidecar, id: &str, expected: &Expected<'_>) -> SignatureRecord {
        let record = Self::fetch(sidecar, id).await;
        self.require(&record, expected);
        record
    }

    /// [`judge`](Self::judge), or a panic that names the broken rules.
    pub fn require(&self, record: &SignatureRecord, expected: &Expected<'_>) {
        if let Err(broken) = self.judge(record, expected) {
            panic!("the receipt breaks: {broken}\n{record:#?}");
        }
    }
}

/// 32 random bytes as hex.
pub fn random_nonce() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    hex::encode(bytes)
}

fn parse(answer: &Answer) -> SignatureRecord {
    serde_json::from_slice(&answer.body)
        .unwrap_or_else(|error| panic!("a record: {error}: {}", String::from_utf8_lossy(&answer.body)))
}
