//! A JSON Web Token (RFC 7519) as NVIDIA's attestation service makes them: JWS in compact form, ES384.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jurat_proto::{Digest, UnixSeconds};
use p384::ecdsa::{Signature, signature::Verifier};
use serde::{Deserialize, de::DeserializeOwned};

use super::keys::{KeyError, KeySet};
use crate::json;

/// Between the service's clock and the judge's.
const LEEWAY_SECONDS: u64 = 60;
const MAX_TEXT: usize = 64 << 10;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("it is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("it does not have the three parts of a signed token")]
    Form,
    #[error("its header is not legible: {0}")]
    Header(String),
    #[error("it is not signed with ES384")]
    Algorithm,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("its signature is wrong")]
    Signature,
    #[error("its claims are not legible: {0}")]
    Claims(String),
    #[error("it is from {0:?}")]
    Issuer(String),
    #[error("it is not valid at {0}")]
    Time(UnixSeconds),
}

/// The header. Members that would change what is verified, like `crit` or `b64`, are refused with all others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default)]
    typ: Option<String>,
}

/// The claims that every token has.
#[derive(Deserialize)]
struct Registered {
    iss: String,
    iat: u64,
    nbf: u64,
    exp: u64,
}

/// Whom tokens must be from, and when.
pub(super) struct Authority<'a> {
    pub(super) keys: &'a KeySet,
    pub(super) pin: &'a Digest,
    pub(super) issuer: &'a str,
    pub(super) now: UnixSeconds,
}

impl Authority<'_> {
    /// The claims of a token that is authentic and valid now.
    pub(super) fn claims<T: DeserializeOwned>(&self, token: &str) -> Result<T, TokenError> {
        if token.len() > MAX_TEXT {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form);
        let header: Header = json::object_in(&decode(header)?).map_err(TokenError::Header)?;
        if header.alg != "ES384" || header.typ.as_deref().is_some_and(|typ| typ != "JWT") {
            return Err(TokenError::Algorithm);
        }
        let key = self.keys.key(&header.kid, self.pin, self.now)?;
        let signature = Signature::from_slice(&decode(signature)?).map_err(|_| TokenError::Signature)?;
        key.verify(signed.as_bytes(), &signature).map_err(|_| TokenError::Signature)?;

        let claims = decode(claims)?;
        let registered: Registered = json::object_in(&claims).map_err(TokenError::Claims)?;
        if registered.iss != self.issuer {
            return Err(TokenError::Issuer(registered.iss));
        }
        let begins = registered.nbf.max(registered.iat);
        let begun = self.now.0.saturating_add(LEEWAY_SECONDS) >= begins;
        if begun && self.now.0 < registered.exp.saturating_add(LEEWAY_SECONDS) {
            json::object_in(&claims).map_err(TokenError::Claims)
        } else {
            Err(TokenError::Time(self.now))
        }
    }
}
