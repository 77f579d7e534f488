//! The words of a completion, out of the bytes that were sworn to.

use serde_json::Value;

/// A stream's words so far.
#[derive(Default)]
pub(super) struct Words {
    line: Vec<u8>,
    text: String,
}

impl Words {
    /// Takes the next bytes; gives the words that they brought.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> &str {
        let before = self.text.len();
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    self.text.push_str(&delta(&line).unwrap_or_default());
                }
                _ => self.line.push(*byte),
            }
        }
        self.text.get(before..).unwrap_or_default()
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }
}

fn delta(line: &[u8]) -> Option<String> {
    let data: Value = serde_json::from_slice(line.strip_prefix(b"data:")?).ok()?;
    Some(data["choices"][0]["delta"]["content"].as_str()?.to_owned())
}

/// What a plain answer says: the completion's text, or the message as it is where there is none (a call of a tool), or an
/// error's message.
pub(super) fn completion(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return "(no legible answer)".into() };
    let message = &body["choices"][0]["message"];
    match (message["content"].as_str(), message.is_null(), body["error"]["message"].as_str()) {
        (Some(text), _, _) => text.to_owned(),
        (None, false, _) => message.to_string(),
        (None, true, Some(error)) => error.to_owned(),
        (None, true, None) => body.to_string(),
    }
}

#[cfg(test)]
mod tests;
