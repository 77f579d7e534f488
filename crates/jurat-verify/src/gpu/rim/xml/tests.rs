use proptest::prelude::*;

use super::*;

fn refused(text: &str) -> &'static str {
    read(text).unwrap_err().what
}

#[test]
fn what_manifests_have_is_read() {
    let root = read(concat!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
        "<a xmlns='urn:one' xmlns:p=\"urn:two\" x = '1'/>",
    ));
    assert_eq!(root.unwrap_err().what, "an attribute without a value", "no space around the sign");

    let text = "<a xmlns='urn:one' xmlns:p=\"urn:two\" x='1' p:x='2'>\n <p:b>&lt;&amp;&gt;&quot;&apos;</p:b>\t<c/></a>\n";
    let root = read(text).unwrap();
    assert!(root.name.is("urn:one", "a"));
    assert_eq!(root.attribute("x"), Some("1"));
    let children: Vec<_> = root.children().collect();
    assert!(children[0].name.is("urn:two", "b") && children[1].name.is("urn:one", "c"));
    assert_eq!(children[0].text().unwrap(), "<&>\"'");
    assert_eq!(root.text(), None);
    assert!(read("<a/>").unwrap().name.is("", "a"));
}

/// Whoever writes the bundle writes its manifests: what is compared with all its like must be few.
#[test]
fn attributes_are_few() {
    let attributes = |number: usize| (0..number).map(|at| format!(" a{at}=''")).collect::<String>();
    let namespaces = |number: usize| (0..number).map(|at| format!(" xmlns:p{at}='u'")).collect::<String>();
    assert!(read(&format!("<a{}{}/>", attributes(100), namespaces(28))).is_ok());
    for many in [attributes(129), namespaces(129), attributes(100) + &namespaces(29)] {
        assert_eq!(refused(&format!("<a{many}/>")), "an element has more attributes than manifests need");
    }
}

#[test]
fn everything_else_is_refused_by_name() {
    for (text, what) in [
        ("", "no element"),
        ("x<a/>", "no element"),
        ("<a/>x", "something follows the document"),
        ("<a/><b/>", "something follows the document"),
        ("<?xml version=\"1.1\"?><a/>", "an XML declaration other than version 1.0 in UTF-8"),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>",
            "an XML declaration other than version 1.0 in UTF-8",
        ),
        (" <?xml version=\"1.0\"?><a/>", "not a name"),
        ("<!DOCTYPE a><a/>", "not a name"),
        ("<a><!-- c --></a>", "not a name"),
        ("<a><?pi?></a>", "not a name"),
        ("<a><![CDATA[x]]></a>", "not a name"),
        ("<a>&#65;</a>", "a reference other than XML's five"),
        ("<a>&e;</a>", "a reference other than XML's five"),
        ("<a>&amp</a>", "a reference without an end"),
        ("<a x='&#10;'/>", "a reference other than XML's five"),
        ("<a xml:lang='en'/>", "a prefix that is not declared"),
        ("<p:a/>", "a prefix that is not declared"),
        ("<a xmlns:xml='urn:x'/>", "a namespace that is empty or XML's own"),
        ("<a xmlns:p=''/>", "a namespace that is empty or XML's own"),
        ("<a xmlns='&amp;'/>", "a namespace with a reference in it"),
        ("<a xmlns='u' xmlns='u'/>", "a namespace is declared twice"),
        ("<a x='1' x='2'/>", "an attribute is there twice"),
        ("<a xmlns:p='u' xmlns:q='u' p:x='1' q:x='2'/>", "an attribute is there twice"),
        ("<a x='1'y='2'/>", "no white space before an attribute"),
        ("<a x=1/>", "a value without quotes"),
        ("<a x='\n'/>", "a value that goes on with a character that these manifests do not need"),
        ("<a x='<'/>", "a value that goes on with a character that these manifests do not need"),
        ("<a></b>", "an end tag of another element"),
        ("<a></a", "an end tag without an end"),
        ("<a>", "a character that these manifests do not need"),
        ("<a>]]></a>", "a character that these manifests do not need"),
        ("<a>ä</a>", "a character that these manifests do not need"),
        ("<a>\r</a>", "a character that these manifests do not need"),
        ("<a>\0</a>", "a character that these manifests do not need"),
        ("<1/>", "not a name"),
        ("<a:/>", "not a name"),
    ] {
        assert_eq!(refused(text), what, "{text:?}");
    }
    let deep = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(read(&deep(12)).is_ok());
    assert_eq!(refused(&deep(13)), "elements are nested too deep");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_text_of_its_own_alphabet_does_either(text in "[<>/a:x='\" &;!?\\n]{0,60}") {
        let _ = read(&text);
    }
}

#[test]
fn an_element_has_text_if_it_has_nothing_else() {
    for (document, text) in [
        ("<a/>", Some("")),
        ("<a></a>", Some("")),
        ("<a>x &amp; y</a>", Some("x & y")),
        ("<a>x<b/></a>", None),
    ] {
        assert_eq!(read(document).unwrap().text().as_deref(), text, "{document}");
    }
}
