//! NVIDIA's attestation service: a detached EAT (RFC 9711) about GPU evidence, and the keys that it is signed
//! with. Unlike NVIDIA's it looks at nothing: what it says is what it is told to say.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jurat_proto::{UnixSeconds, sha256};
use p384::ecdsa::{Signature, SigningKey, signature::Signer};
use rand_core::TryCryptoRng;
use serde_json::{Map, Value, json};
use x509_cert::{Certificate, time::Validity};

use crate::{
    Blueprint, MintError,
    pki::{Certified, Role, Subject, name, time},
    spdm::{DRIVER, VBIOS},
};

/// Whom the answers say they are from.
pub const NRAS_ISSUER: &str = "https://nras.simulated.invalid";

/// What NVIDIA's look-alike says about the GPU evidence that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nras {
    /// That it is all right.
    Holds,
    /// That the nonce of the evidence is not that of the request.
    NonceMismatch,
    /// That a measurement is another than NVIDIA's, which makes it all false.
    OtherMeasurements,
    /// All right overall, and not so by a GPU's own claims.
    Contradictory,
    /// All right, of evidence with another nonce.
    OtherNonce,
    /// All right, with a driver that the GPU does not report.
    OtherDriver,
    /// All right, of one GPU less.
    OneMissing,
    /// All right, signed with a key that the key set does not have.
    OtherKey,
    /// All right, in a token without a signature.
    Unsigned,
    /// All right, an hour and more ago.
    Expired,
    /// All right, with keys that nobody has certified.
    UncertifiedKeys,
}

/// An answer and the keys to verify it with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NrasExchange {
    /// The body of the answer.
    pub answer: String,
    /// The JWK Set.
    pub jwks: String,
}

/// Who signs answers.
pub(crate) struct NrasSigner {
    current: Certified<SigningKey>,
    /// In the key set as well, and certified, and not used.
    next: Certified<SigningKey>,
    stranger: Certified<SigningKey>,
    root: String,
}

