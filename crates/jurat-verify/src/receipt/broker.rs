//! Why genuine receipts do not fit: 0G's Provider Broker of 2026 parses every request and answer and writes them
//! anew. It explains a failure and never makes a pass: of what was rewritten, nobody but the broker knows the rest.

use std::fmt;

use jurat_proto::{Receipt, sha256};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

use crate::json;

const WHO: &str = "rewritten by the broker (0G's, of 2026)";

/// The two bodies that the caller holds.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) request: &'a [u8],
    pub(super) response: &'a [u8],
}

impl Held<'_> {
    /// What may have become of the request on its way, to stand behind the reason of a failure.
    pub(super) fn of_request(&self, receipt: &Receipt) -> Option<String> {
        if self.is_about_the_rewritten_request(receipt) {
            Some(format!("it is about yours as {WHO}"))
        } else if self.has_the_form_of_a_rewritten_answer(receipt) {
            Some(format!("your answer looks {WHO}, which writes requests anew, too"))
        } else {
            None
        }
    }

    /// The same of the answer.
    pub(super) fn of_response(&self, receipt: &Receipt) -> Option<String> {
        self.has_the_form_of_a_rewritten_answer(receipt).then(|| {
            format!("yours has another id than the engine gave, and its members in the order of their names: it looks {WHO}")
        })
    }

    /// Whether the caller's request, encoded as the broker does it, is the one that was sworn to: this is known, not
    /// guessed. The broker puts in the model of its configuration, and asks for usage in streams.
    fn is_about_the_rewritten_request(&self, receipt: &Receipt) -> bool {
        let Ok(ask @ Value::Object(_)) = serde_json::from_slice::<Value>(self.request) else { return false };
        let mut candidates = vec![ask.clone()];
        let streams = ask.get("stream").and_then(Value::as_bool) == Some(true);
        if streams {
            let mut asked = ask;
            match asked.get_mut("stream_options") {
                Some(Value::Object(options)) => {
                    options.insert("include_usage".into(), Value::Bool(true));
                }
                _ => asked["stream_options"] = serde_json::json!({ "include_usage": true }),
            }
            candidates.push(asked);
        }
        for candidate in candidates.clone() {
            let mut configured = candidate;
            configured["model"] = Value::String(receipt.model.clone());
            candidates.push(configured);
        }
        candidates.iter().any(|candidate| {
            let mut body = String::new();
            encode(candidate, &mut body);
            sha256(body.as_bytes()) == receipt.request_hash
        })
    }

    /// Whether the answer's members stand in alphabetical order everywhere, under another id than the engine's. Anyone
    /// can bring an answer into this form, so it is a likeness and no proof.
    fn has_the_form_of_a_rewritten_answer(&self, receipt: &Receipt) -> bool {
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let Ok(text) = std::str::from_utf8(self.response) else { return false };
        let values: Vec<&str> = if text.starts_with('{') {
            vec![text]
        } else {
            let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
            lines.filter(|line| *line != "[DONE]").collect()
        };
        let Some(first) = values.first() else { return false };
        let Ok(Named { id }) = json::object(first) else { return false };
        !receipt.response_id.is_empty()
            && id != receipt.response_id
            && values.iter().all(|value| serde_json::from_str(value).is_ok_and(|InOrder(in_order)| in_order))
    }
}

/// JSON as Go's default encoder writes what it has parsed into maps: members by name, numbers by way of a double,
/// no blanks, `<`, `>` and `&` escaped.
fn encode(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (at, (name, member)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                encode_text(name, out);
                out.push(':');
                encode(member, out);
            }
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (at, element) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                encode(element, out);
            }
            out.push(']');
        }
        Value::String(text) => encode_text(text, out),
        Value::Number(number) => out.push_str(&encode_number(number)),
        Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
    }
}

fn encode_text(text: &str, out: &mut String) {
    for one in Value::String(text.to_owned()).to_string().chars() {
        match one {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(one)));
            }
            _ => out.push(one),
        }
    }
}

fn encode_number(number: &Number) -> String {
    let Some(number) = number.as_f64() else { return number.to_string() };
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return number.to_string();
    }
    let text = format!("{number:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

/// Whether the members of every object stand in the order of their names.
struct InOrder(bool);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Looking)
    }
}

struct Looking;

impl<'de> Visitor<'de> for Looking {
    type Value = InOrder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<InOrder, A::Error> {
        let (mut in_order, mut last) = (true, None);
        while let Some(name) = members.next_key::<String>()? {
            let InOrder(within) = members.next_value()?;
            in_order &= within && last.as_ref().is_none_or(|last| *last < name);
            last = Some(name);
        }
        Ok(InOrder(in_order))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<InOrder, A::Error> {
        let mut in_order = true;
        while let Some(InOrder(within)) = elements.next_element()? {
            in_order &= within;
        }
        Ok(InOrder(in_order))
    }

    fn visit_bool<E>(self, _: bool) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }

    fn visit_i64<E>(self, _: i64) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }

    fn visit_u64<E>(self, _: u64) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }

    fn visit_f64<E>(self, _: f64) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }

    fn visit_str<E>(self, _: &str) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }

    fn visit_unit<E>(self) -> Result<InOrder, E> {
        Ok(InOrder(true))
    }
}

#[cfg(test)]
mod tests;
