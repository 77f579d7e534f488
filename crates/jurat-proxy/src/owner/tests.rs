use actix_web::http::header::HeaderName;

use super::*;

fn owner(value: &'static str) -> Option<Digest> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
    of(&headers)
}

#[test]
fn an_owner_is_a_token_whatever_the_case_of_its_scheme() {
    let one = owner("Bearer sk-1");
    assert!(one.is_some());
    assert_eq!(owner("bearer  sk-1 "), one);
    assert_ne!(owner("Bearer sk-2"), one);
    assert_ne!(one, Some(sha256(b"sk-1")), "no digest that something else is known by");
}

#[test]
fn without_a_bearer_token_there_is_no_owner() {
    for value in ["", "Bearer", "Bearer ", "Basic c2s6MQ==", "sk-1"] {
        assert_eq!(owner(value), None, "{value}");
    }
    assert_eq!(of(&HeaderMap::new()), None);
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-api-key"), HeaderValue::from_static("sk-1"));
    assert_eq!(of(&headers), owner("Bearer sk-1"), "as clients of /v1/messages bring it");
}
