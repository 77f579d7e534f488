//! A query string, as jurat's own routes read it: unknown members are ignored, and of a member that
//! stands twice the first counts.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The query.
pub(crate) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The member's value, decoded; empty if it has none. Invalid UTF-8 is replaced, and so is no value of ours.
    pub(crate) fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.0
            .split('&')
            .map(|member| member.split_once('=').unwrap_or((member, "")))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| percent_decode_str(value).decode_utf8_lossy())
    }

    /// Whether it asks for an algorithm that jurat does not sign with.
    pub(crate) fn has_wrong_algorithm(&self) -> bool {
        self.value("signing_algo").is_some_and(|algorithm| algorithm != "ecdsa")
    }
}
