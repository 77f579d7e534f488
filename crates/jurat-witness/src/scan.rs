//! Finds the answer's own id and model in its JSON without parsing it: depth-aware, so that an `"id"` inside
//! content can't pose as the answer's, and constant in memory, so that one that comes late is found too.

use alloc::string::String;

use crate::names::{Decoder, Step};

/// Where the names stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    /// Members of the document itself.
    Top,
    /// Members of this member of the document.
    Under(&'static str),
}

/// What the answer calls itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) id: String,
    pub(crate) model: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Key,
    Colon,
    Value,
    Separator,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Id,
    Model,
    Parent,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    Outside,
    Key,
    Name(Member),
    Ignored { escaped: bool },
}

/// The scanner. First occurrences count; a value that is no string, or no name, settles its member as empty.
pub(crate) struct Scanner {
    path: Path,
    depth: u32,
    /// The depth whose members are read: 1, or 2 inside the parent.
    watched: u32,
    slot: Slot,
    member: Member,
    text: Text,
    decoder: Decoder,
    /// The document is over, or was none.
    idle: bool,
    id: Option<String>,
    model: Option<String>,
}

impl Scanner {
    pub(crate) fn new(path: Path) -> Self {
        Self {
            path,
            depth: 0,
            watched: 1,
            slot: Slot::Key,
            member: Member::Other,
            text: Text::Outside,
            decoder: Decoder::default(),
            idle: false,
            id: None,
            model: None,
        }
    }

    /// Whether nothing more can be learned.
    pub(crate) fn is_settled(&self) -> bool {
        self.id.is_some() && self.model.is_some()
    }

    pub(crate) fn into_names(self) -> Names {
        Names { id: self.id.unwrap_or_default(), model: self.model.unwrap_or_default() }
    }

    /// Begins anew at an event's border; what was found stays.
    pub(crate) fn next_document(&mut self) {
        self.depth = 0;
        self.watched = 1;
        self.text = Text::Outside;
        self.idle = false;
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !self.idle && !self.is_settled() {
            if self.text == (Text::Ignored { escaped: false }) {
                // The long way through content: straight to what may end the string.
                bytes = match memchr::memchr2(b'"', b'\\', bytes) {
                    Some(at) => &bytes[at..],
                    None => return,
                };
            }
            let Some((&byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            match self.text {
                Text::Outside => self.structure(byte),
                Text::Ignored { escaped: true } => self.text = Text::Ignored { escaped: false },
                Text::Ignored { escaped: false } if byte == b'\\' => {
                    self.text = Text::Ignored { escaped: true }
                }
                Text::Ignored { escaped: false } => self.text = Text::Outside,
                Text::Key | Text::Name(_) => {
                    if self.decoder.step(byte) == Step::Closed {
                        self.close_text();
                    }
                }
            }
        }
    }

    fn close_text(&mut self) {
        match core::mem::replace(&mut self.text, Text::Outside) {
            Text::Key => {
                self.slot = Slot::Colon;
                self.member = self.member_of_key();
            }
            Text::Name(member) => {
                self.slot = Slot::Separator;
                let name = self.decoder.name();
                self.settle(member, name);
            }
            Text::Outside | Text::Ignored { .. } => {}
        }
    }

    fn member_of_key(&self) -> Member {
        let names_are_here = match self.path {
            Path::Top => true,
            Path::Under(parent) if self.watched == 1 => {
                return if self.decoder.is(parent) { Member::Parent } else { Member::Other };
            }
            Path::Under(_) => true,
        };
        if names_are_here && self.decoder.is("id") {
            Member::Id
        } else if names_are_here && self.decoder.is("model") {
            Member::Model
        } else {
            Member::Other
        }
    }

    fn structure(&mut self, byte: u8) {
        if byte.is_ascii_whitespace() {
            return;
        }
        if self.depth == 0 {
            // Only an object has members; whatever else stands here is no answer of ours to read.
            if byte == b'{' {
                self.depth = 1;
                self.slot = Slot::Key;
            } else {
                self.idle = true;
            }
            return;
        }
        let here = self.depth == self.watched;
        match byte {
            b'"' => self.open_text(here),
            b'{' | b'[' => self.open_container(byte, here),
            b'}' | b']' => self.close_container(),
            b',' if here => self.slot = Slot::Key,
            b':' if here && self.slot == Slot::Colon => self.slot = Slot::Value,
            _ if here && self.slot == Slot::Value => self.settle_as_no_name(),
            _ => {}
        }
    }

    fn open_text(&mut self, here: bool) {
        self.text = match (here, self.slot, self.member) {
            (true, Slot::Key, _) => Text::Key,
            (true, Slot::Value, Member::Id) if self.id.is_none() => Text::Name(Member::Id),
            (true, Slot::Value, Member::Model) if self.model.is_none() => Text::Name(Member::Model),
            _ => Text::Ignored { escaped: false },
        };
        if matches!(self.text, Text::Ignored { .. }) {
            if here {
                self.slot = Slot::Separator;
            }
        } else {
            self.decoder.restart();
        }
    }

    fn open_container(&mut self, byte: u8, here: bool) {
        let into_parent = here && self.slot == Slot::Value && self.member == Member::Parent && byte == b'{';
        if here && !into_parent && self.slot == Slot::Value {
            self.settle_as_no_name();
        }
        // A document nested 2^32 deep is longer than any that can be sent; saturating keeps it harmless.
        self.depth = self.depth.saturating_add(1);
        if into_parent {
            self.watched = self.depth;
            self.slot = Slot::Key;
        }
    }

    fn close_container(&mut self) {
        self.depth -= 1;
        if self.depth < self.watched {
            self.watched = 1;
            self.slot = Slot::Separator;
        }
        self.idle = self.depth == 0;
    }

    fn settle_as_no_name(&mut self) {
        self.slot = Slot::Separator;
        self.settle(self.member, None);
    }

    fn settle(&mut self, member: Member, name: Option<String>) {
        let place = match member {
            Member::Id => &mut self.id,
            Member::Model => &mut self.model,
            Member::Parent | Member::Other => return,
        };
        place.get_or_insert(name.unwrap_or_default());
    }
}
