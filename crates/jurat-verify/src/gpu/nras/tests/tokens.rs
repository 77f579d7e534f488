//! Tokens signed by hand.

use p384::ecdsa::{Signature, signature::Signer};
use serde_json::{Value, json};

use super::{
    super::token::{Authority, TokenError},
    keys::{AT, jwks},
    *,
};
use crate::gpu::tests::minted::{key, pin};

/// Signed with the key `one`.
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
    let keys = KeySet::read(&jwks()).unwrap();
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

/// An answer about [`STAGE`]'s GPU, altered before it is signed.
fn answer(edit: impl FnOnce(&mut Value, &mut Value)) -> String {
    let said: Value = serde_json::from_str(&STAGE.exchange.answer).unwrap();
    let claims = |token: &Value| -> Value {
        let part = token.as_str().unwrap().split('.').nth(1).unwrap();
        let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        claims["iss"] = "nvidia".into();
        claims
    };
    let device = token(&header(None), &claims(&said[1]["GPU-0"]).to_string());
    let mut overall = claims(&said[0][1]);
    overall["submods"]["GPU-0"] = json!(["DIGEST", ["SHA-256", sha256(device.as_bytes()).to_string()]]);
    let mut devices = json!({ "GPU-0": device });
    edit(&mut overall, &mut devices);
    json!([["JWT", token(&header(None), &overall.to_string())], devices]).to_string()
}

fn examined(answer: &str) -> Result<(), NrasError> {
    let gpus = [Gpu::read(&STAGE.evidence, &roots::nvidia(Roots::Simulated), NOW)];
    let service = Service { pin: pin(2), issuer: "nvidia" };
    examine(&gpus, NrasAnswer { answer, jwks: &jwks() }, NONCE, &service, NOW)
}

#[test]
fn tokens_of_gpus_are_named_by_their_digest() {
    assert_eq!(examined(&answer(|_, _| ())), Ok(()));
    let other =
        |edit: &dyn Fn(&mut Value)| examined(&answer(|overall, _| edit(&mut overall["submods"]["GPU-0"])));
    let unnamed = Err(NrasError::Digest("GPU-0".into()));
    assert_eq!(other(&|named| named[0] = "JWT".into()), unnamed);
    assert_eq!(other(&|named| named[1][0] = "SHA-384".into()), unnamed);
    assert_eq!(other(&|named| named[1][1] = sha256(b"another").to_string().into()), unnamed);
    let renamed = examined(&answer(|_, devices| {
        let device = devices["GPU-0"].take();
        *devices = json!({ "GPU-1": device });
    }));
    assert_eq!(renamed, Err(NrasError::Names));
    let subject = examined(&answer(|overall, _| overall["sub"] = "OTHER".into()));
    assert_eq!(subject, Err(NrasError::Subject("OTHER".into())));
    let refused = examined(&answer(|overall, _| overall["x-nvidia-overall-att-result"] = false.into()));
    assert_eq!(refused, Err(NrasError::Result));
}

#[test]
fn answers_are_bounded() {
    let whole = answer(|_, _| ());
    let padded = |length: usize| format!("{whole}{}", " ".repeat(length - whole.len()));
    assert_eq!(examined(&padded(1 << 20)), Ok(()));
    assert_eq!(examined(&padded((1 << 20) + 1)), Err(NrasError::TooLong));
}
