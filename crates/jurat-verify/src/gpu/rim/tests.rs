//! Over minted manifests: `samples/golden.rs` has NVIDIA's own.

use std::num::NonZeroU32;

use jurat_simulated::{Blueprint, Rims};
use proptest::prelude::*;

use super::*;
use crate::{Roots, roots};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

fn minted() -> String {
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    tee.rims(Rims::Fitting).unwrap().remove(0)
}

fn judge(text: &str) -> Result<Rim, RimError> {
    Rim::authenticate(text, &roots::nvidia_rim(Roots::Simulated), NOW).map(|(rim, _)| rim)
}

/// The manifest after an edit that must find its place.
fn edited(text: &str, from: &str, to: &str) -> Result<Rim, RimError> {
    assert!(text.contains(from), "{from}");
    judge(&text.replacen(from, to, 1))
}

#[test]
fn a_minted_manifest_is_read() {
    let text = minted();
    let rim = judge(&text).unwrap();
    assert_eq!((rim.product.as_str(), rim.version.as_str()), ("GH100", "000.000.00"));
    let indices: Vec<u8> = rim.golden.iter().map(|golden| golden.index).collect();
    assert_eq!(indices, [7, 8, 12, 13, 20, 26, 27, 28, 35]);
    assert_eq!(rim.golden[3].alternatives.len(), 2);
    // other line ends and another way to write the same are the same document
    assert!(judge(&text.replace('\n', "\r\n")).is_ok());
    assert!(edited(&text, "size=\"48\"/>", "size='48' ></ns0:Resource >").is_ok());
    assert!(judge(&format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{text}")).is_ok());
}

#[test]
fn edits_are_refused_by_name() {
    let text = minted();
    for (from, to) in [
        ("000.000.00", "000.000.01"),
        ("active=\"True\"", "active=\"False\""),
        ("index=\"7\"", "index=\"9\""),
        ("alternatives=\"2\"", "alternatives=\"1\""),
        ("    <ns0:Entity", "   <ns0:Entity"),
        ("xmlns:SHA384=", "xmlns:SHA385="),
        ("</SoftwareIdentity>", "<ns0:Meta product=\"GH100\" colloquialVersion=\"1\"/></SoftwareIdentity>"),
    ] {
        assert_eq!(edited(&text, from, to), Err(RimError::Edited), "{from}");
    }
    for (from, to) in [
        (
            "Algorithm=\"http://www.w3.org/2006/12/xml-c14n11\"",
            "Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
        ),
        ("xmldsig-more#ecdsa-sha384", "xmldsig-more#hmac-sha384"),
        ("xmldsig-more#sha384", "xmldsig-more#md5"),
        ("#enveloped-signature", "#base64"),
        ("#enveloped-signature\"", "#enveloped-signature\" Other=\"1\""),
    ] {
        assert!(matches!(edited(&text, from, to), Err(RimError::Algorithm(_))), "{from}");
    }
    let shape = |from: &str, to: &str| match edited(&text, from, to) {
        Err(RimError::Shape(what)) => what,
        other => panic!("{from}: {other:?}"),
    };
    assert_eq!(shape("URI=\"\"", "URI=\"#x\""), "its signature is over something else than the document");
    assert_eq!(
        shape("<ds:Reference", "<ds:Reference URI=\"\"></ds:Reference><ds:Reference"),
        "its signature has members that jurat does not know"
    );
    assert_eq!(
        shape("<ds:SignedInfo>", "<ds:SignedInfo Id=\"x\">"),
        "its signature has attributes that jurat does not know"
    );
    assert_eq!(
        shape("<ds:SignatureValue>", "x<ds:SignatureValue>"),
        "its signature has text between its members"
    );
    assert_eq!(
        shape("<ds:DigestValue>", "<ds:DigestValue>!"),
        "its signature has a value that is not base64"
    );
    assert_eq!(
        shape("<ds:X509Data>", "<ds:X509Data><ds:X509CRL></ds:X509CRL>"),
        "its signature names keys in other ways than by certificates"
    );
    // a digest that fits the edit is not the one that was signed
    let digest = text.split("<ds:DigestValue>").nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(edited(&text, digest, &"A".repeat(64)), Err(RimError::Edited));
    assert_eq!(judge(&" ".repeat((1 << 20) + 1)), Err(RimError::TooLong));
}

/// Two signatures, or one elsewhere: whoever takes the wrong one verifies what nobody reads.
#[test]
fn a_signature_is_there_once_and_in_its_place() {
    let text = minted();
    let at = text.find("<ds:Signature ").unwrap();
    let end = text.find("</SoftwareIdentity>").unwrap();
    let (head, signature) = (&text[..at], &text[at..end]);
    assert_eq!(
        judge(&format!("{head}{signature}{signature}</SoftwareIdentity>")),
        Err(RimError::Signatures(2))
    );
    assert_eq!(judge(&format!("{head}</SoftwareIdentity>")), Err(RimError::Signatures(0)));
    let wrapped = format!("{head}<ns0:Link>{signature}</ns0:Link></SoftwareIdentity>");
    assert_eq!(judge(&wrapped), Err(RimError::Signatures(1)));
    let inside = text.replacen("<ns0:Payload", &format!("<ns0:Link>{text}</ns0:Link><ns0:Payload"), 1);
    assert_eq!(judge(&inside), Err(RimError::Signatures(2)));
}

#[test]
fn other_signers_are_refused() {
    let text = minted();
    assert!(matches!(
        Rim::authenticate(&text, &roots::nvidia_rim(Roots::Production), NOW),
        Err(RimError::Signer(ChainError::Root(_)))
    ));
    let late = UnixSeconds(NOW.0 + 731 * 86_400);
    assert!(matches!(
        Rim::authenticate(&text, &roots::nvidia_rim(Roots::Simulated), late),
        Err(RimError::Signer(ChainError::Validity(0, _)))
    ));
    // the signature of another manifest of the same signer, over another digest
    let value =
        |text: &str| text.split("SignatureValue>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    let rims = tee.rims(Rims::Fitting).unwrap();
    assert_eq!(edited(&rims[0], &value(&rims[0]), &value(&rims[1])), Err(RimError::Signature));
    assert_eq!(edited(&rims[0], &value(&rims[0]), "AAAA"), Err(RimError::Signature));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_is_refused_or_says_the_same(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let text = MINTED.as_str();
        let mut bytes = text.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // what is not UTF-8 never reaches the judge
        if let Ok(flipped) = String::from_utf8(bytes)
            && let Ok(rim) = judge(&flipped)
        {
            prop_assert_eq!(&rim, &judge(text).unwrap(), "{}", at);
        }
    }

    #[test]
    fn no_cut_makes_it_panic(at in any::<prop::sample::Index>(), length in 0..200usize) {
        let text = MINTED.as_str();
        let at = at.index(text.len());
        let end = (at + length).min(text.len());
        let _ = judge(&format!("{}{}", &text[..at], &text[end..]));
    }
}

static MINTED: std::sync::LazyLock<String> = std::sync::LazyLock::new(minted);

/// A measurement that lists nothing could never be found, and one that lists too much could be anything.
#[test]
fn a_measurement_has_one_to_sixty_four_digests() {
    let read = |alternatives: usize, digests: usize| {
        let listed: String = (0..digests).map(|at| format!(" h:Hash{at}=\"{}\"", "ab".repeat(48))).collect();
        let text = format!(
            "<SoftwareIdentity xmlns=\"http://standards.iso.org/iso/19770/-2/2015/schema.xsd\" \
             xmlns:h=\"http://www.w3.org/2001/04/xmlenc#sha384\"><Meta product=\"GH100\" colloquialVersion=\"1\"/>\
             <Payload><Resource type=\"Measurement\" size=\"48\" index=\"1\" active=\"True\" \
             alternatives=\"{alternatives}\"{listed}/></Payload></SoftwareIdentity>"
        );
        swid::read(&xml::read(&text).unwrap()).map(|rim| rim.golden[0].alternatives.len())
    };
    assert_eq!((read(1, 1), read(64, 64)), (Ok(1), Ok(64)));
    for (alternatives, digests) in [(0, 0), (65, 65), (1, 2), (2, 1)] {
        let refused = Err(RimError::Shape("a measurement has not as many digests as it says"));
        assert_eq!(read(alternatives, digests), refused, "{alternatives}, {digests}");
    }
}

#[test]
fn manifests_are_bounded() {
    let of = |length: usize| {
        Rim::authenticate(&" ".repeat(length), &Digest::ZERO, UnixSeconds(0)).map(drop).unwrap_err()
    };
    assert!(matches!(of(1 << 20), RimError::Xml(_)));
    assert_eq!(of((1 << 20) + 1), RimError::TooLong);
    let all = |count: usize| {
        let texts: Vec<String> = (0..count).map(|at| " ".repeat(at)).collect();
        authenticated(&[&texts[..], &texts[..]].concat(), &Digest::ZERO, UnixSeconds(0))
    };
    assert_eq!(all(64).len(), 64, "each once");
    let found: Vec<_> = all(65).into_iter().map(|found| found.map(drop)).collect();
    assert_eq!(found, [Err(RimError::TooMany(65))]);
}
