//! Objects written as lists of their members' values, and names as objects. Some readers of JSON take those; a verifier
//! that did would take what the others refuse.

use jurat_verify::CheckId::{BindClaims, GpuNras, GpuPresent, TdxEventlog, TdxQuote};
use serde_json::Value;

use super::{Case, claims, inputs, payload, refuse, report};
use crate::scene::swap;

const CLAIMS: &[&str] = &[
    "version",
    "signing_address",
    "signing_public_key",
    "chain",
    "key",
    "key_provenance",
    "tls",
    "tls_spki_sha256",
    "gpus",
    "model",
    "manifest_source",
    "software",
    "config_sha256",
    "started_at",
];
const COLLATERAL: &[&str] = &[
    "pck_crl_issuer_chain",
    "root_ca_crl",
    "pck_crl",
    "tcb_info_issuer_chain",
    "tcb_info",
    "tcb_info_signature",
    "qe_identity_issuer_chain",
    "qe_identity",
    "qe_identity_signature",
    "pck_certificate_chain",
];
const EVENT: &[&str] = &["imr", "event_type", "digest", "event", "event_payload"];
const JWK: &[&str] = &["kid", "kty", "crv", "x", "y", "x5c"];

/// An edit of JSON, its objects in an order that no build changes.
fn edited(text: &mut String, edit: impl Fn(&mut Value)) {
    let mut value: Value = serde_json::from_str(text).expect("minted as JSON");
    edit(&mut value);
    value.sort_all_objects();
    *text = value.to_string();
}

/// An object becomes the list of what these members are.
fn list(value: &mut Value, names: &[&str]) {
    *value = names.iter().map(|name| value[*name].take()).collect();
}

pub(super) fn cases() -> Vec<Case> {
    let jwks = |edit: fn(&mut Value)| {
        inputs(move |inputs, _| edited(&mut inputs.nras.as_mut().expect("NVIDIA answered").jwks, edit))
    };
    vec![
        refuse(
            TdxQuote,
            "list-collateral",
            "the collateral is a list of its members",
            inputs(|inputs, _| {
                edited(inputs.collateral.as_mut().expect("there is some"), |value| list(value, COLLATERAL));
            }),
        ),
        refuse(
            TdxEventlog,
            "list-event",
            "an event is a list of its members",
            report(|report| {
                let mut text = report["event_log"].as_str().expect("a text").to_owned();
                edited(&mut text, |events| list(&mut events[0], EVENT));
                report.insert("event_log".into(), text.into());
            }),
        ),
        refuse(
            BindClaims,
            "list-claims",
            "attested claims that are a list of their members",
            claims(|text| edited(text, |value| list(value, CLAIMS))),
        ),
        refuse(
            BindClaims,
            "list-claims-software",
            "attested claims whose software is a list of its members",
            claims(|text| edited(text, |value| list(&mut value["software"], &["version", "commit"]))),
        ),
        refuse(
            BindClaims,
            "list-claims-key",
            "attested claims whose key's origin is an object of that name",
            claims(|text| swap(text, "\"key\":\"fresh\"", "\"key\":{\"fresh\":null}")),
        ),
        refuse(
            GpuPresent,
            "list-payload",
            "nvidia_payload is a list of its members",
            payload(|text| edited(text, |value| list(value, &["nonce", "evidence_list"]))),
        ),
        refuse(
            GpuPresent,
            "list-payload-gpu",
            "a GPU's entry in nvidia_payload is a list of its members",
            payload(|text| {
                edited(text, |value| list(&mut value["evidence_list"][0], &["certificate", "evidence"]));
            }),
        ),
        refuse(
            GpuNras,
            "list-nras-keys",
            "the key set is a list of its members",
            jwks(|value| list(value, &["keys"])),
        ),
        refuse(
            GpuNras,
            "list-nras-key",
            "the keys are lists of their members",
            jwks(|value| {
                let keys = value["keys"].as_array_mut().expect("a list");
                keys.iter_mut().for_each(|key| list(key, JWK));
            }),
        ),
    ]
}
