use super::*;

fn data(event: &Bytes) -> Value {
    let text = std::str::from_utf8(event).unwrap();
    assert!(text.ends_with("\n\n"), "{text:?}");
    let line = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    serde_json::from_str(line).unwrap()
}

#[test]
fn every_protocol_gets_the_event_that_its_clients_raise_on() {
    let ruling = Ruling::refused("receipt.response", "a \"quoted\"\nreason");
    let chat = event(Family::Chat, &ruling);
    assert!(chat.starts_with(b"data: {\"error\":{"), "{chat:?}");
    assert_eq!(data(&chat)["error"]["code"], "receipt.response");
    for family in [Family::Responses, Family::Messages] {
        let event = event(family, &ruling);
        assert!(event.starts_with(b"event: error\n"), "{event:?}");
        assert_eq!(data(&event)["type"], "error");
        assert_eq!(data(&event)["error"]["message"], "receipt.response: a \"quoted\"\u{fffd}reason");
    }
}

#[test]
fn a_refused_answer_is_not_asked_for_again() {
    let response = Refusal::from(Ruling::refused("receipt.end", "engine_truncated")).response();
    assert_eq!(response.status(), 502);
    assert_eq!(response.headers().get(VERDICT).unwrap(), "refuted");
    assert_eq!(response.headers().get(SHOULD_RETRY).unwrap(), "false");
}

#[test]
fn an_unsworn_error_keeps_its_status_and_its_pause() {
    let refusal = Refusal::Unsworn { status: 429, said: "too many".into(), retry_after: Some(b"7".to_vec()) };
    let response = refusal.response();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers().get(VERDICT).unwrap(), "unsworn");
    assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "7");
}
