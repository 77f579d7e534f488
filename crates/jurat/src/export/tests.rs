use super::*;

fn read(bytes: &'static [u8]) -> Vec<Row> {
    let rows = Rows { name: "test".into(), reader: Box::new(bytes) };
    rows.map(|row| row.unwrap_or_else(|_| panic!("bytes in memory cannot fail"))).collect()
}

#[test]
fn lines_are_told_apart_whatever_they_hold() {
    assert_eq!(read(b""), Vec::<Row>::new());
    assert_eq!(read(b"a\n\nb"), [Ok("a\n".into()), Ok("\n".into()), Ok("b".into())]);
    assert_eq!(read(b"\xff\nb\n"), [Err(NOT_TEXT), Ok("b\n".into())]);
}

#[test]
fn a_line_without_end_is_passed_over() {
    let mut bytes = vec![b'x'; 3 * MAX_LINE];
    bytes.extend_from_slice(b"\nnext\n");
    assert_eq!(read(bytes.leak()), [Err(TOO_LONG), Ok("next\n".into())]);
    let mut fits = vec![b'x'; MAX_LINE];
    fits.extend_from_slice(b"\r\nnext\n");
    let rows = read(fits.leak());
    assert_eq!((rows.len(), rows[0].as_ref().map(String::len)), (2, Ok(MAX_LINE + 2)));
}
