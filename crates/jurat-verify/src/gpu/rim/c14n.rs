//! Canonical XML 1.1 (W3C, 2008) of a tree that `xml.rs` has read: inclusive, without comments.
//!
//! That reader refuses what the rest of the recommendation is about (`xml:` attributes, processing
//! instructions, references, undeclared namespaces). What is left: start and end tags in full, namespaces by
//! prefix and where they change, attributes by namespace and name, five characters escaped.

use super::xml::{Element, Node};

/// A document without the one child of its root at `omitted`: the transform `enveloped-signature`.
pub(super) fn document(root: &Element<'_>, omitted: &Element<'_>) -> String {
    let mut out = String::with_capacity(24 << 10);
    write(root, &root.declared, &mut Vec::new(), &|child| !std::ptr::eq(child, omitted), &mut out);
    out
}

/// An element apart from its document. It has every namespace that its ancestors, outermost first, declare.
pub(super) fn apart(ancestors: &[&Element<'_>], element: &Element<'_>) -> String {
    let mut in_scope: Vec<(&str, &str)> = Vec::new();
    let declared = ancestors.iter().flat_map(|ancestor| &ancestor.declared).chain(&element.declared);
    for (prefix, uri) in declared {
        in_scope.retain(|(other, _)| other != prefix);
        in_scope.push((prefix, uri));
    }
    let mut out = String::new();
    write(element, &in_scope, &mut Vec::new(), &|_| true, &mut out);
    out
}

/// `declared` is what the element is to declare; `rendered` what elements around it have, the innermost last.
fn write<'a>(
    element: &Element<'a>,
    declared: &[(&'a str, &'a str)],
    rendered: &mut Vec<(&'a str, &'a str)>,
    keep: &impl Fn(&Element<'a>) -> bool,
    out: &mut String,
) {
    let outer = rendered.len();
    let differs = |(prefix, uri): &&(&str, &str)| {
        rendered.iter().rev().find(|(other, _)| other == prefix).is_none_or(|(_, other)| other != uri)
    };
    // by prefix: that of the default namespace, which is empty, comes first
    let mut fresh: Vec<(&str, &str)> = declared.iter().filter(differs).copied().collect();
    fresh.sort_unstable();
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    attributes.sort_by_key(|attribute| (attribute.name.space, attribute.name.local));

    out.push('<');
    name(element.name.prefix, element.name.local, out);
    for (prefix, uri) in &fresh {
        match *prefix {
            "" => out.push_str(" xmlns"),
            prefix => {
                out.push_str(" xmlns:");
                out.push_str(prefix);
            }
        }
        quoted(uri, out);
    }
    rendered.extend(fresh);
    for attribute in attributes {
        out.push(' ');
        name(attribute.name.prefix, attribute.name.local, out);
        quoted(&attribute.value, out);
    }
    out.push('>');
    for node in &element.content {
        match node {
            Node::Text(text) => escaped(text, false, out),
            Node::Element(child) if keep(child) => write(child, &child.declared, rendered, keep, out),
            Node::Element(_) => (),
        }
    }
    out.push_str("</");
    name(element.name.prefix, element.name.local, out);
    out.push('>');
    rendered.truncate(outer);
}

fn name(prefix: &str, local: &str, out: &mut String) {
    if !prefix.is_empty() {
        out.push_str(prefix);
        out.push(':');
    }
    out.push_str(local);
}

fn quoted(value: &str, out: &mut String) {
    out.push_str("=\"");
    escaped(value, true, out);
    out.push('"');
}

/// The reader lets neither carriage returns through nor line feeds and tabs in values: those need no escape.
fn escaped(text: &str, in_value: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !in_value => out.push_str("&gt;"),
            '"' if in_value => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests;
