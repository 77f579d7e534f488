use super::*;

/// Feeds byte by byte what is not taken, as a socket would.
fn read(framing: Body, wire: &[u8]) -> (Vec<u8>, Body) {
    let (mut body, mut state, mut pending) = (Vec::new(), framing, Vec::new());
    for byte in wire {
        pending.push(*byte);
        let taken = state
            .feed(&pending, |bytes| {
                body.extend_from_slice(bytes);
                Ok(())
            })
            .unwrap();
        pending.drain(..taken);
    }
    (body, state)
}

#[test]
fn chunks_are_undone_at_any_split() {
    let (body, state) = read(Body::Size, b"3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
    assert_eq!((body.as_slice(), state), (b"abc0123456789abcdef".as_slice(), Body::Over));
}

#[test]
fn a_known_length_ends_by_itself() {
    assert_eq!(read(Body::Length(3), b"abcdef"), (b"abc".to_vec(), Body::Over));
}

#[test]
fn what_is_no_chunk_is_noticed() {
    assert!(Body::Size.feed(b"zz\r\n", |_| Ok(())).is_err());
}

#[test]
fn a_head_is_read_once_it_is_whole() {
    let head = b"HTTP/1.1 200 OK\r\nX-Receipt-Id: ab\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(Head::parse(&head[..20]).unwrap().is_none());
    let (length, parsed) = Head::parse(head).unwrap().unwrap();
    assert_eq!((length, parsed.status, parsed.body), (head.len(), 200, Body::Size));
    assert_eq!(parsed.receipt_id.as_deref(), Some("ab"));
}
