//! Chains minted by hand: each deviation is refused by its own name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::oid::AssociatedOid;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};

use super::{
    certificates::{self, Chain, ChainError},
    minted::{self, EC_PUBLIC_KEY, SECP384R1, STRANGE, Shape, constraints, extension, key, pin, usage},
    *,
};

const NOW: UnixSeconds = UnixSeconds(5_000);

/// A leaf, who issued it, and the root, with the numbers of the keys that sign them.
struct Minted {
    shapes: [Shape; 3],
    signers: [u8; 3],
}

impl Minted {
    fn new() -> Self {
        let issuer = |subject, issuer, seed| Shape {
            extensions: vec![constraints(true, None), usage(KeyUsages::KeyCertSign)],
            ..Shape::new(subject, issuer, &key(seed))
        };
        let leaf = Shape {
            extensions: vec![usage(KeyUsages::DigitalSignature)],
            ..Shape::new("leaf", "intermediate", &key(1))
        };
        let shapes = [leaf, issuer("intermediate", "root", 2), issuer("root", "root", 3)];
        Self { shapes, signers: [2, 3, 3] }
    }

    fn der(&self) -> Vec<Vec<u8>> {
        self.shapes.iter().zip(self.signers).map(|(shape, signer)| shape.sign(&key(signer))).collect()
    }
}

fn verified(edit: impl FnOnce(&mut Minted)) -> Result<Chain, ChainError> {
    let mut minted = Minted::new();
    edit(&mut minted);
    certificates::verify_der(&minted.der(), &pin(3), NOW)
}

#[track_caller]
fn assert_is(found: Result<Chain, ChainError>, expected: Result<(), ChainError>) {
    assert_eq!(found.map(drop), expected);
}

#[test]
fn a_chain_is_numbered_from_its_leaf() {
    let chain = verified(|_| ()).unwrap();
    assert_eq!((chain.leaf_spki, chain.issuers[0].spki, chain.issuers[1].spki), (pin(1), pin(2), pin(3)));
    assert_eq!((&chain.key, chain.issuers.len()), (key(1).verifying_key(), 2));
    assert_eq!(&chain.issuers[0].key, key(2).verifying_key());
    let subject = |at| chain.certificate(at).map(|found| found.tbs_certificate().subject().to_string());
    let subjects = [0, 1, 2, 3].map(|at| subject(at).unwrap_or_default());
    assert_eq!(subjects, ["CN=leaf", "CN=intermediate", "CN=root", ""]);
}

#[test]
fn what_a_certificate_may_do_is_heeded() {
    let illegible = |id| extension(id, true, b"?");
    type Case = (usize, Vec<Vec<u8>>, Result<(), ChainError>);
    let sign = || usage(KeyUsages::KeyCertSign);
    let cases: Vec<Case> = vec![
        (0, vec![], Ok(())),
        (0, vec![usage(KeyUsages::KeyCertSign)], Err(ChainError::NotASigner)),
        (0, vec![illegible(KeyUsage::OID)], Err(ChainError::NotASigner)),
        (1, vec![constraints(true, None)], Ok(())),
        (1, vec![sign()], Err(ChainError::NotAnIssuer(1))),
        (1, vec![constraints(false, None), sign()], Err(ChainError::NotAnIssuer(1))),
        (1, vec![illegible(BasicConstraints::OID), sign()], Err(ChainError::NotAnIssuer(1))),
        (
            1,
            vec![constraints(true, None), usage(KeyUsages::DigitalSignature)],
            Err(ChainError::NotAnIssuer(1)),
        ),
        (1, vec![constraints(true, None), illegible(KeyUsage::OID)], Err(ChainError::NotAnIssuer(1))),
        (2, vec![sign()], Err(ChainError::NotAnIssuer(2))),
        (1, vec![constraints(true, Some(0)), sign()], Ok(())),
        (2, vec![constraints(true, Some(1)), sign()], Ok(())),
        (2, vec![constraints(true, Some(0)), sign()], Err(ChainError::PathLength(2))),
        (0, vec![extension(STRANGE, false, b"?")], Ok(())),
        (0, vec![extension(STRANGE, true, b"?")], Err(ChainError::Critical(0, STRANGE))),
    ];
    for (at, extensions, expected) in cases {
        assert_is(verified(|minted| minted.shapes[at].extensions = extensions), expected);
    }
}

