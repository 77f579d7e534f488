//! A mark on what passes through, and the search for it where nothing of that may be.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

use crate::http;

/// The mark.
pub const CANARY: &str = "CANARY-7f3a";
/// A header with a token that has it.
pub const TOKEN: &str = "Authorization: Bearer CANARY-7f3a-token";

/// Where the mark stands, in more than one spelling, with what is around it.
pub fn find(hay: &[u8]) -> Option<String> {
    let spelled: Vec<String> = CANARY.bytes().map(|byte| byte.to_string()).collect();
    let needles = [
        CANARY.to_owned(),
        CANARY.to_lowercase(),
        hex::encode(CANARY),
        // Its last letter depends on what comes behind.
        STANDARD_NO_PAD.encode(CANARY)[..14].to_owned(),
        spelled.join(", "),
    ];
    let at = needles.iter().find_map(|needle| http::find(hay, needle.as_bytes()))?;
    let around = &hay[at.saturating_sub(200)..(at + 200).min(hay.len())];
    Some(String::from_utf8_lossy(around).into_owned())
}
