use super::{
    super::xml::{Element, read},
    *,
};

/// What the recommendation makes of a text.
fn canonical(text: &str) -> String {
    let root = read(text).unwrap();
    apart(&[], &root)
}

fn child<'e, 'a>(root: &'e Element<'a>, local: &str) -> &'e Element<'a> {
    root.children().find(|child| child.name.local == local).unwrap()
}

/// The cases of *Canonical XML 1.1*, section 3, as far as the reader takes them.
#[test]
fn the_recommendations_rules_hold() {
    for (text, expected) in [
        // 3.3: start and end tags
        ("<e1   />", "<e1></e1>"),
        ("<e3 name=\"elem3\"   id='elem3'   />", "<e3 id=\"elem3\" name=\"elem3\"></e3>"),
        (
            "<e5 a:attr=\"out\" b:attr=\"sorted\" attr2=\"all\" attr=\"I'm\" xmlns:b=\"http://www.ietf.org\" \
             xmlns:a=\"http://www.w3.org\" xmlns=\"http://example.org\"/>",
            "<e5 xmlns=\"http://example.org\" xmlns:a=\"http://www.w3.org\" xmlns:b=\"http://www.ietf.org\" \
             attr=\"I'm\" attr2=\"all\" b:attr=\"sorted\" a:attr=\"out\"></e5>",
        ),
        // what is declared again says nothing; what is declared otherwise, or anew further in, does
        (
            "<a xmlns=\"u\" xmlns:p=\"v\"><b xmlns=\"u\" xmlns:p=\"w\"><p:c xmlns:p=\"v\"/></b><d xmlns:q=\"x\"/></a>",
            "<a xmlns=\"u\" xmlns:p=\"v\"><b xmlns:p=\"w\"><p:c xmlns:p=\"v\"></p:c></b><d xmlns:q=\"x\"></d></a>",
        ),
        // an unused namespace stays: this is not the exclusive kind
        ("<a xmlns:p=\"v\"><b/></a>", "<a xmlns:p=\"v\"><b></b></a>"),
        // 3.4: characters
        (
            "<a x='\"&lt;&gt;&amp;&apos;'>\"&lt;&gt;&amp;'</a>",
            "<a x=\"&quot;&lt;>&amp;'\">\"&lt;&gt;&amp;'</a>",
        ),
        ("<a>\n\t<b/> \n</a>", "<a>\n\t<b></b> \n</a>"),
        // the declaration and what is around the document go
        ("<?xml version=\"1.0\"?>\n\n<a/>\n", "<a></a>"),
    ] {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn an_element_apart_has_its_ancestors_namespaces() {
    let text = "<a xmlns=\"u\" xmlns:p=\"v\" xmlns:q=\"w\"><s:b xmlns:s=\"x\" xmlns:p=\"y\"><s:c z=\"1\"/></s:b></a>";
    let root = read(text).unwrap();
    let middle = child(&root, "b");
    let expected = "<s:c xmlns=\"u\" xmlns:p=\"y\" xmlns:q=\"w\" xmlns:s=\"x\" z=\"1\"></s:c>";
    assert_eq!(apart(&[&root, middle], child(middle, "c")), expected);
}

#[test]
fn what_is_omitted_is_that_child_and_nothing_else() {
    let root = read("<a> <s>1</s>\n<s>2</s> <b><s>3</s></b></a>").unwrap();
    assert_eq!(document(&root, child(&root, "s")), "<a> \n<s>2</s> <b><s>3</s></b></a>");
}
