//! Key sets minted by hand: each deviation is refused by its own name.

use der::oid::AssociatedOid;
use der::{Decode as _, Encode as _};
use jurat_proto::sha256;
use serde_json::{Value, json};
use x509_cert::{
    Certificate,
    ext::pkix::{BasicConstraints, KeyUsage, KeyUsages},
};

use super::{
    super::keys::{KeyError, KeySet},
    *,
};
use crate::gpu::tests::minted::{
    EC_PUBLIC_KEY, SECP384R1, STRANGE, Shape, constraints, extension, key, pin, point, spki, usage,
};

pub(super) const AT: UnixSeconds = UnixSeconds(5_000);

/// The token's key and who certified it, each with the number of the key that signs it.
struct Minted {
    shapes: Vec<(Shape, u8)>,
}

impl Minted {
    fn new() -> Self {
        let validity = (1_000, NOW.0);
        let issuer = Shape {
            extensions: vec![constraints(true, None), usage(KeyUsages::KeyCertSign)],
            validity,
            ..Shape::new("issuer", "root", &key(2))
        };
        let signer = Shape { validity, ..Shape::new("signer", "issuer", &key(1)) };
        Self { shapes: vec![(signer, 2), (issuer, 3)] }
    }

    fn jwk(&self) -> Value {
        let point = point(&key(1));
        let x5c: Vec<_> =
            self.shapes.iter().map(|(shape, signer)| STANDARD.encode(shape.sign(&key(*signer)))).collect();
        json!({
            "kid": "one", "kty": "EC", "crv": "P-384", "x5c": x5c,
            "x": URL_SAFE_NO_PAD.encode(&point[1..49]), "y": URL_SAFE_NO_PAD.encode(&point[49..]),
        })
    }
}

