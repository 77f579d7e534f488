//! Manifests: what our reader takes means the same to another XML reader, before and after it is canonicalised; to
//! canonicalise twice is to do it once; and an authentic manifest says what the seeds' signer signed.
#![no_main]

use jurat_proto::UnixSeconds;
use jurat_verify::fuzzing::{canonical, manifest};
use libfuzzer_sys::fuzz_target;
use quick_xml::{
    NsReader,
    events::{BytesStart, Event},
    name::ResolveResult,
};

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const SEEDS: [&str; 2] = [include_str!("../seeds/rim/0"), include_str!("../seeds/rim/1")];

/// A document as another reader has it, event by event.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Start((String, String), Vec<((String, String), String)>),
    Text(String),
    End,
}

fn space(resolved: ResolveResult<'_>) -> String {
    match resolved {
        ResolveResult::Bound(space) => AsRef::<str>::as_ref(&space).to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(prefix) => panic!("a prefix that is not declared: {prefix:?}"),
    }
}

fn start(reader: &NsReader<&[u8]>, element: &BytesStart<'_>) -> Meant {
    let name = |(resolved, local): (ResolveResult<'_>, quick_xml::name::LocalName<'_>)| {
        (space(resolved), AsRef::<str>::as_ref(&local).to_owned())
    };
    let mut attributes: Vec<_> = element
        .attributes()
        .map(|attribute| attribute.expect("attributes as ours has them"))
        .filter(|attribute| attribute.key.as_namespace_binding().is_none())
        .map(|attribute| {
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).expect("a value").into_owned();
            (name(reader.resolver().resolve_attribute(attribute.key)), value)
        })
        .collect();
    attributes.sort();
    Meant::Start(name(reader.resolver().resolve_element(element.name())), attributes)
}

fn meant(text: &str) -> Vec<Meant> {
    let mut reader = NsReader::from_str(text);
    let (mut events, mut depth) = (Vec::new(), 0usize);
    let add = |events: &mut Vec<Meant>, depth: usize, more: &str| match events.last_mut() {
        _ if depth == 0 || more.is_empty() => (),
        Some(Meant::Text(text)) => text.push_str(more),
        _ => events.push(Meant::Text(more.to_owned())),
    };
    loop {
        match reader.read_event().expect("what our reader takes, others take") {
            Event::Start(element) => {
                events.push(start(&reader, &element));
                depth += 1;
            }
            Event::Empty(element) => {
                events.push(start(&reader, &element));
                events.push(Meant::End);
            }
            Event::End(_) => {
                events.push(Meant::End);
                depth -= 1;
            }
            Event::Text(text) => add(&mut events, depth, &text),
            Event::GeneralRef(name) => {
                let entity = quick_xml::escape::resolve_predefined_entity(&name);
                add(&mut events, depth, entity.expect("one of the five"));
            }
            Event::Decl(_) => (),
            Event::Eof => return events,
            other => panic!("our reader takes no such thing: {other:?}"),
        }
    }
}

fuzz_target!(
    init: assert!(SEEDS.iter().all(|seed| manifest(seed, NOW))),
    |text: &str| {
        let Some(once) = canonical(text) else {
            assert!(!manifest(text, NOW));
            return;
        };
        assert_eq!(canonical(&once).as_deref(), Some(once.as_str()));
        assert_eq!(meant(&text.replace("\r\n", "\n")), meant(&once));
        if manifest(text, NOW) {
            // but for the signature, which is not under itself
            let content = |text: &str| text.split_once("<ds:Signature ").map(|(head, _)| head.to_owned());
            let signed = SEEDS.map(|seed| content(&canonical(seed).expect("a seed")));
            assert!(signed.contains(&content(&once)));
        }
    }
);
