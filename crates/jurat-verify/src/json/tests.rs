use std::{borrow::Cow, collections::BTreeMap};

use jurat_proto::UnixMillis;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Inner {
    a: u8,
    #[serde(default)]
    b: i8,
}

#[derive(Debug, PartialEq, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    One,
    Two,
}

#[derive(Debug, Deserialize)]
struct Outer<'a> {
    one: Inner,
    list: Vec<Inner>,
    map: BTreeMap<String, Inner>,
    maybe: Option<Inner>,
    name: Name,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(borrow)]
    raw: &'a RawValue,
    owned: Box<RawValue>,
    any: Value,
    at: UnixMillis,
    pair: (String, bool),
    unit: (),
    number: f64,
    big: u128,
}

/// With one member written otherwise.
fn outer(member: &str, written: &str) -> String {
    let mut members = BTreeMap::from([
        ("one", r#"{"a":1}"#),
        ("list", r#"[{"a":2,"b":-2},{"a":3}]"#),
        ("map", r#"{"x":{"a":4}}"#),
        ("maybe", r#"{"a":5}"#),
        ("name", r#""two""#),
        ("text", r#""t\n""#),
        ("raw", "[ 6 ]"),
        ("owned", "[ 7 ]"),
        ("any", r#"[{"a":[-1,1,1.5,null,true,"s"]}]"#),
        ("at", "8"),
        ("pair", r#"["p",true]"#),
        ("unit", "null"),
        ("number", "1.5"),
        ("big", "9"),
        ("unknown", r#"[{"twice":1,"twice":2}]"#),
    ]);
    members.insert(member, written);
    let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!(" {{{}}}\n", members.join(","))
}

#[test]
fn what_is_as_it_should_be_is_read() {
    let text = outer("name", r#""two""#);
    let read: Outer<'_> = object(&text).unwrap();
    assert_eq!(read.one, Inner { a: 1, b: 0 });
    assert_eq!(read.list, [Inner { a: 2, b: -2 }, Inner { a: 3, b: 0 }]);
    assert_eq!(read.map["x"], Inner { a: 4, b: 0 });
    assert_eq!(read.maybe, Some(Inner { a: 5, b: 0 }));
    assert_eq!((read.name, &*read.text), (Name::Two, "t\n"));
    assert_eq!((read.raw.get(), read.owned.get()), ("[ 6 ]", "[ 7 ]"));
    assert_eq!(read.any.to_string(), r#"[{"a":[-1,1,1.5,null,true,"s"]}]"#);
    assert_eq!((read.at, read.pair, read.unit), (UnixMillis(8), ("p".to_owned(), true), ()));
    assert_eq!((read.number, read.big), (1.5, 9));
    let absent = outer("maybe", "null");
    assert_eq!(object::<Outer<'_>>(&absent).unwrap().maybe, None);
}

#[test]
fn an_array_is_no_object_however_deep_it_stands() {
    assert_eq!(object::<Inner>("[1,2]").unwrap_err(), "not a JSON object");
    let error = read::<Inner>("[1,2]").unwrap_err();
    assert!(error.starts_with("invalid type: sequence, expected struct Inner"), "{error}");
    for (member, written) in [
        ("one", "[1,0]"),
        ("list", "[[2,0]]"),
        ("map", r#"{"x":[4,0]}"#),
        ("maybe", "[5,0]"),
        ("name", r#"{"two":null}"#),
        ("name", r#""three""#),
    ] {
        let text = outer(member, written);
        assert!(object::<Outer<'_>>(&text).is_err(), "{member}: {written}");
    }
    assert!(read::<Vec<Inner>>(r#"[{"a":1}]"#).is_ok());
    assert!(read::<Vec<Inner>>("[[1,0]]").is_err());
}

#[test]
fn what_is_read_is_the_whole_text_and_nothing_twice() {
    for text in [r#"{"a":1} {}"#, r#"{"a":1}x"#, r#"{"a":1,"a":1}"#, r#"{"a":1"#, "", "{}", r#"{"a":256}"#] {
        assert!(object::<Inner>(text).is_err(), "{text}");
    }
    assert_eq!(object_in::<Inner>(br#"{"a":1}"#), Ok(Inner { a: 1, b: 0 }));
    assert!(object_in::<Value>(b"{\"a\":\"\xff\"}").is_err());
}