/// Of one key, `one`, under [`pin`]`(2)`.
pub(super) fn jwks() -> String {
    set(&[Minted::new().jwk()])
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn found(jwk: &Value, pin: &Digest) -> Result<(), KeyError> {
    let set = KeySet::read(&set(std::slice::from_ref(jwk)))?;
    let found = set.key("one", pin, AT)?;
    assert_eq!(&found, key(1).verifying_key());
    Ok(())
}

fn minted(edit: impl FnOnce(&mut Vec<(Shape, u8)>)) -> Result<(), KeyError> {
    let mut minted = Minted::new();
    edit(&mut minted.shapes);
    found(&minted.jwk(), &pin(2))
}

#[test]
fn a_key_is_certified_by_the_pinned_one() {
    assert_eq!(minted(|_| ()), Ok(()));
    assert_eq!(found(&Minted::new().jwk(), &pin(3)), Err(KeyError::NotPinned(pin(2))));
    let above = || Shape {
        extensions: vec![constraints(true, None), usage(KeyUsages::KeyCertSign)],
        ..Shape::new("root", "root", &key(3))
    };
    let of = |more: usize| {
        let mut minted = Minted::new();
        minted.shapes.extend((0..more).map(|_| (above(), 3)));
        found(&minted.jwk(), &pin(3))
    };
    assert_eq!(of(1), Ok(()));
    assert_eq!(of(2), Ok(()));
    assert_eq!(of(3), Err(KeyError::Length(5)));
    assert_eq!(minted(|shapes| shapes.truncate(1)), Err(KeyError::Length(1)));
}

#[test]
fn certificates_of_keys_are_judged() {
    let sign = || usage(KeyUsages::KeyCertSign);
    let illegible = |id| extension(id, true, b"?");
    for extensions in [
        vec![],
        vec![sign()],
        vec![constraints(true, None)],
        vec![constraints(false, None), sign()],
        vec![constraints(true, None), usage(KeyUsages::DigitalSignature)],
        vec![illegible(BasicConstraints::OID), sign()],
        vec![constraints(true, None), illegible(KeyUsage::OID)],
    ] {
        assert_eq!(minted(|shapes| shapes[1].0.extensions = extensions), Err(KeyError::Issuer(0)));
    }
    assert_eq!(minted(|shapes| shapes[0].0.issuer = "other"), Err(KeyError::Issuer(0)));
    assert_eq!(minted(|shapes| shapes[0].1 = 9), Err(KeyError::Issuer(0)));
    for inside in [0, 1] {
        assert_eq!(minted(|shapes| shapes[0].0.algorithms[inside] = STRANGE), Err(KeyError::Issuer(0)));
    }
    assert_eq!(minted(|shapes| shapes[0].0.algorithms = [STRANGE; 2]), Err(KeyError::Issuer(0)));
    for at in [0, 1] {
        let known = |id, critical| extension(id, critical, b"?");
        assert_eq!(minted(|shapes| shapes[at].0.extensions.push(known(STRANGE, false))), Ok(()));
        let critical = minted(|shapes| shapes[at].0.extensions.push(known(STRANGE, true)));
        assert_eq!(critical, Err(KeyError::Critical(at)));
        for validity in [(5_001, 9_000), (1_000, 4_999)] {
            assert_eq!(minted(|shapes| shapes[at].0.validity = validity), Err(KeyError::Validity(at, AT)));
        }
        assert_eq!(minted(|shapes| shapes[at].0.validity = (5_000, 5_000)), Ok(()));
    }
    let other = minted(|shapes| shapes[0].0.spki = spki(&key(9), EC_PUBLIC_KEY, SECP384R1));
    assert_eq!(other, Err(KeyError::OtherKey));
}

#[test]
fn keys_are_of_one_form_and_name() {
    let whole = Minted::new().jwk();
    let short = URL_SAFE_NO_PAD.encode([1; 47]);
    let other = URL_SAFE_NO_PAD.encode([1; 48]);
    for (member, value) in [
        ("kty", json!("RSA")),
        ("crv", json!("P-256")),
        ("crv", Value::Null),
        ("x", json!(short)),
        ("y", json!(short)),
        ("x", json!("?")),
        ("y", Value::Null),
        ("y", json!(other)),
    ] {
        let mut jwk = whole.clone();
        jwk[member] = value;
        assert_eq!(found(&jwk, &pin(2)), Err(KeyError::Curve), "{member}");
    }
    let mut named = whole.clone();
    named["kid"] = "other".into();
    assert_eq!(found(&named, &pin(2)), Err(KeyError::Unknown));
    let both = KeySet::read(&set(&[named.clone(), whole.clone()])).unwrap();
    assert_eq!(both.key("one", &pin(2), AT).as_ref(), Ok(key(1).verifying_key()));
    for (at, x5c) in
        [(0, json!(["?", "AA=="])), (1, json!([whole["x5c"][0], "?"])), (0, json!(["AA==", "AA=="]))]
    {
        let mut jwk = whole.clone();
        jwk["x5c"] = x5c;
        assert_eq!(found(&jwk, &pin(2)), Err(KeyError::Der(at)));
    }
}

#[test]
fn key_sets_are_bounded() {
    let bare = json!({"kid": "x", "kty": "EC"});
    assert!(KeySet::read(&set(&vec![bare.clone(); 256])).is_ok());
    assert_eq!(KeySet::read(&set(&vec![bare; 257])).err(), Some(KeyError::TooLong));
    let empty = set(&[]);
    let padded = |length: usize| format!("{empty}{}", " ".repeat(length - empty.len()));
    assert!(KeySet::read(&padded(1 << 20)).is_ok());
    assert_eq!(KeySet::read(&padded((1 << 20) + 1)).err(), Some(KeyError::TooLong));
}

/// serde would take them by their order.
#[test]
fn key_sets_and_keys_are_objects() {
    let bare = r#"{"kid":"x","kty":"EC"}"#;
    assert!(KeySet::read(&format!(r#"{{"keys":[{bare}]}}"#)).is_ok());
    for text in [format!("[[{bare}]]"), r#"{"keys":[["x","EC",null,null,null,[]]]}"#.to_owned()] {
        assert!(matches!(KeySet::read(&text), Err(KeyError::Json(_))), "{text}");
    }
}

/// NVIDIA's intermediate has an RSA key. This one was made with OpenSSL, and its private key thrown away.
#[test]
fn a_key_may_be_certified_with_rsa() {
    const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
    let text = include_str!("rsa.json");
    let value: Value = serde_json::from_str(text).unwrap();
    let certificate = |at: usize| STANDARD.decode(value["keys"][0]["x5c"][at].as_str().unwrap()).unwrap();
    let issuer = Certificate::from_der(&certificate(1)).unwrap();
    let pin = sha256(&issuer.tbs_certificate().subject_public_key_info().to_der().unwrap());
    let set = KeySet::read(text).unwrap();
    assert!(set.key("rsa", &pin, NOW).is_ok());
    assert_eq!(set.key("rsa", &Digest::ZERO, NOW), Err(KeyError::NotPinned(pin)));

    let mut signature = certificate(0);
    *signature.last_mut().unwrap() ^= 1;
    let mut edited = value.clone();
    edited["keys"][0]["x5c"][0] = STANDARD.encode(signature).into();
    let set = KeySet::read(&edited.to_string()).unwrap();
    assert_eq!(set.key("rsa", &pin, NOW), Err(KeyError::Issuer(0)));

    // the issuer's key calls itself one of RSASSA-PSS: it is no longer said to be for this algorithm
    let (rsa, pss) =
        (hex::decode("06092a864886f70d010101").unwrap(), hex::decode("06092a864886f70d01010a").unwrap());
    let mut other = certificate(1);
    let at = other.windows(rsa.len()).position(|window| window == rsa).unwrap();
    other[at..at + pss.len()].copy_from_slice(&pss);
    let renamed = Certificate::from_der(&other).unwrap();
    let pin = sha256(&renamed.tbs_certificate().subject_public_key_info().to_der().unwrap());
    let mut edited = value.clone();
    edited["keys"][0]["x5c"][1] = STANDARD.encode(other).into();
    let set = KeySet::read(&edited.to_string()).unwrap();
    assert_eq!(set.key("rsa", &pin, NOW), Err(KeyError::Issuer(0)));
}
