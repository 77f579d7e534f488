//! What ties a quote to its signer, check by check and without hardware: `report/tests` has whole reports.

use jurat_proto::{Layout, ManifestSource, Model, report_data, sha256};
use serde_json::{Value, json};

use super::{address, model, signer, tls, *};
use crate::{
    Status,
    receipt::tests::{claims, key, public},
};

const NONCE: Nonce = Nonce::new([0x5a; 32]);
const OTHER: Nonce = Nonce::new([0xa5; 32]);

fn body(members: &Value) -> ReportBody {
    let mut body = json!({"signing_address": public(&key(0x11)).address().to_string()});
    let known = body.as_object_mut().unwrap();
    known.extend(members.as_object().unwrap().clone());
    serde_json::from_value(body).unwrap()
}

fn accepting(bindings: &[Binding]) -> Policy {
    Policy { bindings: bindings.to_vec(), ..Policy::named("simulated").unwrap() }
}

fn quoted(layout: Layout<'_>) -> [u8; 64] {
    *report_data(&public(&key(0x11)).address(), &NONCE, layout).as_bytes()
}

/// Under which binding a quote names the signer, or why it does not.
fn named(members: &Value, bindings: &[Binding], quoted: &[u8; 64]) -> Result<Binding, String> {
    address::judge(&body(members), &accepting(bindings), quoted).map(|(_, binding)| binding)
}

#[test]
fn an_address_is_named_under_an_accepted_binding_alone() {
    use Binding::{DstackV1, DstackV2, JuratV1};
    let every = [JuratV1, DstackV1, DstackV2];
    let public_key = public(&key(0x11)).to_string();
    let jurat = quoted(Layout::JuratV1 { claims: "", nvidia_payload: "", nvswitch_payload: "" });
    let dstack = quoted(Layout::DstackV1);
    let spki = sha256(b"spki");
    let second = quoted(Layout::DstackV2 { spki: &spki });

    assert_eq!(named(&json!({}), &every, &dstack), Ok(DstackV1), "without key, algorithm and own word");
    assert_eq!(named(&json!({"signing_public_key": public_key}), &every, &jurat), Ok(JuratV1));
    assert_eq!(named(&json!({"tls_cert_fingerprint": spki.to_string()}), &every, &second), Ok(DstackV2));
    for algorithm in ["", "ecdsa", "ECDSA"] {
        assert_eq!(named(&json!({"signing_algo": algorithm}), &every, &dstack), Ok(DstackV1), "{algorithm}");
    }
    assert_eq!(named(&json!({"binding": "dstack-v1"}), &every, &dstack), Ok(DstackV1));

    let mut padded = dstack;
    padded[31] ^= 1;
    let mut stranger = dstack;
    stranger[0] ^= 1;
    for (members, bindings, quoted, reason) in [
        (json!({"signing_algo": "ed25519"}), &every[..], &dstack, "algorithm is not ecdsa"),
        (json!({"signing_address": "0x"}), &every, &dstack, "signing_address is not an address"),
        (json!({"signing_public_key": "0x"}), &every, &dstack, "signing_public_key is not a public key"),
        (
            json!({"signing_public_key": public(&key(0x22)).to_string()}),
            &every,
            &dstack,
            "hash is not the address",
        ),
        (json!({}), &every, &jurat, "names no public key"),
        (json!({"binding": "dstack-v9"}), &every, &dstack, "unknown binding"),
        (json!({"binding": "jurat-v1"}), &every, &dstack, "calls its binding jurat-v1"),
        (
            json!({}),
            &[JuratV1, DstackV2],
            &dstack,
            "separator of jurat-v1, dstack-v2, which the policy demands",
        ),
        (json!({}), &every, &second, "names another signer"),
        (json!({"tls_cert_fingerprint": sha256(b"x").to_string()}), &every, &second, "names another signer"),
        (json!({}), &every, &padded, "names the address, but without the domain separator"),
        (json!({}), &every, &stranger, "names another signer"),
    ] {
        let found = named(&members, bindings, quoted).unwrap_err();
        assert!(found.contains(reason), "{members}: {found}");
    }
}

