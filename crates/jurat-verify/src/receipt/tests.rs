//! Laws of the receipt checks. `vectors.rs` beside this file holds the cases.

mod vectors;

use jurat_proto::{
    Address, Binding, Claims, End, KeyOrigin, ManifestSource, Model, PublicKey, Receipt, ReceiptId,
    Signature, SignatureRecord, Software, Tls, UnixMillis, message_digest, sha256, signature_text,
};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::{Outcome, Policy, Standing, Status};

/// The key of the published vectors: 0x11, 32 times.
pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_slice(&[byte; 32]).unwrap()
}

pub(crate) fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from(key.verifying_key())
}

pub(crate) fn sign(key: &SigningKey, digest: &Digest) -> Signature {
    let (signature, recovery) = key.sign_prehash_recoverable(digest.as_bytes());
    Signature::from_parts(&signature, recovery)
}

pub(crate) fn claims() -> Claims {
    let key = public(&key(0x11));
    Claims {
        version: 1,
        signing_address: key.address(),
        signing_public_key: key,
        chain: sha256(b"vector chain"),
        key: KeyOrigin::Fresh,
        key_provenance: None,
        tls: Tls::None,
        tls_spki_sha256: None,
        gpus: 1,
        model: Model::default(),
        manifest_source: ManifestSource::None,
        software: Software { version: "0.1.0".into(), commit: String::new() },
        config_sha256: sha256(b"vector configuration"),
        started_at: UnixMillis(1_795_000_000_000),
    }
}

pub(crate) fn signer(address: Address, claims: Option<&str>) -> TrustedSigner {
    let claims = claims.map(|text| (serde_json::from_str(text).unwrap(), sha256(text.as_bytes())));
    let binding = if claims.is_some() { Binding::JuratV1 } else { Binding::DstackV1 };
    let policy = Policy::named("simulated").unwrap();
    TrustedSigner::new(address, binding, claims, &policy, Standing::Live, &[])
}

/// What the sidecar would swear to.
pub(crate) fn receipt(request: &[u8], response: &[u8]) -> Receipt {
    Receipt {
        id: ReceiptId::new([0xa1; 16]),
        response_id: "chatcmpl-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1".into(),
        endpoint: "POST /v1/chat/completions".into(),
        model: "m".into(),
        status: 200,
        end: End::Complete,
        request_hash: sha256(request),
        forwarded_hash: sha256(request),
        response_hash: sha256(response),
        response_length: u64::try_from(response.len()).unwrap(),
        received_at: UnixMillis(1_795_000_001_000),
        finished_at: UnixMillis(1_795_000_002_000),
        client_nonce: Digest::ZERO,
        claims_hash: sha256(claims().to_json().as_bytes()),
        extras_hash: Digest::ZERO,
        chain: claims().chain,
        sequence: 1,
        previous: claims().chain,
    }
}

/// Signs a receipt and, if it is complete, its text, as the sidecar would.
pub(crate) fn record(key: &SigningKey, receipt: Receipt) -> SignatureRecord {
    let text =
        (receipt.end == End::Complete).then(|| signature_text(&receipt.request_hash, &receipt.response_hash));
    SignatureRecord {
        signature: text.as_deref().map(|text| sign(key, &message_digest(text))),
        text,
        signing_address: public(key).address(),
        signing_algo: "ecdsa".into(),
        receipt_signature: sign(key, &receipt.digest()),
        receipt,
        extras: None,
    }
}

const REQUEST: &[u8] = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
const RESPONSE: &[u8] =
    b"data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"pong\"}}]}\n\ndata: [DONE]\n\n";

fn trusted() -> TrustedSigner {
    signer(public(&key(0x11)).address(), Some(&claims().to_json()))
}

#[test]
fn what_was_sworn_holds() {
    let verdict = trusted().check(&record(&key(0x11), receipt(REQUEST, RESPONSE)), REQUEST, RESPONSE);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let skipped: Vec<_> = verdict.checks().iter().filter(|check| check.status == Status::Skip).collect();
    assert_eq!(skipped.len(), 1);
    assert_eq!(skipped[0].id, CheckId::ReceiptChain);
    assert!(verdict.trusted_signer().is_none(), "a receipt makes nobody trusted");
}

