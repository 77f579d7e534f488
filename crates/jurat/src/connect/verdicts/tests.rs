use super::*;

fn json(verdicts: &Verdicts, id: &ReceiptId) -> serde_json::Value {
    serde_json::from_str(&verdicts.of(id).expect("remembered")).expect("JSON")
}

#[test]
fn the_last_word_on_an_answer_counts() {
    let verdicts = Verdicts::new(Telling::Lines);
    let id = ReceiptId::new([7; 16]);
    assert_eq!(verdicts.of(&id), None);
    verdicts.begin(&id);
    assert_eq!(json(&verdicts, &id)["verdict"], "pending");
    verdicts.rule(&id, &Ruling::refused("receipt.response", "another answer"));
    let word = json(&verdicts, &id);
    assert_eq!((&word["verdict"], &word["code"]), (&"refuted".into(), &"receipt.response".into()));
    assert_eq!(word["id"], id.to_string());
}

#[test]
fn the_oldest_are_forgotten() {
    let verdicts = Verdicts::new(Telling::Lines);
    let id = |n: usize| ReceiptId::new((n as u128).to_be_bytes());
    for n in 0..=REMEMBERED {
        verdicts.begin(&id(n));
    }
    assert!(verdicts.of(&id(0)).is_none() && verdicts.of(&id(1)).is_some());
}
