//! The vectors `attestation/vectors/{accept,refuse}/receipt-*.json`: written from here, checked by a second
//! implementation (`scripts/verify.py`), and read again here, so that neither drifts.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Vector {
    /// `accept` or `refuse`.
    expect: String,
    /// The check that must fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<CheckId>,
    /// What was done, in one sentence.
    about: String,
    /// The trusted signer.
    signing_address: String,
    /// The claims of its report; absent under a binding that carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claims: Option<String>,
    /// The bodies that the caller holds, UTF-8.
    request: String,
    response: String,
    record: SignatureRecord,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../attestation/vectors")
}

fn name(vector: &Vector, name: &str) -> String {
    format!("{}/receipt-{name}.json", vector.expect)
}

const JSON: &str = r#"{"id":"chatcmpl-1","model":"m","choices":[{"message":{"content":"pong"}}]}"#;

fn accepted(about: &str, request: &str, response: &str, edit: impl FnOnce(&mut Receipt)) -> Vector {
    let mut receipt = receipt(request.as_bytes(), response.as_bytes());
    edit(&mut receipt);
    Vector {
        expect: "accept".into(),
        check: None,
        about: about.into(),
        signing_address: public(&key(0x11)).address().to_string(),
        claims: Some(claims().to_json()),
        request: request.into(),
        response: response.into(),
        record: record(&key(0x11), receipt),
    }
}

/// A genuine vector, spoilt.
fn refused(check: CheckId, about: &str, spoil: impl FnOnce(&mut Vector)) -> Vector {
    let (request, response) = (text(REQUEST), text(RESPONSE));
    let mut vector = accepted(about, &request, &response, |_| ());
    vector.expect = "refuse".into();
    vector.check = Some(check);
    spoil(&mut vector);
    vector
}