#[test]
fn no_end_but_complete_ever_passes() {
    for end in End::ALL.into_iter().filter(|end| *end != End::Complete) {
        let cut = record(&key(0x11), Receipt { end, ..receipt(REQUEST, RESPONSE) });
        let verdict = trusted().check(&cut, REQUEST, RESPONSE);
        assert_eq!(verdict.outcome(), Outcome::Refuted);
        let check = verdict.check(CheckId::ReceiptEnd).unwrap();
        assert_eq!(check.status, Status::Fail);
        assert!(check.reason.starts_with(end.as_str()), "{}", check.reason);
        assert_eq!(verdict.check(CheckId::ReceiptSignature).unwrap().status, Status::Pass, "{verdict}");
    }
}

#[test]
fn the_text_stands_beside_a_complete_answer_alone() {
    let judge = |end: End, spoil: fn(&mut SignatureRecord)| {
        let mut record = record(&key(0x11), Receipt { end, ..receipt(REQUEST, RESPONSE) });
        spoil(&mut record);
        let verdict = trusted().check(&record, REQUEST, RESPONSE);
        let check = verdict.check(CheckId::ReceiptText).unwrap();
        (check.status, check.reason.clone())
    };
    let of = |status, reason: &str| (status, reason.to_owned());
    assert_eq!(judge(End::Complete, |_| ()), of(Status::Pass, "names the receipt's two hashes"));
    for spoil in [(|record| record.text = None) as fn(&mut SignatureRecord), |record| record.signature = None]
    {
        let apart = of(Status::Fail, "text and signature do not come together");
        assert_eq!(judge(End::Complete, spoil), apart);
    }
    let absent = of(Status::Fail, "absent, though the answer is sworn to as complete");
    assert_eq!(judge(End::Complete, |record| (record.text, record.signature) = (None, None)), absent);
    let absent = of(Status::Skip, "absent, as it must be for an answer that is not complete");
    assert_eq!(judge(End::TimedOut, |_| ()), absent);
    let beside = of(Status::Fail, "there is one, though the answer is not sworn to as complete");
    assert_eq!(judge(End::TimedOut, |record| record.text = Some("x".into())), beside);
}

#[test]
fn without_claims_their_check_is_a_skip() {
    let signer = signer(public(&key(0x11)).address(), None);
    let verdict = signer.check(&record(&key(0x11), receipt(REQUEST, RESPONSE)), REQUEST, RESPONSE);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert_eq!(verdict.check(CheckId::ReceiptClaims).unwrap().status, Status::Skip);
}

#[test]
fn an_old_answer_to_the_same_bytes_is_refused_by_its_nonce() {
    let nonce = sha256(b"mine");
    let fresh = Receipt { client_nonce: nonce, ..receipt(REQUEST, RESPONSE) };
    let bodies = BodyDigests::of(REQUEST, RESPONSE).client_nonce(nonce);
    let signer = trusted();
    assert!(signer.check_digests(&record(&key(0x11), fresh), &bodies).outcome().is_trusted());
    let old = signer.check_digests(&record(&key(0x11), receipt(REQUEST, RESPONSE)), &bodies);
    assert_eq!(old.check(CheckId::ReceiptRequest).unwrap().status, Status::Fail);
}

#[test]
fn a_rewritten_request_is_told() {
    let rewritten = Receipt { forwarded_hash: sha256(b"other"), ..receipt(REQUEST, RESPONSE) };
    let verdict = trusted().check(&record(&key(0x11), rewritten), REQUEST, RESPONSE);
    assert!(verdict.outcome().is_trusted());
    assert!(verdict.limits().iter().any(|limit| limit.contains("another request body")), "{verdict}");
}

