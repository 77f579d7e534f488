//! The checks on receipts, `receipt.*`.

mod bodies;
mod broker;
mod chain;
mod claims;
mod end;
mod signature;

use jurat_proto::{Digest, SignatureRecord};

pub use self::bodies::BodyDigests;
use self::broker::Held;
use crate::{CheckId, TrustedSigner, Verdict, check::Finding, json, limits, verdict::Transcript};

/// A record as a service or an archive wrote it.
///
/// # Errors
/// If it is no JSON object, or not one of this shape; why, in words.
pub fn read_record(text: &str) -> Result<SignatureRecord, String> {
    json::object(text)
}

impl TrustedSigner {
    /// Whether this signer swore to this very answer to this very request. Both bodies are hashed here;
    /// for large ones see [`check_digests`](Self::check_digests).
    ///
    /// `request` and `response` are body bytes after transfer-decoding, streams with every `data:` line,
    /// blank line, comment and `[DONE]`.
    pub fn check(&self, record: &SignatureRecord, request: &[u8], response: &[u8]) -> Verdict {
        self.check_held(record, request, response, &[])
    }

    /// The same, with other records of the archive, as in [`check_among`](Self::check_among). Where bodies that are held
    /// whole do not fit, the reasons say so if 0G's Provider Broker seems to have rewritten them.
    pub fn check_held(
        &self,
        record: &SignatureRecord,
        request: &[u8],
        response: &[u8],
        neighbours: &[SignatureRecord],
    ) -> Verdict {
        let held = Held { request, response };
        self.judge_record(record, &BodyDigests::of(request, response), neighbours, Some(held))
    }

    /// The same, of bodies that the caller hashed.
    pub fn check_digests(&self, record: &SignatureRecord, bodies: &BodyDigests) -> Verdict {
        self.check_among(record, bodies, &[])
    }

    /// The same, with other records of the archive: those at the places beside it decide `receipt.chain`, the
    /// rest is ignored.
    pub fn check_among(
        &self,
        record: &SignatureRecord,
        bodies: &BodyDigests,
        neighbours: &[SignatureRecord],
    ) -> Verdict {
        self.judge_record(record, bodies, neighbours, None)
    }

    fn judge_record(
        &self,
        record: &SignatureRecord,
        bodies: &BodyDigests,
        neighbours: &[SignatureRecord],
        held: Option<Held<'_>>,
    ) -> Verdict {
        let mut transcript = Transcript::default();
        let receipt = &record.receipt;
        let signed = signature::judge(record, self.address());
        // Only a genuine receipt has a story of its own to tell.
        let held = held.filter(|_| signed.holds());
        transcript.file(CheckId::ReceiptSignature, signed);
        transcript.file(CheckId::ReceiptText, signature::judge_text(record));
        let request = bodies.judge_request(receipt);
        transcript.file(CheckId::ReceiptRequest, request.because(|| held?.of_request(receipt)));
        let response = bodies.judge_response(receipt);
        transcript.file(CheckId::ReceiptResponse, response.because(|| held?.of_response(receipt)));
        transcript.file(CheckId::ReceiptClaims, claims::judge(record, self));
        transcript.file(CheckId::ReceiptChain, chain::judge(record, neighbours, self.address()));
        transcript.file(CheckId::ReceiptEnd, end::judge(receipt.end));

        let rewritten = ![receipt.request_hash, Digest::ZERO].contains(&receipt.forwarded_hash);
        limits::of_receipt(self.limits(), rewritten, &mut transcript);
        transcript.judge_receipt(self, self.required())
    }

    /// The verdict on bodies to which there is no record: nothing speaks against them, and nobody swears to them.
    pub(crate) fn without_record(&self, reason: &str) -> Verdict {
        let mut transcript = Transcript::default();
        for id in self.required() {
            transcript.file(*id, Finding::skip(reason));
        }
        limits::of_receipt(self.limits(), false, &mut transcript);
        transcript.judge_receipt(self, self.required())
    }

    /// Every check that can be made: claims only where the binding carries any.
    fn required(&self) -> &'static [CheckId] {
        const WITHOUT_CLAIMS: &[CheckId] = &[
            CheckId::ReceiptSignature,
            CheckId::ReceiptText,
            CheckId::ReceiptRequest,
            CheckId::ReceiptResponse,
            CheckId::ReceiptEnd,
        ];
        const WITH_CLAIMS: &[CheckId] = &[
            CheckId::ReceiptSignature,
            CheckId::ReceiptText,
            CheckId::ReceiptRequest,
            CheckId::ReceiptResponse,
            CheckId::ReceiptClaims,
            CheckId::ReceiptEnd,
        ];
        if self.claims().is_some() { WITH_CLAIMS } else { WITHOUT_CLAIMS }
    }
}

#[cfg(test)]
pub(crate) mod tests;
