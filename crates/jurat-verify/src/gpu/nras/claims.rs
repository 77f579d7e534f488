//! What NVIDIA's attestation service says: overall, and of one GPU. Of the many claims, those that a verdict
//! rests on; the others are ignored, and so are versions of which there are two.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// The token over all GPUs.
#[derive(Debug, Deserialize)]
pub(super) struct Overall {
    pub(super) sub: String,
    pub(super) eat_nonce: String,
    #[serde(rename = "x-nvidia-overall-att-result")]
    pub(super) result: bool,
    /// By the GPU's name, `["DIGEST", ["SHA-256", hex]]`.
    pub(super) submods: Unique<(String, (String, String))>,
}

/// The token of one GPU. Where the service refuses, it has an error and nothing else.
#[derive(Debug, Deserialize)]
pub(super) struct Device {
    #[serde(default, rename = "x-nvidia-error-details")]
    error: Option<ErrorDetails>,
    #[serde(default)]
    pub(super) eat_nonce: Option<String>,
    #[serde(default)]
    pub(super) ueid: Option<String>,
    #[serde(default)]
    measres: Option<String>,
    #[serde(default)]
    secboot: Option<bool>,
    #[serde(default)]
    dbgstat: Option<String>,
    #[serde(default, rename = "x-nvidia-gpu-driver-version")]
    pub(super) driver: Option<String>,
    #[serde(default, rename = "x-nvidia-gpu-vbios-version")]
    pub(super) vbios: Option<String>,
    #[serde(default, rename = "x-nvidia-gpu-attestation-report-nonce-match")]
    nonce_match: Option<bool>,
    #[serde(default, rename = "x-nvidia-gpu-attestation-report-signature-verified")]
    signature_verified: Option<bool>,
    /// In version 2.0.
    #[serde(default, rename = "x-nvidia-gpu-attestation-report-cert-chain-validated")]
    chain_validated: Option<bool>,
    /// In version 3.0.
    #[serde(default, rename = "x-nvidia-gpu-attestation-report-cert-chain")]
    chain: Option<ChainState>,
}

#[derive(Debug, Deserialize)]
struct ErrorDetails {
    #[serde(default)]
    message: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct ChainState {
    #[serde(default, rename = "x-nvidia-cert-status")]
    status: Option<String>,
    #[serde(default, rename = "x-nvidia-cert-ocsp-status")]
    ocsp: Option<String>,
}

impl Device {
    /// The first thing that is not as it is for a GPU in order.
    pub(super) fn objection(&self) -> Option<String> {
        if let Some(error) = &self.error {
            let message = error.message.as_ref().and_then(Value::as_str).unwrap_or("no reason");
            return Some(format!("NVIDIA refused it: {message}"));
        }
        // 3.0 says how the chain is, where 2.0 says whether it is
        let chain = match (&self.chain_validated, &self.chain) {
            (Some(validated), None) => *validated,
            (None, Some(chain)) => {
                chain.status.as_deref() == Some("valid") && chain.ocsp.as_deref() == Some("good")
            }
            _ => false,
        };
        let wanted = [
            (self.measres.as_deref() == Some("success"), "measres is not success"),
            (self.secboot == Some(true), "secboot is not true"),
            (self.dbgstat.as_deref() == Some("disabled"), "dbgstat is not disabled"),
            (self.nonce_match == Some(true), "its nonce did not match"),
            (self.signature_verified == Some(true), "its report's signature was not verified"),
            (chain, "its certificates were not validated"),
        ];
        let (_, objection) = wanted.into_iter().find(|(holds, _)| !holds)?;
        Some(format!("NVIDIA says that {objection}"))
    }
}

/// The detached EAT: the overall token, then the GPUs' by their names.
#[derive(Debug, Deserialize)]
pub(super) struct Detached(pub(super) (String, String), pub(super) Unique<String>);

/// An object of whatever names, each there once.
#[derive(Debug)]
pub(super) struct Unique<T>(pub(super) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = Unique<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Unique<T>, A::Error> {
                let mut members = BTreeMap::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.contains_key(&name) {
                        map.next_value::<IgnoredAny>()?;
                        return Err(serde::de::Error::custom("a member is there twice"));
                    }
                    members.insert(name, map.next_value()?);
                }
                Ok(Unique(members))
            }
        }
        from.deserialize_map(Visitor(std::marker::PhantomData))
    }
}
