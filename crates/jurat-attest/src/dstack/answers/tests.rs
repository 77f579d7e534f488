use super::*;

const ASKED: ReportData = ReportData::new([0xab; 64]);

fn quoted(text: &str) -> Result<Quoted, QuoteFailure> {
    quote(text.as_bytes(), &ASKED)
}

#[test]
fn a_quote_and_the_texts_beside_it_come_out_as_they_went_in() {
    let log = r#"[ {"imr":3, "event":"\u00e9"} ]"#;
    let vm = r#"{"num_gpus": 8}"#;
    let text = serde_json::json!({
        "quote": "0400ff", "event_log": log, "report_data": ASKED.to_string(), "vm_config": vm, "attestation": "x",
    });
    let found = quoted(&text.to_string()).unwrap();
    assert_eq!(found.bytes, [4, 0, 0xff]);
    assert_eq!((found.event_log.as_deref(), found.vm_config.as_deref()), (Some(log), Some(vm)));
    // tappd: no echo, no configuration.
    let old = quoted(r#"{"quote":"0x0400","event_log":"","hash_algorithm":"raw","prefix":""}"#).unwrap();
    assert_eq!((old.bytes, old.event_log, old.vm_config), (vec![4, 0], None, None));
}

#[test]
fn an_answer_that_is_none_is_told_apart_from_a_wrong_one() {
    for text in ["", "[]", "null", "{}", r#"{"quote":7}"#, r#"{"quote":""}"#, "\u{0}"] {
        assert!(matches!(quoted(text), Err(QuoteFailure::Failed(_))), "{text:?}");
    }
    let long = format!(r#"{{"quote":"{}"}}"#, "00".repeat(LONGEST_QUOTE + 1));
    assert!(matches!(quoted(&long), Err(QuoteFailure::Failed(text)) if text.contains("65537")));
    let other = format!(r#"{{"quote":"00","report_data":"{}"}}"#, "cd".repeat(64));
    for text in [r#"{"quote":"xyz"}"#, r#"{"quote":"000"}"#, &other, r#"{"quote":"00","report_data":"00"}"#] {
        assert!(matches!(quoted(text), Err(QuoteFailure::Wrong(_))), "{text}");
    }
}

#[test]
fn info_is_passed_on_to_the_byte() {
    let text = "{\"b\": 1,\n \"a\":[ ],\"vm_config\":\"{}\"}";
    let found = info(format!(" {text}\n").as_bytes()).unwrap();
    assert_eq!((found.object.get(), found.vm_config.as_deref()), (text, Some("{}")));
    assert_eq!(info(b"{}").unwrap().vm_config, None);
    for text in [&b"[]"[..], b"", b"{", b"{\"vm_config\":7}", b"\xff{}", b"{} {}"] {
        assert!(matches!(info(text), Err(QuoteFailure::Failed(_))), "{}", text.escape_ascii());
    }
}

#[test]
fn the_agents_words_are_bounded_and_printable_and_nothing_else_is_repeated() {
    assert_eq!(reason(br#"{"error":"a\nb"}"#), "a b");
    assert_eq!(reason(br#"{"key":"5ec2e7"}"#), "16 bytes that name no error");
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(10_000));
    assert_eq!(reason(long.as_bytes()).len(), LONGEST_REASON);
    assert!(is_error(br#"{"error":"x"}"#) && !is_error(br#"{"quote":"00"}"#) && !is_error(b""));
}