#[test]
fn neighbours_decide_the_place() {
    let mut hashes = vec![claims().chain];
    let chain: Vec<_> = (1..=4)
        .map(|sequence| {
            let sworn =
                Receipt { sequence, previous: hashes[hashes.len() - 1], ..receipt(REQUEST, RESPONSE) };
            hashes.push(sworn.struct_hash());
            record(&key(0x11), sworn)
        })
        .collect();
    let altered = |at: usize, edit: fn(&mut Receipt)| {
        let mut other = chain[at].receipt.clone();
        edit(&mut other);
        record(&key(0x11), other)
    };
    let status = |of: usize, neighbours: &[SignatureRecord]| {
        let bodies = BodyDigests::of(REQUEST, RESPONSE);
        let verdict = trusted().check_among(&chain[of], &bodies, neighbours);
        let status = verdict.check(CheckId::ReceiptChain).unwrap().status;
        assert_eq!(verdict.outcome() == Outcome::Refuted, status == Status::Fail, "{verdict}");
        status
    };
    assert_eq!(status(1, &chain), Status::Pass);
    assert_eq!(status(1, &chain[..1]), Status::Pass);
    assert_eq!(status(1, &chain[2..]), Status::Pass);
    assert_eq!(status(1, &chain[3..]), Status::Skip, "too far away to say anything");
    assert_eq!(status(3, &chain[..2]), Status::Skip, "and so on the other side");
    assert_eq!(status(1, &chain[1..2]), Status::Skip, "a receipt is no neighbour of its own");
    assert_eq!(status(1, &[altered(0, |r| r.chain = Digest::ZERO)]), Status::Skip, "another chain");
    assert_eq!(status(1, &[altered(0, |r| r.status = 201)]), Status::Fail);
    assert_eq!(status(1, &[altered(2, |r| r.previous = Digest::ZERO)]), Status::Fail);
    assert_eq!(status(1, &[altered(1, |r| r.status = 201)]), Status::Fail, "a fork");
    assert_eq!(status(1, &[record(&key(0x22), chain[0].receipt.clone())]), Status::Fail, "a stranger's");
    assert_eq!(status(1, &[altered(0, |r| r.sequence = u64::MAX)]), Status::Skip);
}

#[test]
fn the_first_of_a_chain_begins_with_its_name() {
    let sworn = Receipt { previous: Digest::ZERO, ..receipt(REQUEST, RESPONSE) };
    let verdict = trusted().check(&record(&key(0x11), sworn), REQUEST, RESPONSE);
    assert_eq!(verdict.check(CheckId::ReceiptChain).unwrap().status, Status::Fail);
    assert_eq!(verdict.outcome(), Outcome::Refuted);
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// A flipped bit leaves no record, the same record (the case of a hexadecimal digit), or a refused one.
    #[test]
    fn any_flipped_bit_of_a_record_is_refused(bit in any::<usize>()) {
        let genuine = record(&key(0x11), receipt(REQUEST, RESPONSE));
        let json = serde_json::to_vec(&genuine).unwrap();
        if let Ok(altered) = serde_json::from_slice::<SignatureRecord>(&flipped(&json, bit)) {
            let verdict = trusted().check(&altered, REQUEST, RESPONSE);
            prop_assert!(altered == genuine || verdict.outcome() == Outcome::Refuted, "{verdict}");
        }
    }

    #[test]
    fn any_flipped_bit_of_a_body_is_refused(bit in any::<usize>()) {
        let genuine = record(&key(0x11), receipt(REQUEST, RESPONSE));
        let request = trusted().check(&genuine, &flipped(REQUEST, bit), RESPONSE);
        prop_assert_eq!(request.check(CheckId::ReceiptRequest).unwrap().status, Status::Fail);
        let response = trusted().check(&genuine, REQUEST, &flipped(RESPONSE, bit));
        prop_assert_eq!(response.check(CheckId::ReceiptResponse).unwrap().status, Status::Fail);
        prop_assert_eq!(request.outcome(), Outcome::Refuted);
        prop_assert_eq!(response.outcome(), Outcome::Refuted);
    }
}
