//! XML as NVIDIA writes its manifests, and no other: elements, attributes, namespaces and text in ASCII.
//!
//! What is read here is what is canonicalised and digested (`c14n.rs`), so a text that this reader takes
//! differently than another would is no way around the signature. It refuses all the same whatever these
//! manifests do not need: document types, comments, processing instructions, CDATA, character references,
//! `xml:` attributes, undeclared prefixes.

use std::borrow::Cow;

/// Deeper than any manifest: they have six levels.
const MAX_DEPTH: usize = 12;
/// More than any element has: digests of a measurement, at most 64, and what is said of them. Each is compared with all others.
const MAX_ATTRIBUTES: usize = 128;

/// A name, with the namespace that its prefix stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    /// Empty if there is none.
    pub(super) prefix: &'a str,
    pub(super) local: &'a str,
    /// Empty if it is in none.
    pub(super) space: &'a str,
}

impl Name<'_> {
    pub(super) fn is(&self, space: &str, local: &str) -> bool {
        self.space == space && self.local == local
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute<'a> {
    pub(super) name: Name<'a>,
    pub(super) value: Cow<'a, str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) name: Name<'a>,
    /// The namespaces declared here, prefix and URI, in the order of the text.
    pub(super) declared: Vec<(&'a str, &'a str)>,
    /// In the order of the text.
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) content: Vec<Node<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node<'a> {
    Element(Element<'a>),
    Text(Cow<'a, str>),
}

impl<'a> Element<'a> {
    /// The elements directly inside.
    pub(super) fn children(&self) -> impl Iterator<Item = &Element<'a>> {
        self.content.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The value of an attribute that is in no namespace.
    pub(super) fn attribute(&self, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|attribute| attribute.name.is("", local))?;
        Some(&found.value)
    }

    /// The text, if there are no elements inside.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self.content.as_slice() {
            [] => Some(Cow::Borrowed("")),
            [Node::Text(text)] => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }
}

/// Where a text stops being such XML, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("XML at byte {at}: {what}")]
pub(crate) struct XmlError {
    at: usize,
    what: &'static str,
}

