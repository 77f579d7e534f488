//! The vectors that `scripts/gen-vectors.py` writes from the specification alone: types, encodings and
//! signatures must come out the same here.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use jurat_proto::{
    Address, Binding, DOMAIN_SEPARATOR, Digest, End, HEAD_TYPE, Head, Layout, Nonce, PRUNE_POINT_TYPE,
    PrunePoint, PublicKey, RECEIPT_TYPE, Receipt, Signature, gpu_nonce, keccak256, message_digest,
    report_data, sha256, signature_text,
};
use k256::ecdsa::{SigningKey, VerifyingKey};
use serde::de::DeserializeOwned;
use serde_json::Value;

fn load(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/vectors").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn list<'a>(file: &'a Value, name: &str) -> &'a [Value] {
    let list = file[name].as_array().unwrap();
    assert!(!list.is_empty(), "{name} has vectors");
    list
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap_or_else(|| panic!("{name} is a string in {vector}"))
}

fn digest(vector: &Value, name: &str) -> Digest {
    text(vector, name).parse().unwrap()
}

/// The signature of the vector recovers to its signer, and RFC 6979 makes the same again to the byte.
fn signed(file: &Value, vector: &Value, digest: &Digest) {
    let about = text(vector, "about");
    let signature: Signature = text(vector, "signature").parse().unwrap();
    let signer: Address = text(file, "signing_address").parse().unwrap();
    assert_eq!(signature.recover(digest).map(|key| key.address()), Ok(signer), "{about}");
    let key = SigningKey::from_slice(&hex::decode(&text(file, "private_key")[2..]).unwrap()).unwrap();
    let (made, recovery) = key.sign_prehash_recoverable(digest.as_bytes());
    assert_eq!(Signature::from_parts(&made, recovery), signature, "{about}");
}

fn parse<T: DeserializeOwned>(vector: &Value, name: &str) -> T {
    // Through text, as it comes over the wire.
    serde_json::from_str(&vector[name].to_string()).unwrap()
}

#[test]
fn typed_data_is_encoded_as_eth_account_encodes_it() {
    let file = load("receipt.json");
    assert_eq!(text(&file, "receipt_type"), RECEIPT_TYPE);
    assert_eq!(text(&file, "head_type"), HEAD_TYPE);
    assert_eq!(text(&file, "prune_point_type"), PRUNE_POINT_TYPE);
    assert_eq!(digest(&file, "domain_separator"), DOMAIN_SEPARATOR);
    let mut ends = Vec::new();
    let mut previous = None;
    for vector in list(&file, "receipts") {
        let about = text(vector, "about");
        let receipt: Receipt = parse(vector, "receipt");
        assert_eq!(receipt.struct_hash(), digest(vector, "struct_hash"), "{about}");
        assert_eq!(receipt.digest(), digest(vector, "digest"), "{about}");
        assert_eq!(serde_json::to_value(&receipt).unwrap(), vector["receipt"], "{about}: the JSON form");
        assert_eq!(receipt.previous, previous.unwrap_or(receipt.chain), "{about}: the chain");
        signed(&file, vector, &receipt.digest());
        previous = Some(receipt.struct_hash());
        ends.push(receipt.end);
    }
    for end in End::ALL {
        assert!(ends.contains(&end), "no vector ends {end}");
    }
    for vector in list(&file, "heads") {
        let about = text(vector, "about");
        let head: Head = parse(vector, "head");
        assert_eq!(head.struct_hash(), digest(vector, "struct_hash"), "{about}");
        assert_eq!(head.digest(), digest(vector, "digest"), "{about}");
        assert_eq!(serde_json::to_value(&head).unwrap(), vector["head"], "{about}: the JSON form");
        signed(&file, vector, &head.digest());
    }
    for vector in list(&file, "prune_points") {
        let about = text(vector, "about");
        let prune: PrunePoint = parse(vector, "prune_point");
        assert_eq!(prune.struct_hash(), digest(vector, "struct_hash"), "{about}");
        assert_eq!(prune.digest(), digest(vector, "digest"), "{about}");
        assert_eq!(serde_json::to_value(&prune).unwrap(), vector["prune_point"], "{about}: the JSON form");
        signed(&file, vector, &prune.digest());
    }
}

#[test]
fn texts_are_signed_as_wallets_sign_them() {
    let file = load("text.json");
    for vector in list(&file, "texts") {
        let signed_text = text(vector, "text");
        if let Some(request) = vector["request_hex"].as_str() {
            let hash = |hex: &str| sha256(&hex::decode(hex).unwrap());
            assert_eq!(signature_text(&hash(request), &hash(text(vector, "response_hex"))), signed_text);
        }
        assert_eq!(message_digest(signed_text), digest(vector, "digest"), "{signed_text}");
        signed(&file, vector, &message_digest(signed_text));
    }
}