/// The same, where the signer itself swore to the edited receipt.
fn sworn(check: CheckId, about: &str, edit: impl FnOnce(&mut Receipt)) -> Vector {
    refused(check, about, |vector| {
        let mut receipt = vector.record.receipt.clone();
        edit(&mut receipt);
        vector.record = record(&key(0x11), receipt);
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The second form of the same signature: n - s, and the other parity.
fn second_form(signature: &Signature) -> Signature {
    let low = k256::ecdsa::Signature::from_slice(&signature.as_bytes()[..64]).unwrap();
    let high = k256::ecdsa::Signature::from_scalars(low.r().to_bytes(), (-*low.s()).to_bytes()).unwrap();
    let mut bytes = [55 - signature.as_bytes()[64]; 65];
    bytes[..64].copy_from_slice(&high.to_bytes());
    Signature::new(bytes)
}

fn vectors() -> BTreeMap<String, Vector> {
    use CheckId::*;
    let accept = [
        ("stream", accepted("a streamed chat completion", &text(REQUEST), &text(RESPONSE), |_| ())),
        ("json", accepted("a plain chat completion", &text(REQUEST), JSON, |_| ())),
        (
            "no-bodies",
            accepted("bodies of no bytes hash as the empty string", "", "", |receipt| {
                receipt.status = 204;
                receipt.response_id.clear();
                receipt.model.clear();
            }),
        ),
        (
            "unicode",
            accepted(
                "names and bodies beyond ASCII",
                "{\"model\":\"模型\"}",
                "{\"model\":\"模型\",\"content\":\"é 🜔\"}",
                |receipt| {
                    receipt.model = "模型".into();
                },
            ),
        ),
        (
            "later",
            accepted("the second of its chain, with largest numbers", &text(REQUEST), JSON, |receipt| {
                receipt.sequence = (1 << 53) - 1;
                receipt.previous = sha256(b"the one before");
                receipt.client_nonce = sha256(b"a client's nonce");
                receipt.finished_at = UnixMillis((1 << 53) - 1);
            }),
        ),
        ("extras", {
            let mut vector = accepted("with extras beside it", &text(REQUEST), JSON, |receipt| {
                receipt.extras_hash = sha256(br#"{"usage":{"total_tokens":3}}"#);
            });
            vector.record.extras = Some(r#"{"usage":{"total_tokens":3}}"#.into());
            vector
        }),
        ("no-claims", {
            let mut vector =
                accepted("a report whose binding carries no claims", &text(REQUEST), JSON, |_| ());
            vector.claims = None;
            vector
        }),
    ];
    let refuse = [
        (
            "request",
            refused(ReceiptRequest, "another question", |v| v.request = v.request.replace("hi", "ho")),
        ),
        (
            "response",
            refused(ReceiptResponse, "another answer", |v| v.response = v.response.replace("pong", "ping")),
        ),
        (
            "response-cut",
            refused(ReceiptResponse, "the answer without its [DONE]", |v| {
                v.response.truncate(v.response.len() - "data: [DONE]\n\n".len());
            }),
        ),
        (
            "response-trimmed",
            refused(ReceiptResponse, "the last line feed is missing", |v| {
                v.response.pop();
            }),
        ),
        (
            "response-length",
            sworn(ReceiptResponse, "the right hash with a wrong length", |r| r.response_length += 1),
        ),
        (
            "end-edited",
            refused(ReceiptSignature, "a cut answer's receipt, edited to say complete", |v| {
                v.record = record(&key(0x11), Receipt { end: End::ClientLeft, ..v.record.receipt.clone() });
                v.record.receipt.end = End::Complete;
            }),
        ),
        ("end-client-left", sworn(ReceiptEnd, "genuine, of a client that left", |r| r.end = End::ClientLeft)),
        (
            "end-engine-failed",
            sworn(ReceiptEnd, "genuine, of an engine that failed", |r| r.end = End::EngineFailed),
        ),
        (
            "end-engine-truncated",
            sworn(ReceiptEnd, "genuine, of an answer cut short", |r| r.end = End::EngineTruncated),
        ),
        (
            "end-timed-out",
            sworn(ReceiptEnd, "genuine, of an engine that fell silent", |r| r.end = End::TimedOut),
        ),
        ("end-refused", sworn(ReceiptEnd, "genuine, of the sidecar's own answer", |r| r.end = End::Refused)),
        (
            "text-missing",
            refused(ReceiptText, "complete, without the text", |v| {
                v.record.text = None;
                v.record.signature = None;
            }),
        ),
        (
            "text-other",
            refused(ReceiptText, "the signed text of another exchange", |v| {
                let other = record(&key(0x11), receipt(b"{}", b"{}"));
                v.record.text = other.text;
                v.record.signature = other.signature;
            }),
        ),
        (
            "text-of-cut",
            refused(ReceiptText, "a cut answer with a text all the same", |v| {
                let whole = v.record.clone();
                v.record = record(&key(0x11), Receipt { end: End::TimedOut, ..whole.receipt });
                v.record.text = whole.text;
                v.record.signature = whole.signature;
            }),
        ),
        (
            "signature-missing",
            refused(ReceiptText, "a text that nobody signed", |v| v.record.signature = None),
        ),
        (
            "text-signature-other",
            refused(ReceiptSignature, "the text signed by a stranger", |v| {
                let digest = message_digest(v.record.text.as_deref().unwrap());
                v.record.signature = Some(sign(&key(0x22), &digest));
            }),
        ),
        (
            "signer-other",
            refused(ReceiptSignature, "a stranger's record", |v| {
                v.record = record(&key(0x22), v.record.receipt.clone());
            }),
        ),
        (
            "signer-other-under-this-name",
            refused(ReceiptSignature, "a stranger's record under the signer's address", |v| {
                let address = v.record.signing_address;
                v.record = record(&key(0x22), v.record.receipt.clone());
                v.record.signing_address = address;
            }),
        ),
        (
            "signature-second-form",
            refused(ReceiptSignature, "s in the upper half", |v| {
                v.record.receipt_signature = second_form(&v.record.receipt_signature);
            }),
        ),
        (
            "signature-v",
            refused(ReceiptSignature, "v is 0 or 1 instead of 27 or 28", |v| {
                let mut bytes = *v.record.receipt_signature.as_bytes();
                bytes[64] -= 27;
                v.record.receipt_signature = Signature::new(bytes);
            }),
        ),
        (
            "algorithm",
            refused(ReceiptSignature, "it calls itself ed25519", |v| {
                v.record.signing_algo = "ed25519".into()
            }),
        ),
        ("claims-other", sworn(ReceiptClaims, "sworn under other claims", |r| r.claims_hash = sha256(b"{}"))),
        (
            "chain-other",
            sworn(ReceiptClaims, "of a chain that the claims do not name", |r| r.chain = sha256(b"x")),
        ),
        (
            "claims-spaced",
            refused(ReceiptClaims, "the same claims with a space: a hash is over bytes", |v| {
                v.claims = v.claims.as_deref().map(|claims| claims.replacen(',', ", ", 1));
            }),
        ),
        (
            "extras",
            refused(ReceiptSignature, "extras that the receipt does not name", |v| {
                v.record.extras = Some("{}".into())
            }),
        ),
        (
            "extras-missing",
            sworn(ReceiptSignature, "the extras that it names are not there", |r| {
                r.extras_hash = sha256(b"{}")
            }),
        ),
        ("id", refused(ReceiptSignature, "another id", |v| v.record.receipt.id = ReceiptId::new([0xa2; 16]))),
        (
            "response-id",
            refused(ReceiptSignature, "another engine's id", |v| v.record.receipt.response_id.push('x')),
        ),
        (
            "endpoint",
            refused(ReceiptSignature, "another endpoint", |v| {
                v.record.receipt.endpoint = "POST /v1/completions".into()
            }),
        ),
        ("model", refused(ReceiptSignature, "another model", |v| v.record.receipt.model = "n".into())),
        ("status", refused(ReceiptSignature, "another status", |v| v.record.receipt.status = 201)),
        (
            "forwarded",
            refused(ReceiptSignature, "another forwarded body", |v| {
                v.record.receipt.forwarded_hash = sha256(b"")
            }),
        ),
        (
            "received-at",
            refused(ReceiptSignature, "another time of receipt", |v| v.record.receipt.received_at.0 += 1),
        ),
        (
            "finished-at",
            refused(ReceiptSignature, "another time of its end", |v| v.record.receipt.finished_at.0 += 1),
        ),
        (
            "client-nonce",
            refused(ReceiptSignature, "another client's nonce", |v| {
                v.record.receipt.client_nonce = sha256(b"")
            }),
        ),
        (
            "sequence",
            refused(ReceiptSignature, "another place in the chain", |v| v.record.receipt.sequence += 1),
        ),
        (
            "previous",
            refused(ReceiptSignature, "another predecessor", |v| v.record.receipt.previous = sha256(b"")),
        ),
    ];
    accept.into_iter().chain(refuse).map(|(short, vector)| (name(&vector, short), vector)).collect()
}

fn judge(vector: &Vector) -> Verdict {
    signer(vector.signing_address.parse().unwrap(), vector.claims.as_deref()).check(
        &vector.record,
        vector.request.as_bytes(),
        vector.response.as_bytes(),
    )
}

/// Every file is judged as it says, and there are no more and no fewer than are written here.
#[test]
fn the_files_are_judged_as_they_say() {
    let mut written = vectors();
    for expect in ["accept", "refuse"] {
        for entry in fs::read_dir(folder().join(expect)).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap();
            if !file.starts_with("receipt-") {
                continue;
            }
            let vector: Vector = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(vector.expect, expect, "{file}");
            let same = written.remove(&format!("{expect}/{file}"));
            assert_eq!(same.as_ref(), Some(&vector), "{file}: run the ignored test write_vectors");

            let verdict = judge(&vector);
            match vector.check {
                None => assert_eq!(verdict.outcome(), Outcome::Trusted, "{file}\n{verdict}"),
                Some(id) => {
                    assert_eq!(verdict.outcome(), Outcome::Refuted, "{file}\n{verdict}");
                    assert_eq!(verdict.check(id).unwrap().status, Status::Fail, "{file}\n{verdict}");
                }
            }
        }
    }
    assert!(written.is_empty(), "not written: {:?}", written.keys());
}

/// `cargo test -p jurat-verify write_vectors -- --ignored`
#[test]
#[ignore = "writes attestation/vectors"]
fn write_vectors() {
    for (name, vector) in vectors() {
        let path = folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, serde_json::to_string_pretty(&vector).unwrap() + "\n").unwrap();
    }
}
