use serde_json::{Value, json};

use super::*;

fn read(members: Value) -> Evidence {
    let mut report = json!({
        "signing_address": "0x", "signing_algo": "ecdsa", "request_nonce": "", "nvidia_payload": "",
    });
    for (name, value) in members.as_object().unwrap() {
        report[name] = value.clone();
    }
    Evidence::read(&report.to_string()).unwrap()
}

fn quote(text: &str) -> Result<Vec<u8>, EvidenceError> {
    read(json!({ "quote": text })).quote
}

#[test]
fn reports_are_bounded() {
    let of = |length: usize| Evidence::read(&" ".repeat(length)).err().unwrap();
    assert_eq!(of(16 << 20), EvidenceError::Json("not a JSON object".into()));
    assert_eq!(of((16 << 20) + 1), EvidenceError::TooLong);
}

#[test]
fn a_report_may_call_itself_simulated() {
    assert!(read(json!({"tee": "simulated"})).says_simulated());
    assert!(!read(json!({"tee": "tdx"})).says_simulated());
    assert!(!read(json!({})).says_simulated());
}

#[test]
fn quotes_are_bounded_and_of_either_text() {
    let longest = vec![0xab; 64 << 10];
    for text in [hex::encode(&longest), format!("0x{}", hex::encode(&longest)), STANDARD.encode(&longest)] {
        assert_eq!(quote(&text), Ok(longest.clone()));
    }
    let longer = vec![0xab; (64 << 10) + 1];
    assert_eq!(quote(&hex::encode(&longer)), Err(EvidenceError::QuoteLength));
    assert_eq!(quote(&STANDARD.encode(&longer)), Err(EvidenceError::QuoteLength));
    // too long to be decoded at all
    assert_eq!(quote(&"?".repeat((128 << 10) + 2)), Err(EvidenceError::QuoteText));
    assert_eq!(quote(&"?".repeat((128 << 10) + 3)), Err(EvidenceError::QuoteLength));
    for nothing in ["", "0x"] {
        assert_eq!(quote(nothing), Err(EvidenceError::NoQuote));
    }
}

#[test]
fn a_quote_under_both_names_is_one() {
    let both = |one: &str, other: &str| read(json!({"intel_quote": one, "quote": other})).quote;
    assert_eq!(both("0xabcd", "q80="), Ok(vec![0xab, 0xcd]));
    assert_eq!(both("abcd", "abce"), Err(EvidenceError::TwoQuotes));
    assert_eq!(both("abcd", "?"), Err(EvidenceError::QuoteText));
    assert_eq!(read(json!({"intel_quote": "ab"})).quote, Ok(vec![0xab]));
    assert_eq!(read(json!({})).quote, Err(EvidenceError::NoQuote));
}
