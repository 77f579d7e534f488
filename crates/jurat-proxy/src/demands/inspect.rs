//! Looks through a JSON request for what the knobs are about, at any depth, and keeps nothing of it.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Members whose text names something to fetch: parts of messages (OpenAI's and vLLM's), files and tools of `responses`.
const REFERENCES: [&str; 6] = ["url", "image_url", "video_url", "audio_url", "file_url", "server_url"];
/// The one scheme that fetches nothing.
const INLINE: &str = "data:";

/// What a body asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inspected {
    /// It has a member `request_id` of its own.
    pub(super) request_id: bool,
    /// Some member refers to something that is not in the body.
    pub(super) remote_media: bool,
}

impl Inspected {
    /// Reads a body; an object, in UTF-8, no deeper than 128.
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let mut found = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(body);
        Look { found: &mut found, at: Place::Document }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(found)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The body itself, which must be an object.
    Document,
    /// A value whose text names something to fetch.
    Reference,
    Elsewhere,
}

struct Look<'a> {
    found: &'a mut Inspected,
    at: Place,
}

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        match self.at {
            Place::Document => from.deserialize_map(self),
            Place::Reference | Place::Elsewhere => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        // A name that stands twice is seen twice: whichever the engine takes was looked at.
        while let Some(name) = members.next_key::<String>()? {
            self.found.request_id |= self.at == Place::Document && name == "request_id";
            let at = if REFERENCES.contains(&name.as_str()) { Place::Reference } else { Place::Elsewhere };
            members.next_value_seed(Look { found: self.found, at })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while elements.next_element_seed(Look { found: self.found, at: self.at })?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let inline = text.get(..INLINE.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(INLINE));
        self.found.remote_media |= self.at == Place::Reference && !inline;
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}