/// Reads a document. Lines end in LF alone: whoever has CRLF replaces it first, as XML 1.0 (2.11) says.
pub(super) fn read(text: &str) -> Result<Element<'_>, XmlError> {
    let mut reader = Reader { text, at: 0, scope: Vec::new(), depth: 0 };
    reader.declaration()?;
    reader.white();
    let root = reader.element()?;
    reader.white();
    if reader.rest().is_empty() { Ok(root) } else { Err(reader.wrong("something follows the document")) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The namespaces in scope, the innermost last.
    scope: Vec<(&'a str, &'a str)>,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, what: &'static str) -> XmlError {
        XmlError { at: self.at, what }
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str, what: &'static str) -> Result<(), XmlError> {
        if self.eat(token) { Ok(()) } else { Err(self.wrong(what)) }
    }

    /// What comes first, as long as it is of one kind.
    fn run(&mut self, kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let (run, _) = rest.split_at(rest.find(|c| !kind(c)).unwrap_or(rest.len()));
        self.at += run.len();
        run
    }

    fn white(&mut self) -> bool {
        !self.run(|c| matches!(c, ' ' | '\t' | '\n')).is_empty()
    }

    /// `<?xml …?>` is no processing instruction and not canonicalised; it may stand at the very beginning.
    fn declaration(&mut self) -> Result<(), XmlError> {
        if !self.eat("<?xml ") {
            return Ok(());
        }
        let known = [
            r#"version="1.0" encoding="UTF-8"?>"#,
            r#"version="1.0" encoding="utf-8"?>"#,
            r#"version='1.0' encoding='UTF-8'?>"#,
            r#"version='1.0' encoding='utf-8'?>"#,
            r#"version="1.0"?>"#,
        ];
        let found = known.iter().any(|form| self.eat(form));
        if found { Ok(()) } else { Err(self.wrong("an XML declaration other than version 1.0 in UTF-8")) }
    }

    fn element(&mut self) -> Result<Element<'a>, XmlError> {
        self.expect("<", "no element")?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("elements are nested too deep"));
        }
        let outer = self.scope.len();
        let (prefix, local) = self.name()?;
        let mut declared: Vec<(&str, &str)> = Vec::new();
        let mut raw: Vec<(&str, &str, Cow<'a, str>)> = Vec::new();
        let empty = loop {
            let white = self.white();
            if self.eat(">") {
                break false;
            }
            if self.eat("/>") {
                break true;
            }
            if !white {
                return Err(self.wrong("no white space before an attribute"));
            }
            let (prefix, local) = self.name()?;
            self.expect("=", "an attribute without a value")?;
            let value = self.value()?;
            match (prefix, local) {
                ("", "xmlns") => self.declare("", value, &mut declared)?,
                ("xmlns", prefix) => self.declare(prefix, value, &mut declared)?,
                _ => raw.push((prefix, local, value)),
            }
            if raw.len() + declared.len() > MAX_ATTRIBUTES {
                return Err(self.wrong("an element has more attributes than manifests need"));
            }
        };
        let name = self.resolve(prefix, local, true)?;
        let mut attributes: Vec<Attribute<'a>> = Vec::with_capacity(raw.len());
        for (prefix, local, value) in raw {
            let name = self.resolve(prefix, local, false)?;
            if attributes.iter().any(|other| other.name.is(name.space, name.local)) {
                return Err(self.wrong("an attribute is there twice"));
            }
            attributes.push(Attribute { name, value });
        }
        let content = if empty { Vec::new() } else { self.content(prefix, local)? };
        self.scope.truncate(outer);
        self.depth -= 1;
        Ok(Element { name, declared, attributes, content })
    }

    /// Up to and with the end tag.
    fn content(&mut self, prefix: &str, local: &str) -> Result<Vec<Node<'a>>, XmlError> {
        let mut content = Vec::new();
        loop {
            let text = self.run(|c| matches!(c, '\t' | '\n' | ' '..='~') && c != '<' && c != '>');
            if !text.is_empty() {
                content.push(Node::Text(self.unescape(text)?));
            }
            if self.eat("</") {
                if self.name()? != (prefix, local) {
                    return Err(self.wrong("an end tag of another element"));
                }
                self.white();
                self.expect(">", "an end tag without an end")?;
                return Ok(content);
            }
            if !self.rest().starts_with('<') {
                return Err(self.wrong("a character that these manifests do not need"));
            }
            content.push(Node::Element(self.element()?));
        }
    }

    /// Prefix and local name. `<!` and `<?` fail here: neither begins a name.
    fn name(&mut self) -> Result<(&'a str, &'a str), XmlError> {
        let first = self.part()?;
        if self.eat(":") { Ok((first, self.part()?)) } else { Ok(("", first)) }
    }

    fn part(&mut self) -> Result<&'a str, XmlError> {
        let at = self.at;
        let name = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins { Ok(name) } else { Err(XmlError { at, what: "not a name" }) }
    }

    /// A quoted value. It is in one line, so that there is nothing to normalise.
    fn value(&mut self) -> Result<Cow<'a, str>, XmlError> {
        let quote = if self.eat("\"") {
            "\""
        } else if self.eat("'") {
            "'"
        } else {
            return Err(self.wrong("a value without quotes"));
        };
        let value = self.run(|c| (' '..='~').contains(&c) && c != '<' && !quote.contains(c));
        let value = self.unescape(value)?;
        self.expect(quote, "a value that goes on with a character that these manifests do not need")?;
        Ok(value)
    }

    fn declare(
        &mut self,
        prefix: &'a str,
        uri: Cow<'a, str>,
        declared: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<(), XmlError> {
        let Cow::Borrowed(uri) = uri else { return Err(self.wrong("a namespace with a reference in it")) };
        if uri.is_empty() || prefix.starts_with("xml") {
            return Err(self.wrong("a namespace that is empty or XML's own"));
        }
        if declared.iter().any(|(other, _)| *other == prefix) {
            return Err(self.wrong("a namespace is declared twice"));
        }
        declared.push((prefix, uri));
        self.scope.push((prefix, uri));
        Ok(())
    }

    fn resolve(&self, prefix: &'a str, local: &'a str, element: bool) -> Result<Name<'a>, XmlError> {
        let found = self.scope.iter().rev().find(|(known, _)| *known == prefix).map(|(_, uri)| *uri);
        let space = match (prefix, found) {
            // an attribute without a prefix is in no namespace
            ("", _) if !element => "",
            ("", found) => found.unwrap_or_default(),
            (_, Some(uri)) => uri,
            // `xml:` among them
            (_, None) => return Err(self.wrong("a prefix that is not declared")),
        };
        Ok(Name { prefix, local, space })
    }

    /// Replaces XML's five entities; others, and character references, are refused.
    fn unescape(&self, text: &'a str) -> Result<Cow<'a, str>, XmlError> {
        let Some((head, mut rest)) = text.split_once('&') else { return Ok(Cow::Borrowed(text)) };
        let mut out = head.to_owned();
        loop {
            let (entity, tail) =
                rest.split_once(';').ok_or_else(|| self.wrong("a reference without an end"))?;
            out.push(match entity {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => return Err(self.wrong("a reference other than XML's five")),
            });
            match tail.split_once('&') {
                Some((plain, next)) => {
                    out.push_str(plain);
                    rest = next;
                }
                None => {
                    out.push_str(tail);
                    return Ok(Cow::Owned(out));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
