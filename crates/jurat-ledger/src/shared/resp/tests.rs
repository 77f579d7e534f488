use proptest::prelude::*;

use super::*;

#[test]
fn commands_and_replies_have_the_form_of_the_protocol() {
    let mut sent = Vec::new();
    Args::of(&["SET", "k"]).bytes(b"\r\n").number(7).then(&Args::of(&["NX"])).command(&mut sent);
    assert_eq!(sent, b"*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n\r\n\r\n$1\r\n7\r\n$2\r\nNX\r\n");

    let mut replies: &[u8] = b"+OK\r\n:-3\r\n$-1\r\n$3\r\na\r\n\r\n*2\r\n$0\r\n\r\n*-1\r\n-ERR no\x1b\r\n";
    let mut next = || read(&mut replies).unwrap();
    assert_eq!(next(), Reply::Bytes(b"OK".to_vec()));
    assert_eq!(next(), Reply::Number(-3));
    assert_eq!(next(), Reply::Nil);
    assert_eq!(next(), Reply::Bytes(b"a\r\n".to_vec()));
    assert_eq!(next(), Reply::List(vec![Reply::Bytes(Vec::new()), Reply::Nil]));
    assert_eq!(next(), Reply::Refused("ERR no?".into()));
}

#[test]
fn what_breaks_the_form_or_the_bounds_is_an_error() {
    let deep = "*1\r\n".repeat(usize::from(DEEPEST) + 1);
    let long = format!("+{}\r\n", "x".repeat(1 << 17));
    for bad in [
        "",
        "\r\n",
        "+OK",
        "?\r\n",
        ":x\r\n",
        ":\r\n",
        "$3\r\nab\r\n",
        "$2\r\nabcd",
        "*2\r\n:1\r\n",
        "$99999999999999999\r\nab",
        "$9223372036854775807\r\n",
        "*9223372036854775807\r\n:1\r\n",
        &deep,
        &long,
    ] {
        assert!(read(&mut bad.as_bytes()).is_err(), "{:?}", &bad[..bad.len().min(40)]);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&mut &bytes[..]);
    }

    #[test]
    fn a_cut_reply_is_never_taken_for_a_whole_one(cut in 0usize..31) {
        let whole = b"*3\r\n$4\r\nabcd\r\n:12\r\n$3\r\nxyz\r\n";
        prop_assume!(cut < whole.len());
        prop_assert!(read(&mut &whole[..cut]).is_err());
    }
}
