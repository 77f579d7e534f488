//! One answer before its judge, for the commands that ask themselves: what was witnessed on this side of the wire
//! against what the service swears.

use std::{fmt, time::Duration};

use jurat_client::{BaseUrl, Client, ClientError, Missing};
use jurat_proto::{Digest, Nonce, ReceiptId, SignatureRecord};
use jurat_verify::{BodyDigests, Outcome, Status, TrustedSigner, Verdict};
use jurat_witness::{Answer, Family, Framing, Shape, Statement};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, TRANSFER_ENCODING,
};

/// How long a replica of the service may take to see the receipt that another one stored, and a network to be well again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(1000),
];
/// How long a receipt may take altogether. It is there before the answer ends.
const RECEIPT: Duration = Duration::from_secs(30);

/// What became of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Ruling {
    pub(crate) outcome: Outcome,
    /// The check that decided, by its name in `docs/verify.md` or `docs/connect.md`; empty for a trusted answer.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// The judge's transcript, if there was a receipt to judge.
    pub(crate) transcript: Option<Verdict>,
}

impl Ruling {
    /// Not to be relied upon: `code` says by what.
    pub(crate) fn refused(code: &'static str, reason: impl fmt::Display) -> Self {
        let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let reason = reason.to_string().chars().map(shown).collect();
        Self { outcome: Outcome::Refuted, code, reason, transcript: None }
    }

    /// Nothing is known against it, and nothing that vouches for it.
    pub(crate) fn undecided(code: &'static str, reason: impl fmt::Display) -> Self {
        Self { outcome: Outcome::Undecided, ..Self::refused(code, reason) }
    }

    pub(crate) fn is_trusted(&self) -> bool {
        self.outcome.is_trusted()
    }
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_trusted() {
            true => write!(f, "{}", self.outcome),
            false => write!(f, "{} {}: {}", self.outcome, self.code, self.reason),
        }
    }
}

/// Fetches the receipt. It is stored before the answer can end: a moment is given to services of several replicas, and to
/// connections that broke.
pub(crate) async fn receipt(
    client: &Client,
    base: &BaseUrl,
    id: &ReceiptId,
    credentials: &HeaderMap,
) -> Result<SignatureRecord, Ruling> {
    let (client, id) = (client.clone().presenting(credentials.clone()), id.to_string());
    let asking = async {
        let mut pauses = PAUSES.iter();
        loop {
            let error = match client.fetch_record(base, &id).await {
                Ok(record) => return Ok(record),
                Err(error) => error,
            };
            let unknown = matches!(error, ClientError::NoReceipt { missing: Missing::Unknown, .. });
            let passing = unknown || matches!(error, ClientError::Unreachable { .. });
            match pauses.next().filter(|_| passing) {
                Some(pause) => tokio::time::sleep(*pause).await,
                None if unknown => {
                    return Err(Ruling::refused("receipt.unknown", "the service has no such receipt"));
                }
                None => return Err(Ruling::undecided("receipt.unavailable", error)),
            }
        }
    };
    match tokio::time::timeout(RECEIPT, asking).await {
        Ok(found) => found,
        Err(_) => Err(Ruling::undecided("receipt.unavailable", "the service did not give it in time")),
    }
}

/// Whether the record was sworn to by this signer, under its claims. Whether it holds is for [`rule`] to say.
pub(crate) fn is_of(record: &SignatureRecord, signer: &TrustedSigner) -> bool {
    record.signing_address == *signer.address()
        && signer.claims_hash().is_none_or(|claims| *claims == record.receipt.claims_hash)
}

/// Compares what is sworn with what was witnessed here.
pub(crate) fn rule(
    signer: &TrustedSigner,
    record: &SignatureRecord,
    id: &ReceiptId,
    witnessed: &Statement,
) -> Ruling {
    let bodies = BodyDigests {
        request: witnessed.request_hash(),
        response: witnessed.response_hash(),
        response_length: witnessed.response_length(),
        client_nonce: Some(witnessed.client_nonce()),
    };
    let verdict = signer.check_digests(record, &bodies);
    let against = |code, reason: String| Ruling {
        outcome: if verdict.outcome().is_trusted() { Outcome::Refuted } else { verdict.outcome() },
        code,
        reason,
        transcript: Some(verdict.clone()),
    };
    if !verdict.outcome().is_trusted() {
        let decisive = |status| verdict.checks().iter().find(move |check| check.status == status);
        let decisive = decisive(Status::Fail).or_else(|| decisive(Status::Skip));
        return match decisive {
            Some(check) => against(check.id.as_str(), check.reason.clone()),
            None => against("receipt.signature", "a required check is missing".into()),
        };
    }
    let sworn = &record.receipt;
    if sworn.id != *id {
        return against("receipt.id", "the receipt that the service gives for this id has another".into());
    }
    if sworn.endpoint != witnessed.endpoint() {
        return against("receipt.endpoint", format!("sworn to as the answer of {}", sworn.endpoint));
    }
    if sworn.status != witnessed.status() {
        let (sworn, came) = (sworn.status, witnessed.status());
        return against("receipt.status", format!("sworn to with status {sworn}, and it came with {came}"));
    }
    let (code, reason) = ("", String::new());
    Ruling { outcome: verdict.outcome(), code, reason, transcript: Some(verdict) }
}

/// The challenge of a request as its receipt has it.
pub(crate) fn challenge(nonce: &Nonce) -> Digest {
    Digest::new(*nonce.as_bytes())
}

/// What the witness needs to know of an answer's head.
pub(crate) fn head(status: u16, headers: &HeaderMap, family: Family) -> Answer {
    let of = |name| headers.get(name).map(HeaderValue::as_bytes);
    let shape = Shape::of(of(CONTENT_TYPE), of(CONTENT_ENCODING));
    Answer { status, family, framing: framing(status, headers), shape }
}

/// The length that a head declares.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The id under which the answer's receipt is to be fetched.
pub(crate) fn receipt_id(headers: &HeaderMap) -> Option<ReceiptId> {
    headers.get("x-receipt-id")?.to_str().ok()?.parse().ok()
}

/// How HTTP delimits the body.
fn framing(status: u16, headers: &HeaderMap) -> Framing {
    match length(headers) {
        _ if matches!(status, 204 | 304) => Framing::Empty,
        Some(0) => Framing::Empty,
        Some(length) => Framing::Length(length),
        None if headers.contains_key(TRANSFER_ENCODING) => Framing::Chunked,
        None => Framing::UntilClose,
    }
}

#[cfg(test)]
mod tests;