/// The findings on nonce, claims and evidence, and what the GPUs must have signed.
fn committed(members: &Value, binding: Binding, quoted: &[u8; 64], own: Option<Nonce>) -> commitment::Found {
    let body = body(members);
    let key = members.get("signing_public_key").map(|_| public(&key(0x11)));
    let named = Named { address: public(&self::key(0x11)).address(), key };
    let sources = [ManifestSource::None];
    Commitment { body: &body, named: &named, binding, quoted }.judge(own, &sources)
}

fn statuses(found: &commitment::Found) -> [Status; 3] {
    [found.nonce.status, found.claims_finding.status, found.gpu.status]
}

#[test]
fn a_dstack_quote_commits_to_the_nonce_alone() {
    let quoted = quoted(Layout::DstackV1);
    for (own, status, expected) in
        [(Some(NONCE), Status::Pass, NONCE), (Some(OTHER), Status::Fail, OTHER), (None, Status::Skip, NONCE)]
    {
        let found = committed(&json!({}), Binding::DstackV1, &quoted, own);
        assert_eq!(statuses(&found), [status, Status::Skip, Status::Skip]);
        assert_eq!(found.gpu_nonce, Ok(expected));
        assert!(found.claims.is_none());
    }
}

#[test]
fn a_jurat_quote_commits_to_nonce_claims_and_evidence_together() {
    let text = claims().to_json();
    let layout = Layout::JuratV1 { claims: &text, nvidia_payload: "gpus", nvswitch_payload: "switches" };
    let quoted = quoted(layout);
    let members = |nonce: &Nonce| {
        json!({"signing_public_key": public(&key(0x11)).to_string(), "claims": text, "nvidia_payload": "gpus",
               "nvswitch_payload": "switches", "request_nonce": nonce.to_string()})
    };
    let judge = |members: &Value, own| committed(members, Binding::JuratV1, &quoted, own);
    let gpus = |nonce| Ok(jurat_proto::gpu_nonce(Binding::JuratV1, &public(&key(0x11)), &nonce));

    let found = judge(&members(&OTHER), Some(NONCE));
    assert_eq!(statuses(&found), [Status::Pass; 3], "the report's own word on its nonce is not needed");
    assert_eq!(found.gpu_nonce, gpus(NONCE));
    assert_eq!(found.claims.unwrap().1, sha256(text.as_bytes()));
    let found = judge(&members(&NONCE), Some(OTHER));
    assert_eq!(statuses(&found), [Status::Fail, Status::Pass, Status::Pass]);
    assert_eq!(found.nonce.reason, "the quote was made for another nonce than yours");
    assert_eq!(found.gpu_nonce, gpus(OTHER), "of GPUs too the caller's own is asked");
    let found = judge(&members(&NONCE), None);
    assert_eq!(statuses(&found), [Status::Skip, Status::Pass, Status::Pass]);
    assert_eq!(found.gpu_nonce, gpus(NONCE));
    let found = judge(&members(&OTHER), None);
    assert_eq!(statuses(&found), [Status::Skip, Status::Fail, Status::Fail]);
    assert_eq!(found.gpu_nonce, Err("the report's nonce is not known"));
    for member in ["claims", "nvidia_payload", "nvswitch_payload"] {
        let mut members = members(&NONCE);
        members[member] = "other".into();
        let found = judge(&members, Some(NONCE));
        assert_eq!(statuses(&found), [Status::Fail; 3], "{member}");
        assert!(found.nonce.reason.contains("does not commit to your nonce with this"), "{member}");
        assert!(found.claims.is_none());
    }
}

#[test]
fn claims_must_be_of_this_version_signer_and_source() {
    let judge = |edit: &dyn Fn(&mut Claims)| {
        let mut claims = claims();
        edit(&mut claims);
        let text = claims.to_json();
        let quoted = quoted(Layout::JuratV1 { claims: &text, nvidia_payload: "", nvswitch_payload: "" });
        let members = json!({"signing_public_key": public(&key(0x11)).to_string(), "claims": text});
        committed(&members, Binding::JuratV1, &quoted, Some(NONCE)).claims_finding
    };
    assert_eq!(judge(&|_| ()), Finding::pass("the quote commits to them: jurat 0.1.0, 1 GPUs"));
    for (edit, reason) in [
        (&|claims: &mut Claims| claims.version = 2, "the claims have version 2, not 1"),
        (&|claims| claims.signing_address = Address::new([1; 20]), "the claims are about another signer"),
        (&|claims| claims.signing_public_key = public(&key(0x22)), "the claims are about another signer"),
        (
            &|claims| claims.manifest_source = ManifestSource::Cached,
            "the policy does not accept how the model's digests were made",
        ),
    ] as [(&dyn Fn(&mut Claims), &str); 4]
    {
        assert_eq!(judge(edit), Finding::fail(reason));
    }
}