impl NrasSigner {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: &Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let validity = Validity::new(time(blueprint.issued)?, time(blueprint.next_update)?);
        let subject = || -> Result<Subject, MintError> {
            Ok(Subject {
                name: name(&format!(
                    "CN=SIMULATED Attestation Service GPU GH100,{}",
                    crate::roots::NVIDIA_ORGANISATION
                ))?,
                role: Role::Signer,
                validity,
                extensions: vec![],
            })
        };
        Ok(Self {
            current: root.issue(rng, subject()?)?,
            next: root.issue(rng, subject()?)?,
            stranger: Certified::root(rng, subject()?)?,
            root: STANDARD.encode(root.der()?),
        })
    }

    /// Answers about an `nvidia_payload`.
    pub(crate) fn answer(
        &self,
        payload: &str,
        nras: Nras,
        now: UnixSeconds,
    ) -> Result<NrasExchange, MintError> {
        let encoding = MintError::encoding("an answer of the attestation service");
        let payload: Value = serde_json::from_str(payload).map_err(&encoding)?;
        let nonce = match nras {
            Nras::OtherNonce => json!("0e".repeat(32)),
            _ => payload.get("nonce").cloned().unwrap_or_default(),
        };
        let at = if nras == Nras::Expired { now.0.saturating_sub(7200) } else { now.0 };
        let mut devices = Map::new();
        let mut digests = Map::new();
        let list = payload.get("evidence_list").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let count = if nras == Nras::OneMissing { list.len().saturating_sub(1) } else { list.len() };
        for (at_gpu, entry) in list.iter().take(count).enumerate() {
            let claims = device(entry, &nonce, nras, at).ok_or_else(|| MintError::Encoding {
                what: "an answer of the attestation service",
                reason: "the payload has no GPU evidence".into(),
            })?;
            let token = self.token(&claims, nras)?;
            let key = format!("GPU-{at_gpu}");
            digests.insert(key.clone(), json!(["DIGEST", ["SHA-256", sha256(token.as_bytes()).to_string()]]));
            devices.insert(key, token.into());
        }
        let overall = !matches!(nras, Nras::NonceMismatch | Nras::OtherMeasurements);
        let mut claims = timed(at);
        claims.extend([
            ("sub".to_owned(), json!("NVIDIA-PLATFORM-ATTESTATION")),
            ("x-nvidia-ver".to_owned(), json!("2.0")),
            ("x-nvidia-overall-att-result".to_owned(), json!(overall)),
            ("eat_nonce".to_owned(), nonce),
            ("submods".to_owned(), digests.into()),
        ]);
        let answer = json!([["JWT", self.token(&claims, nras)?], devices]).to_string();
        Ok(NrasExchange { answer, jwks: self.jwks(nras)? })
    }

    fn token(&self, claims: &Map<String, Value>, nras: Nras) -> Result<String, MintError> {
        let signer = if nras == Nras::OtherKey { &self.stranger } else { &self.current };
        let header = match nras {
            Nras::Unsigned => json!({"kid": kid(signer)?, "alg": "none"}),
            _ => json!({"kid": kid(signer)?, "alg": "ES384"}),
        };
        let part = |value: String| URL_SAFE_NO_PAD.encode(value);
        let signed =
            format!("{}.{}", part(header.to_string()), part(Value::from(claims.clone()).to_string()));
        if nras == Nras::Unsigned {
            return Ok(format!("{signed}."));
        }
        let signature: Signature =
            signer.key.try_sign(signed.as_bytes()).map_err(MintError::encoding("a token"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }

    fn jwks(&self, nras: Nras) -> Result<String, MintError> {
        let key = |certified: &Certified<SigningKey>| -> Result<Value, MintError> {
            let point = certified.key.verifying_key().to_sec1_point(false);
            let part = |from: usize| URL_SAFE_NO_PAD.encode(&point.as_bytes()[from..from + 48]);
            let mut key = json!({
                "kty": "EC",
                "crv": "P-384",
                "kid": kid(certified)?,
                "x": part(1),
                "y": part(49),
                "x5c": [STANDARD.encode(certified.der()?), self.root],
            });
            if nras == Nras::UncertifiedKeys {
                key["x5c"] = json!([STANDARD.encode(self.stranger.der()?)]);
            }
            Ok(key)
        };
        Ok(json!({"keys": [key(&self.next)?, key(&self.current)?]}).to_string())
    }
}

/// A key's name: NVIDIA's tell when the key was made, these which it is.
fn kid(certified: &Certified<SigningKey>) -> Result<String, MintError> {
    Ok(format!("simulated-eat-kid-{}", sha256(&certified.der()?)))
}

fn timed(at: u64) -> Map<String, Value> {
    let claims = json!({"iss": NRAS_ISSUER, "iat": at, "nbf": at, "exp": at + 3600, "jti": format!("{at}")});
    claims.as_object().cloned().unwrap_or_default()
}

/// The claims about one GPU, in the form of version 2.0.
fn device(entry: &Value, nonce: &Value, nras: Nras, at: u64) -> Option<Map<String, Value>> {
    let pem = STANDARD.decode(entry.get("certificate")?.as_str()?).ok()?;
    let chain = Certificate::load_pem_chain(&pem).ok()?;
    let serial = chain.first()?.tbs_certificate().serial_number().as_bytes();
    let mut claims = timed(at);
    if nras == Nras::NonceMismatch {
        let details = json!({
            "code": 4010,
            "fieldName": "nonce",
            "httpStatus": "400 BAD_REQUEST",
            "message": "NONCE_NOT_MATCHING",
        });
        claims.insert("x-nvidia-error-details".into(), details);
        return Some(claims);
    }
    let measured = !matches!(nras, Nras::OtherMeasurements | Nras::Contradictory);
    let driver = if nras == Nras::OtherDriver { "000.000.01" } else { DRIVER };
    let about = json!({
        "eat_nonce": nonce,
        "ueid": decimal(serial),
        "hwmodel": "GH100",
        "oemid": "5703",
        "measres": if measured { "success" } else { "fail" },
        "secboot": true,
        "dbgstat": "disabled",
        "x-nvidia-attestation-warning": null,
        "x-nvidia-gpu-driver-version": driver,
        "x-nvidia-gpu-vbios-version": VBIOS,
        "x-nvidia-gpu-arch-check": true,
        "x-nvidia-gpu-attestation-report-parsed": true,
        "x-nvidia-gpu-attestation-report-nonce-match": true,
        "x-nvidia-gpu-attestation-report-signature-verified": true,
        "x-nvidia-gpu-attestation-report-cert-chain-validated": true,
    });
    claims.extend(about.as_object().cloned().unwrap_or_default());
    Some(claims)
}

/// A number of many bytes in decimal digits, by dividing it by ten until nothing is left.
fn decimal(bytes: &[u8]) -> String {
    let mut number = bytes.to_vec();
    let mut digits = Vec::new();
    while number.iter().any(|byte| *byte != 0) {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest * 256 + u16::from(*byte);
            *byte = u8::try_from(value / 10).unwrap_or(0);
            rest = value % 10;
        }
        digits.push(char::from(b'0' + u8::try_from(rest).unwrap_or(0)));
    }
    digits.iter().rev().collect()
}
