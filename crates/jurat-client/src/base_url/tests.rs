use super::*;

fn joined(base: &str, segments: &[&str]) -> String {
    base.parse::<BaseUrl>().unwrap().join(segments.iter().copied()).to_string()
}

#[test]
fn routes_hang_below_the_base_as_it_stands() {
    assert_eq!(joined("http://a:8000", &["attestation", "report"]), "http://a:8000/attestation/report");
    assert_eq!(joined("https://a/v1/", &["attestation", "report"]), "https://a/v1/attestation/report");
    assert_eq!(joined("https://a/x/v1", &["signature", "id"]), "https://a/x/v1/signature/id");
}

#[test]
fn an_id_cannot_climb() {
    assert_eq!(
        joined("http://a/v1", &["signature", "../../admin?x#y"]),
        "http://a/v1/signature/..%2F..%2Fadmin%3Fx%23y"
    );
}

#[test]
fn other_urls_are_refused() {
    assert!(matches!("a:8000".parse::<BaseUrl>(), Err(BaseUrlError::Scheme(_))));
    assert!(matches!("/v1".parse::<BaseUrl>(), Err(BaseUrlError::Syntax(_))));
    assert!(matches!("file:///etc".parse::<BaseUrl>(), Err(BaseUrlError::Scheme(_))));
    assert_eq!("https://u:p@a".parse::<BaseUrl>(), Err(BaseUrlError::Credentials));
    assert_eq!("https://a/?x=1".parse::<BaseUrl>(), Err(BaseUrlError::Query));
}

#[test]
fn a_version_in_the_base_is_not_named_twice() {
    for (base, path, url) in [
        ("http://a", "v1/chat/completions", "http://a/v1/chat/completions?x=1"),
        ("http://a/v1", "v1/chat/completions", "http://a/v1/chat/completions?x=1"),
        ("http://a/x/v1/", "v1/models", "http://a/x/v1/models?x=1"),
        ("http://a/v1", "tokenize", "http://a/v1/tokenize?x=1"),
        ("http://a/v1", "v1/v1/models", "http://a/v1/v1/models?x=1"),
        ("http://a/v12", "v1/models", "http://a/v12/v1/models?x=1"),
    ] {
        let base: BaseUrl = base.parse().unwrap();
        assert_eq!(base.route(path.split('/'), Some("x=1")).as_str(), url);
    }
}