/// serde would take them by their order.
#[test]
fn claims_and_their_members_are_objects() {
    let whole = serde_json::to_value(claims()).unwrap();
    let judge = |text: &str| {
        serde_json::from_str::<Claims>(text).expect("serde itself takes it");
        let quoted = quoted(Layout::JuratV1 { claims: text, nvidia_payload: "", nvswitch_payload: "" });
        let members = json!({"signing_public_key": public(&key(0x11)).to_string(), "claims": text});
        committed(&members, Binding::JuratV1, &quoted, Some(NONCE)).claims_finding
    };
    assert_eq!(judge(&whole.to_string()).status, Status::Pass);
    let names = "version signing_address signing_public_key chain key key_provenance tls tls_spki_sha256 gpus model \
                 manifest_source software config_sha256 started_at";
    let listed: Vec<_> = names.split_whitespace().map(|name| &whole[name]).collect();
    let edited = |member: &str, value: Value| {
        let mut claims = whole.clone();
        claims[member] = value;
        claims.to_string()
    };
    for text in [
        json!(listed).to_string(),
        edited("software", json!(["0.1.0", ""])),
        edited("model", json!([null, null, null, {}])),
        edited("key", json!({"fresh": null})),
    ] {
        let finding = judge(&text);
        assert_eq!(finding.status, Status::Fail, "{text}");
        assert!(finding.reason.contains("the claims are not legible"), "{finding:?}");
    }
}

#[test]
fn lists_of_signers_and_models_are_compared_with() {
    let (one, other) = (Address::new([1; 20]), Address::new([2; 20]));
    assert_eq!(signer::judge(&one, &[]).status, Status::Skip);
    assert_eq!(signer::judge(&one, &[other, one]).status, Status::Pass);
    assert_eq!(signer::judge(&one, &[other]).status, Status::Fail);

    let digest = sha256(b"model");
    let of = |sha256: Option<String>| Claims { model: Model { sha256, ..Model::default() }, ..claims() };
    let judge = |claims: &Claims, accepted: &[Digest]| model::judge(Some(claims), accepted).status;
    assert_eq!(model::judge(None, &[digest]), Finding::skip("no claims are attested"));
    assert_eq!(judge(&of(None), &[]), Status::Skip);
    assert_eq!(judge(&of(None), &[digest]), Status::Fail);
    assert_eq!(judge(&of(Some("x".into())), &[]), Status::Fail);
    assert_eq!(judge(&of(Some(digest.to_string())), &[]), Status::Skip);
    assert_eq!(judge(&of(Some(digest.to_string())), &[sha256(b""), digest]), Status::Pass);
    assert_eq!(judge(&of(Some(digest.to_string())), &[sha256(b"")]), Status::Fail);
}

#[test]
fn the_tls_key_is_the_one_that_is_attested() {
    let (attested, seen) = (sha256(b"spki"), sha256(b"other"));
    let with = Claims { tls_spki_sha256: Some(attested.to_string()), ..claims() };
    let judge = |claims: Option<&Claims>, seen| tls::judge(&body(&json!({})), Binding::JuratV1, claims, seen);
    assert_eq!(judge(Some(&with), Some(attested)).status, Status::Pass);
    assert_eq!(judge(Some(&with), Some(seen)).status, Status::Fail);
    assert_eq!(judge(Some(&with), None).status, Status::Skip);
    assert_ne!(judge(Some(&claims()), Some(seen)).status, Status::Pass);
    assert_ne!(judge(None, Some(seen)).status, Status::Pass);
    let named = body(&json!({"tls_cert_fingerprint": attested.to_string()}));
    let dstack = |binding, seen| tls::judge(&named, binding, None, Some(seen)).status;
    assert_eq!(dstack(Binding::DstackV2, attested), Status::Pass);
    assert_eq!(dstack(Binding::DstackV2, seen), Status::Fail);
    assert_ne!(dstack(Binding::DstackV1, attested), Status::Pass, "nothing vouches for it there");
}
