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
