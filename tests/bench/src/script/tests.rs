use super::*;

fn stream(events: u32) -> Vec<u8> {
    let id = "0".repeat(32);
    let mut body = Vec::new();
    (0..events).for_each(|number| write_event(&mut body, &id, number));
    let digest = sha256(&body);
    write_digest(&mut body, &id, &digest);
    body.extend_from_slice(DONE);
    body
}

fn read(body: &[u8], events: u32, piece: usize) -> Result<usize, &'static str> {
    let mut reading = Reading::new(events);
    let mut stamps = 0;
    for bytes in body.chunks(piece) {
        reading.feed(bytes, |_, event| stamps += usize::from(matches!(event, Event::Stamped(_))))?;
    }
    assert!(reading.is_whole());
    assert_eq!(reading.finish(), (sha256(body), body.len()));
    Ok(stamps)
}

#[test]
fn a_script_survives_its_request() {
    for script in
        [Script::Plain { bytes: 1024 }, Script::Stream { events: 200, gap: 20_000_000, end_at: u64::MAX }]
    {
        assert_eq!(Script::of_request(&script.request()), Some(script));
    }
    assert_eq!(Script::of_request(b"{}"), None);
}

#[test]
fn a_stream_is_read_at_any_split() {
    let body = stream(7);
    assert_eq!(body.len(), 7 * EVENT + DIGEST_EVENT + DONE.len());
    for piece in [1, 13, 256, 257, 4096] {
        assert_eq!(read(&body, 7, piece), Ok(8));
    }
}

#[test]
fn an_altered_byte_is_noticed() {
    let body = stream(3);
    for at in [EVENT - 60, EVENT + NUMBER_AT, 3 * EVENT + NUMBER_AT, body.len() - 3] {
        let mut altered = body.clone();
        altered[at] ^= 1;
        assert!(read(&altered, 3, 512).is_err(), "byte {at}");
    }
}

#[test]
fn a_plain_answer_has_its_length_and_its_digest() {
    let mut body = plain(&"0".repeat(32), 1024);
    assert_eq!(body.len(), 1024);
    assert!(plain_is_right(&body));
    body[300] ^= 1;
    assert!(!plain_is_right(&body));
}
