//! `receipt.signature` and `receipt.text`: what the trusted signer signed, and what that text says.

use jurat_proto::{Address, Digest, End, Signature, SignatureRecord, message_digest, sha256, signature_text};

use crate::check::Finding;

/// Both signatures: the receipt's own, and the text's where there is one.
pub(super) fn judge(record: &SignatureRecord, trusted: &Address) -> Finding {
    if record.signing_algo != "ecdsa" {
        return Finding::fail("the record's algorithm is not ecdsa");
    }
    if record.signing_address != *trusted {
        return Finding::fail(format!("the record names the signer {}", record.signing_address));
    }
    if let Err(reason) = signed_by(&record.receipt_signature, &record.receipt.digest(), trusted) {
        return Finding::fail(format!("the receipt's signature {reason}"));
    }
    let extras = record.extras.as_deref().map_or(Digest::ZERO, |extras| sha256(extras.as_bytes()));
    if record.receipt.extras_hash != extras {
        return Finding::fail("the extras beside the receipt are not the ones that it names");
    }
    if let (Some(text), Some(signature)) = (&record.text, &record.signature)
        && let Err(reason) = signed_by(signature, &message_digest(text), trusted)
    {
        return Finding::fail(format!("the text's signature {reason}"));
    }
    Finding::pass("the trusted signer signed it")
}

fn signed_by(signature: &Signature, digest: &Digest, trusted: &Address) -> Result<(), String> {
    match signature.recover(digest) {
        Ok(key) if key.address() == *trusted => Ok(()),
        Ok(_) => Err("is not the trusted signer's over these contents".into()),
        Err(error) => Err(format!("is not valid: {error}")),
    }
}

/// The text is what clients of the field check; it stands beside a complete answer alone.
pub(super) fn judge_text(record: &SignatureRecord) -> Finding {
    let receipt = &record.receipt;
    match (&record.text, &record.signature, receipt.end) {
        (Some(text), Some(_), End::Complete) => {
            if *text == signature_text(&receipt.request_hash, &receipt.response_hash) {
                Finding::pass("names the receipt's two hashes")
            } else {
                Finding::fail("names other hashes than the receipt")
            }
        }
        (None, None, End::Complete) => Finding::fail("absent, though the answer is sworn to as complete"),
        (None, None, _) => Finding::skip("absent, as it must be for an answer that is not complete"),
        (_, _, End::Complete) => Finding::fail("text and signature do not come together"),
        _ => Finding::fail("there is one, though the answer is not sworn to as complete"),
    }
}
