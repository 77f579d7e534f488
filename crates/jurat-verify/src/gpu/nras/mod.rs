//! `gpu.nras`: NVIDIA's attestation service says the same of the same evidence.
//!
//! It answers with a detached EAT (RFC 9711): one signed token overall, and one for each GPU that the overall
//! one names by digest. A refusal comes in the same form, and with the same HTTP status: what counts is what
//! the tokens say.

mod claims;
mod keys;
mod token;

use std::collections::BTreeSet;

use jurat_proto::{Digest, Nonce, UnixSeconds, sha256};

use self::{
    claims::{Detached, Device, Overall},
    keys::{KeyError, KeySet},
    token::{Authority, TokenError},
};
use super::Gpu;
use crate::{NrasAnswer, check::Finding, json};

const MAX_TEXT: usize = 1 << 20;
const SUBJECT: &str = "NVIDIA-PLATFORM-ATTESTATION";

/// Whom to believe.
pub(crate) struct Service {
    /// SHA-256 of the SubjectPublicKeyInfo that certifies the service's keys.
    pub(crate) pin: Digest,
    /// `iss` of its tokens.
    pub(crate) issuer: &'static str,
}

/// Judges an answer about GPUs whose reports are signed.
pub(super) fn judge(
    gpus: &[Gpu<'_>],
    answer: NrasAnswer<'_>,
    nonce: Result<Nonce, &'static str>,
    service: &Service,
    now: UnixSeconds,
) -> Finding {
    let nonce = match nonce {
        Ok(nonce) => nonce,
        Err(reason) => return Finding::skip(reason),
    };
    match examine(gpus, answer, nonce, service, now) {
        Ok(()) => Finding::pass(format!("NVIDIA's attestation service says the same of all {}", gpus.len())),
        // the tokens may be NVIDIA's under a new intermediate: they prove nothing, and refute nothing
        Err(NrasError::Overall(TokenError::Key(error @ KeyError::NotPinned(_)))) => {
            Finding::skip(error.to_string())
        }
        Err(error) => Finding::fail(error.to_string()),
    }
}

/// Why an answer is no confirmation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum NrasError {
    #[error("NVIDIA's answer is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("NVIDIA's answer is not a detached EAT: {0}")]
    Json(String),
    #[error("the overall token: {0}")]
    Overall(TokenError),
    #[error("the overall token is about {0:?}")]
    Subject(String),
    #[error("the token of {0}: {1}")]
    Device(String, TokenError),
    #[error("the token of {0} is not the one that the overall token names")]
    Digest(String),
    #[error("the overall token names other GPUs than there are tokens of")]
    Names,
    #[error("{0} GPUs in NVIDIA's answer, {1} in the evidence")]
    Count(usize, usize),
    #[error("{0}: {1}")]
    Objection(String, String),
    #[error("NVIDIA's overall result is false")]
    Result,
    #[error("the overall token is over another nonce than the binding derives")]
    Nonce,
}

fn examine(
    gpus: &[Gpu<'_>],
    answer: NrasAnswer<'_>,
    nonce: Nonce,
    service: &Service,
    now: UnixSeconds,
) -> Result<(), NrasError> {
    if answer.answer.len() > MAX_TEXT {
        return Err(NrasError::TooLong);
    }
    let Detached((kind, overall), devices) = json::read(answer.answer).map_err(NrasError::Json)?;
    if kind != "JWT" {
        return Err(NrasError::Json("its first member is not a JWT".into()));
    }
    let keys = KeySet::read(answer.jwks).map_err(|error| NrasError::Overall(error.into()))?;
    let authority = Authority { keys: &keys, pin: &service.pin, issuer: service.issuer, now };

    let overall: Overall = authority.claims(&overall).map_err(NrasError::Overall)?;
    if overall.sub != SUBJECT {
        return Err(NrasError::Subject(overall.sub));
    }
    if overall.submods.0.keys().ne(devices.0.keys()) {
        return Err(NrasError::Names);
    }
    let mut told = Vec::with_capacity(devices.0.len());
    for ((name, token), (kind, (algorithm, digest))) in devices.0.iter().zip(overall.submods.0.values()) {
        if kind != "DIGEST" || algorithm != "SHA-256" || *digest != sha256(token.as_bytes()).to_string() {
            return Err(NrasError::Digest(name.clone()));
        }
        let device: Device =
            authority.claims(token).map_err(|error| NrasError::Device(name.clone(), error))?;
        told.push((name, device));
    }
    // what the service objects to says more than that it does
    for (name, device) in &told {
        if let Some(objection) = device.objection() {
            return Err(NrasError::Objection((*name).clone(), objection));
        }
    }
    if !overall.result {
        return Err(NrasError::Result);
    }
    if overall.eat_nonce != nonce.to_string() {
        return Err(NrasError::Nonce);
    }
    if told.len() != gpus.len() {
        return Err(NrasError::Count(told.len(), gpus.len()));
    }
    let mut seen = BTreeSet::new();
    for (name, device) in &told {
        if let Some(objection) = contradicts(device, gpus, &nonce, &mut seen) {
            return Err(NrasError::Objection((*name).clone(), objection));
        }
    }
    Ok(())
}

/// What a GPU's token says otherwise than the GPU's evidence. A GPU is told by the number of its certificate.
fn contradicts(
    device: &Device,
    gpus: &[Gpu<'_>],
    nonce: &Nonce,
    seen: &mut BTreeSet<usize>,
) -> Option<String> {
    let differs = |what: &str| Some(format!("NVIDIA speaks of another {what} than the evidence"));
    if device.eat_nonce.as_deref() != Some(nonce.to_string().as_str()) {
        return differs("nonce");
    }
    let ueid = |gpu: &Gpu<'_>| {
        gpu.chain.as_ref().ok().map(|chain| ueid(chain.leaf.tbs_certificate().serial_number().as_bytes()))
    };
    let found = gpus.iter().position(|gpu| device.ueid.is_some() && ueid(gpu) == device.ueid);
    let Some((at, gpu)) = found.and_then(|at| gpus.get(at).map(|gpu| (at, gpu))) else {
        return differs("GPU");
    };
    if !seen.insert(at) {
        return Some("NVIDIA speaks of one GPU twice".into());
    }
    let identity = match gpu.identity() {
        Ok(identity) => identity,
        Err(error) => return Some(error.to_string()),
    };
    if device.driver.as_ref() != Some(&identity.driver) {
        return differs("driver");
    }
    if device.vbios.as_ref() != Some(&identity.vbios) {
        return differs("VBIOS");
    }
    None
}

/// A certificate's number in decimal digits, as NVIDIA has it for a GPU's identity.
fn ueid(number: &[u8]) -> String {
    let mut digits = vec![0u8];
    for byte in number {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            // invariant: a remainder of ten fits
            *digit = u8::try_from(value % 10).unwrap_or(0);
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

/// What the claims of a GPU's token object to; `None` if they are not legible.
#[cfg(fuzzing)]
pub(super) fn objection(claims: &str) -> Option<Option<String>> {
    let _ = json::object::<Overall>(claims);
    let _ = json::read::<Detached>(claims);
    json::object::<Device>(claims).ok().map(|device| device.objection())
}

#[cfg(test)]
mod tests;
