use crate::{
    CheckId, Outcome, Status,
    receipt::tests::{claims, key, public, receipt, record, signer},
};

const ASK: &str = r#"{"stream": true, "model": "m", "top_p": 1.0, "seed": 1e21, "min_p": 1.5e-7,
    "messages": [{"role": "user", "content": "a < b & \u2028 é"}]}"#;
const ASKED: &str = "{\"messages\":[{\"content\":\"a \\u003c b \\u0026 \\u2028 é\",\"role\":\"user\"}],\"min_p\":1.5e-7,\
                     \"model\":\"m\",\"seed\":1e+21,\"stream\":true,\"stream_options\":{\"include_usage\":true},\"top_p\":1}";
const SAID: &str = r#"{"id":"chatcmpl-a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1","model":"m","choices":[]}"#;
const REWRITTEN: &str = r#"{"choices":[],"id":"chatcmpl-another","model":"m"}"#;

/// What the check of a record over the sworn bodies says of those that the client holds.
fn judged(sworn: (&str, &str), held: (&str, &str)) -> (Outcome, String, String) {
    let record = record(&key(0x11), receipt(sworn.0.as_bytes(), sworn.1.as_bytes()));
    let trusted = signer(public(&key(0x11)).address(), Some(&claims().to_json()));
    let verdict = trusted.check(&record, held.0.as_bytes(), held.1.as_bytes());
    let reason = |id| verdict.check(id).unwrap().reason.clone();
    (verdict.outcome(), reason(CheckId::ReceiptRequest), reason(CheckId::ReceiptResponse))
}

#[test]
fn what_the_broker_rewrote_is_refused_by_its_name() {
    let (outcome, request, response) = judged((ASKED, SAID), (ASK, REWRITTEN));
    assert_eq!(outcome, Outcome::Refuted);
    assert_eq!(
        request,
        "the receipt is about another request body; it is about yours as rewritten by the broker (0G's, of 2026)"
    );
    assert!(response.starts_with("the receipt is about another answer body; "), "{response}");
    assert!(response.ends_with("it looks rewritten by the broker (0G's, of 2026)"), "{response}");
}

#[test]
fn it_never_makes_a_pass() {
    // The request is known to be the same but for its form, and the answer fits to the byte.
    let (outcome, request, response) = judged((ASKED, SAID), (ASK, SAID));
    assert_eq!(outcome, Outcome::Refuted);
    assert!(request.contains("rewritten by the broker"), "{request}");
    assert_eq!(response, "the hash is that of your answer");
}

#[test]
fn the_model_may_be_the_configured_one() {
    let (_, request, _) = judged((ASKED, SAID), (&ASK.replace(r#""m""#, r#""alias""#), SAID));
    assert!(request.contains("it is about yours as rewritten by the broker"), "{request}");
}

#[test]
fn another_request_under_a_rewritten_answer_is_said_to_be_likely_only() {
    let (_, request, _) = judged((ASKED, SAID), (r#"{"model":"m"}"#, REWRITTEN));
    assert!(request.contains("your answer looks rewritten by the broker"), "{request}");
}

#[test]
fn what_is_merely_altered_is_not_excused() {
    for held in [
        // The engine's id, another order, another word, nothing at all.
        &REWRITTEN.replace("another", "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"),
        &SAID.replace("chatcmpl-a1", "chatcmpl-b1"),
        &SAID.replace("choices", "chances"),
        "",
        "{",
        "\u{0}",
        "data: [DONE]\n\n",
        "data: [\"chatcmpl-another\"]\n\n",
        "[]",
    ] {
        let (outcome, request, response) = judged((ASKED, SAID), (r#"{"model":"x"}"#, held));
        assert_eq!(outcome, Outcome::Refuted);
        assert_eq!(request, "the receipt is about another request body", "{held}");
        assert_eq!(response, "the receipt is about another answer body", "{held}");
    }
}

#[test]
fn a_rewritten_stream_is_known_by_every_line() {
    let sworn = format!("data: {SAID}\n\ndata: [DONE]\n\n");
    let held = format!("data: {REWRITTEN}\n\ndata: {REWRITTEN}\n\ndata: [DONE]\n\n");
    let (_, _, response) = judged((ASKED, &sworn), (ASK, &held));
    assert!(response.contains("rewritten by the broker"), "{response}");
    let mixed = format!("data: {REWRITTEN}\n\ndata: {SAID}\n\ndata: [DONE]\n\n");
    let (_, _, response) = judged((ASKED, &sworn), (ASK, &mixed));
    assert_eq!(response, "the receipt is about another answer body");
}

#[test]
fn a_forged_record_is_not_excused() {
    let mut forged = record(&key(0x22), receipt(ASKED.as_bytes(), SAID.as_bytes()));
    forged.signing_address = public(&key(0x11)).address();
    let trusted = signer(public(&key(0x11)).address(), Some(&claims().to_json()));
    let verdict = trusted.check(&forged, ASK.as_bytes(), REWRITTEN.as_bytes());
    assert_eq!(verdict.check(CheckId::ReceiptSignature).unwrap().status, Status::Fail);
    for id in [CheckId::ReceiptRequest, CheckId::ReceiptResponse] {
        assert!(!verdict.check(id).unwrap().reason.contains("broker"), "{verdict}");
    }
}
