//! JSON as every judge of it reads it.

use serde::Deserialize;

/// What a JSON object says. Of an array serde would take the members by their order, which no other reader does.
///
/// # Errors
/// If it is no object, or not of this shape; why, in words.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.trim_start().starts_with('{') {
        return Err("not a JSON object".into());
    }
    serde_json::from_str(text).map_err(|error| error.to_string())
}
