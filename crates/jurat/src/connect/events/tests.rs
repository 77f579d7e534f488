use super::*;

/// What is open after all of it, fed in pieces of every size.
fn open(text: &str) -> u64 {
    let whole = Events::default().feed(text.as_bytes());
    for size in 1..=text.len() {
        let mut events = Events::default();
        let last = text.as_bytes().chunks(size).map(|piece| events.feed(piece)).last().unwrap_or(0);
        assert_eq!(last, whole, "{text:?} in pieces of {size}");
    }
    whole
}

#[test]
fn whole_events_leave_nothing_open() {
    for text in [
        "data: a\n\n",
        "data: a\r\n\r\n",
        "data: a\r\r",
        "data: a\n\ndata: b\n\n",
        "\n\n",
        ": c\r\n\r\ndata: d\n\n",
    ] {
        assert_eq!(open(text), 0, "{text:?}");
    }
}

#[test]
fn what_lacks_its_blank_line_is_open() {
    assert_eq!(open("data: a\n\ndata: b"), 7);
    assert_eq!(open("data: a\n\ndata: b\n"), 8);
    assert_eq!(open("data: a\r\n"), 9);
    assert_eq!(open("data: a\n\nevent: x\ndata: y\n"), 17);
}