/// The report data and GPU nonce of a case are ours.
fn composed(vector: &Value, key: &PublicKey) -> Binding {
    let about = text(vector, "about");
    let binding: Binding = text(vector, "binding").parse().unwrap();
    let nonce: Nonce = text(vector, "nonce").parse().unwrap();
    let optional = |name: &str| vector[name].as_str().unwrap_or_default();
    let spki: Digest;
    let layout = match binding {
        Binding::JuratV1 => Layout::JuratV1 {
            claims: optional("claims"),
            nvidia_payload: optional("nvidia_payload"),
            nvswitch_payload: optional("nvswitch_payload"),
        },
        Binding::DstackV1 => Layout::DstackV1,
        Binding::DstackV2 => {
            spki = digest(vector, "tls_cert_fingerprint");
            Layout::DstackV2 { spki: &spki }
        }
    };
    assert_eq!(
        report_data(&key.address(), &nonce, layout).to_string(),
        text(vector, "report_data"),
        "{about}"
    );
    assert_eq!(gpu_nonce(binding, key, &nonce).to_string(), text(vector, "gpu_nonce"), "{about}");
    binding
}

#[test]
fn layouts_are_composed_byte_by_byte() {
    let file = load("bindings.json");
    let key: PublicKey = text(&file, "signing_public_key").parse().unwrap();
    assert_eq!(key.address().to_string(), text(&file, "signing_address"));
    let mut seen = Vec::new();
    for vector in list(&file, "bindings") {
        seen.push(composed(vector, &key));
    }
    for binding in Binding::ALL {
        assert!(seen.contains(&binding), "no vector of {binding}");
    }
}

/// The signer of every file is the key 0x11 repeated: nobody's, and reproducible by anybody.
#[test]
fn the_vectors_key_is_the_one_that_they_name() {
    let key = SigningKey::from_slice(&[0x11; 32]).unwrap();
    let public = PublicKey::from(&VerifyingKey::from(&key));
    let hashed = keccak256(public.as_bytes());
    assert_eq!(public.address().as_bytes()[..], hashed.as_bytes()[12..]);
    for name in ["receipt.json", "text.json", "bindings.json"] {
        assert_eq!(text(&load(name), "signing_address"), public.address().to_string(), "{name}");
    }
}

/// The pair that the domain separator keeps apart, and nothing else does.
#[test]
fn a_forged_commitment_differs_in_the_separator_alone() {
    let file = load("bindings.json");
    let key: PublicKey = text(&file, "signing_public_key").parse().unwrap();
    let pair = ["accept", "refuse"].map(|which| &file["forged_commitment"][which]);
    assert_eq!(pair.map(|vector| composed(vector, &key)), [Binding::JuratV1, Binding::DstackV1]);
    let [ours, forged] = pair.map(|vector| hex::decode(text(vector, "report_data")).unwrap());
    assert_eq!(ours[..20], forged[..20]);
    assert_ne!(ours[20..32], forged[20..32]);
    assert_eq!(ours[32..], forged[32..]);
}

/// Vectors that 0G's clients were checked against. They are another project's and lie beside the workspace,
/// if anywhere.
#[test]
fn texts_and_report_data_of_the_field() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/0g.json");
    let Ok(file) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return;
    };
    let file: Value = serde_json::from_str(&file).unwrap();
    let address: Address = text(&file, "address").parse().unwrap();
    for (name, body) in [("chat_nonstream", "response_body"), ("chat_stream", "response_bytes")] {
        let vector = &file[name];
        let request = sha256(text(vector, "request_body").as_bytes());
        let response = sha256(text(vector, body).as_bytes());
        assert_eq!(response, digest(vector, "response_sha256"), "{name}");
        assert_eq!(signature_text(&request, &response), text(vector, "text"), "{name}");
        let signed = message_digest(text(vector, "text"));
        assert_eq!(signed, digest(vector, "eip191_digest"), "{name}");
        let signature: Signature = text(vector, "signature").parse().unwrap();
        assert_eq!(signature.recover(&signed).unwrap().address(), address, "{name}");
    }
    let vector = &file["report_data"];
    let nonce: Nonce = text(vector, "nonce").parse().unwrap();
    assert_eq!(report_data(&address, &nonce, Layout::DstackV1).to_string(), text(vector, "llm_sidecar"));
}
