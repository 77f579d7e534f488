use super::*;

const KEY: &str = "0101010101010101010101010101010101010101010101010101010101010101";

#[test]
fn a_key_comes_with_its_chain() {
    for (key, chain) in [("key", "signature_chain"), ("k256_key", "k256_signature_chain")] {
        let answer = format!(r#"{{"{key}":"{KEY}","{chain}":["AB01","0xcd02"]}}"#);
        let found = parse(answer.as_bytes()).unwrap();
        assert_eq!(found.secret(), &[1; 32]);
        assert_eq!(
            found.provenance(),
            &KeyProvenance {
                path: "jurat/receipt-signing/v1".to_owned(),
                purpose: "jurat-receipt-signing".to_owned(),
                signature_chain: vec!["ab01".to_owned(), "cd02".to_owned()],
            }
        );
        assert!(!format!("{found:?}").contains("0101"), "{found:?}");
    }
}

#[test]
fn what_is_no_key_is_wrong_and_never_repeated() {
    let long = format!(r#"{{"key":"{KEY}","signature_chain":["{}"]}}"#, "ab".repeat(LONGEST_SIGNATURE + 1));
    let many = format!(r#"{{"key":"{KEY}","signature_chain":[{}"ab"]}}"#, r#""ab","#.repeat(LONGEST_CHAIN));
    for text in [
        String::new(),
        "{}".to_owned(),
        format!(r#"{{"key":"{KEY}"}}"#),
        format!(r#"{{"key":"{KEY}","signature_chain":[]}}"#),
        format!(r#"{{"key":"{KEY}","signature_chain":["zz"]}}"#),
        format!(r#"{{"key":"{KEY}","signature_chain":[""]}}"#),
        format!(r#"{{"key":"{KEY}01","signature_chain":["ab"]}}"#),
        format!(r#"{{"key":"{}","signature_chain":["ab"]}}"#, &KEY[2..]),
        format!(r#"{{"key":"\u0030{}","signature_chain":["ab"]}}"#, &KEY[1..]),
        format!(r#"{{"key":["{KEY}"],"signature_chain":["ab"]}}"#),
        long,
        many,
    ] {
        let failure = parse(text.as_bytes()).unwrap_err();
        assert!(matches!(&failure, QuoteFailure::Wrong(_)), "{text}: {failure}");
        assert!(!failure.to_string().contains("0101"), "{failure}");
    }
}
