//! Tokens signed by hand.

use p384::ecdsa::{Signature, signature::Signer};
use serde_json::{Value, json};

use super::{
    super::token::{Authority, TokenError},
    keys::{AT, key_set, pin},
    *,
};
use crate::gpu::tests::minted::key;

fn token(header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature: Signature = key(1).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn header(typ: Option<&str>) -> String {
    let mut header = json!({"alg": "ES384", "kid": "one"});
    if let Some(typ) = typ {
        header["typ"] = typ.into();
    }
    header.to_string()
}

fn claims(iat: u64, nbf: u64, exp: u64) -> String {
    json!({"iss": "nvidia", "iat": iat, "nbf": nbf, "exp": exp}).to_string()
}

fn judged(token: &str) -> Result<Value, TokenError> {
    let keys = key_set();
    Authority { keys: &keys, pin: &pin(2), issuer: "nvidia", now: AT }.claims(token)
}

#[test]
fn tokens_are_of_one_type_or_of_none() {
    let claims = claims(5_000, 5_000, 5_001);
    for typ in [None, Some("JWT")] {
        assert_eq!(judged(&token(&header(typ), &claims)).unwrap()["exp"], 5_001);
    }
    let other = judged(&token(&header(Some("at+jwt")), &claims));
    assert_eq!(other, Err(TokenError::Algorithm));
    assert_eq!(judged("a.b"), Err(TokenError::Form));
    assert_eq!(judged("ab"), Err(TokenError::Form));
}

#[test]
fn tokens_hold_from_their_beginning_to_their_end() {
    for (iat, nbf, exp, holds) in [
        (5_060, 5_060, 9_000, true),
        (5_061, 5_000, 9_000, false),
        (5_000, 5_061, 9_000, false),
        (1_000, 1_000, 4_941, true),
        (1_000, 1_000, 4_940, false),
        (u64::MAX, 0, u64::MAX, false),
        (0, 0, u64::MAX, true),
    ] {
        let found = judged(&token(&header(None), &claims(iat, nbf, exp)));
        let expected = if holds { Ok(()) } else { Err(TokenError::Time(AT)) };
        assert_eq!(found.map(drop), expected, "{iat} {nbf} {exp}");
    }
}

#[test]
fn tokens_are_bounded() {
    // whatever it says: what is too long is not read
    let of = |length: usize| judged(&"A".repeat(length));
    assert_eq!(of(64 << 10), Err(TokenError::Form));
    assert_eq!(of((64 << 10) + 1), Err(TokenError::TooLong));
}
