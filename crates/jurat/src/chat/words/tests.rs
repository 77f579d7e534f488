use super::*;

#[test]
fn words_come_out_at_any_split() {
    let event = |text: &str| {
        format!("data: {}\r\n\r\n", serde_json::json!({ "choices": [{ "delta": { "content": text } }] }))
    };
    let stream = [": hello\n\n", &event("Grüß "), &event("Gott"), "data: [DONE]\n\n"].concat();
    for size in [1, 2, 7, stream.len()] {
        let mut words = Words::default();
        let said: String = stream.as_bytes().chunks(size).map(|piece| words.feed(piece).to_owned()).collect();
        assert_eq!(said, "Grüß Gott");
        assert_eq!(words.into_text(), "Grüß Gott");
    }
}

#[test]
fn a_plain_answer_says_what_there_is() {
    for (body, said) in [
        (r#"{"choices":[{"message":{"content":"hi"}}]}"#, "hi"),
        (
            r#"{"choices":[{"message":{"content":null,"tool_calls":[]}}]}"#,
            r#"{"content":null,"tool_calls":[]}"#,
        ),
        (r#"{"error":{"message":"no"}}"#, "no"),
        ("<html>", "(no legible answer)"),
    ] {
        assert_eq!(completion(body.as_bytes()), said);
    }
}