#[test]
fn each_certificate_is_issued_by_the_next() {
    for at in 0..3 {
        assert_is(verified(|minted| minted.shapes[at].issuer = "other"), Err(ChainError::Issuer(at)));
        assert_is(verified(|minted| minted.signers[at] = 9), Err(ChainError::Signature(at)));
    }
    let other = certificates::verify_der(&Minted::new().der(), &pin(2), NOW);
    assert_is(other, Err(ChainError::Root(pin(3))));
}

#[test]
fn certificates_are_of_one_form() {
    for at in 0..3 {
        let wrong = Err(ChainError::Algorithm(at));
        assert_is(verified(|minted| minted.shapes[at].algorithms[0] = STRANGE), wrong.clone());
        assert_is(verified(|minted| minted.shapes[at].algorithms[1] = STRANGE), wrong.clone());
        for (algorithm, curve) in [(STRANGE, SECP384R1), (EC_PUBLIC_KEY, STRANGE)] {
            let edit = |minted: &mut Minted| {
                let own = [1, 2, 3][at];
                minted.shapes[at].spki = minted::spki(&key(own), algorithm, curve);
            };
            assert_is(verified(edit), wrong.clone());
        }
        for (validity, fits) in
            [((5_000, 9_000), true), ((1_000, 5_000), true), ((5_001, 9_000), false), ((1_000, 4_999), false)]
        {
            let expected = if fits { Ok(()) } else { Err(ChainError::Validity(at, NOW)) };
            assert_is(verified(|minted| minted.shapes[at].validity = validity), expected);
        }
    }
    let mut der = Minted::new().der();
    der[1] = b"?".to_vec();
    let found = certificates::verify_der(&der, &pin(3), NOW);
    assert!(matches!(found, Err(ChainError::Der(1, _))), "{found:?}");
}

/// Of so many certificates, each issued by the next.
fn long(count: u8) -> Vec<Vec<u8>> {
    const NAMES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let one = |at: u8| {
        let above = (at + 1).min(count - 1);
        let shape = Shape::new(NAMES[usize::from(at)], NAMES[usize::from(above)], &key(at + 1));
        let extensions = if at == 0 { vec![] } else { vec![constraints(true, None)] };
        Shape { extensions, ..shape }.sign(&key(above + 1))
    };
    (0..count).map(one).collect()
}

#[test]
fn chains_and_their_pem_are_bounded() {
    let verify =
        |count: u8| certificates::verify_der(&long(count), &pin(count), NOW).map(|chain| chain.issuers.len());
    assert_eq!(verify(2), Ok(1));
    assert_eq!(verify(8), Ok(7));
    assert_eq!(verify(1), Err(ChainError::Length(1)));
    assert_eq!(verify(9), Err(ChainError::Length(9)));

    let pem = |der: &[Vec<u8>]| {
        let one = |der: &Vec<u8>| {
            format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
        };
        der.iter().map(one).collect::<String>()
    };
    let eight = long(8);
    assert_eq!(certificates::split(pem(&eight).as_bytes()), Ok(eight.clone()));
    assert_eq!(certificates::split(pem(&long(9)).as_bytes()), Err(ChainError::Length(9)));
    let two = pem(&eight[..2]);
    for (text, fits) in [
        (two.replace('\n', " \r\n"), true),
        (format!(" {two}\n\0\0"), true),
        (format!("{two}x"), false),
        (format!("x{two}"), false),
        (format!("\0{two}"), false),
        (two.replace("-----\n-----BEGIN", "-----\0-----BEGIN"), false),
        (two.replace("END", "DNE"), false),
        (two.replace("MI", "M!"), false),
    ] {
        let expected = if fits { Ok(eight[..2].to_vec()) } else { Err(ChainError::Pem) };
        assert_eq!(certificates::split(text.as_bytes()), expected, "{text:?}");
    }
    assert_eq!(certificates::split(&[0xff]), Err(ChainError::Pem));
    assert_eq!(certificates::split(b""), Ok(vec![]));
    assert_eq!(certificates::verify(two.as_bytes(), &pin(2), NOW).map(drop), Err(ChainError::Issuer(1)));
}
