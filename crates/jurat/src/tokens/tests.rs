use super::*;

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

#[test]
fn a_file_is_read_and_a_bad_entry_names_itself() {
    let good = format!(
        "[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\n[[token]]\nname = 'b'\nsha256 = '{DIGEST}'\nexpires = 9\nrate = 0.5\nburst = 3\n"
    );
    assert_eq!(parse(good.as_bytes()).unwrap().len(), 2);
    assert_eq!(parse(b"").unwrap().len(), 0);
    for (text, words) in [
        ("[[token]]\nname = 'a'\nsha256 = 'jurat-secret'".to_owned(), "token \"a\": sha256 is not 64"),
        (format!("[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nrate = 0.0"), "token \"a\": a rate is"),
        (format!("[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\nburst = 2"), "token \"a\": a burst"),
        (format!("[[token]]\nname = 'a'\nsha256 = '{DIGEST}'\ntoken = 'jurat-secret'"), "unknown field"),
        ("[[token]]\nname = 'a'".to_owned(), "sha256"),
        ("nonsense".to_owned(), ""),
    ] {
        let refused = parse(text.as_bytes()).unwrap_err();
        assert!(refused.contains(words), "{text}: {refused}");
        assert!(!refused.contains("jurat-secret"), "what may be a secret is not repeated: {refused}");
    }
    assert!(parse(&[0xff]).is_err());
}
