use actix_web::HttpResponse;

use super::*;

const NONE: Nonce = Nonce::new([0xab; 32]);

fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    map
}

#[test]
fn the_service_gets_what_is_meant_for_it() {
    let asked = map(&[
        ("authorization", "Bearer t"),
        ("connection", "x-mine, keep-alive"),
        ("x-mine", "1"),
        ("host", "127.0.0.1:8080"),
        ("accept-encoding", "gzip, br"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("openai-beta", "a"),
    ]);
    let passed = request(&asked, &NONE);
    let mut names: Vec<_> = passed.keys().map(onward::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept-encoding", "authorization", "openai-beta", "x-receipt-nonce"]);
    assert_eq!(passed["accept-encoding"], "identity");
    assert_eq!(passed["x-receipt-nonce"], NONE.to_string());
}

#[test]
fn credentials_alone_ask_for_the_receipt() {
    let asked = map(&[("authorization", "Bearer t"), ("x-api-key", "k"), ("cookie", "c")]);
    let shown = credentials(&asked);
    assert_eq!(shown.len(), 2);
    assert!(!format!("{shown:?}").contains("Bearer"), "never in a log");
}

#[test]
fn a_challenge_is_kept_or_refused() {
    assert_eq!(challenge(&map(&[])), None);
    assert_eq!(challenge(&map(&[("x-receipt-nonce", "abc")])), Some(Err(())));
    let text: &'static str = Box::leak(NONE.to_string().into_boxed_str());
    assert_eq!(challenge(&map(&[("x-receipt-nonce", text)])), Some(Ok(NONE)));
}

#[test]
fn the_word_on_an_answer_is_ours() {
    let mut came = onward::HeaderMap::new();
    for (name, value) in [
        ("x-jurat-verdict", "trusted"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
        ("access-control-allow-origin", "*"),
        ("x-receipt-id", "i"),
    ] {
        came.append(onward::HeaderName::from_static(name), onward::HeaderValue::from_static(value));
    }
    let mut builder = HttpResponse::Ok();
    answer(&came, "pending", &mut builder);
    let given = builder.finish();
    let given: Vec<_> =
        given.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(given.len(), 2, "{given:?}");
    assert!(given.contains(&("x-jurat-verdict", b"pending")) && given.contains(&("x-receipt-id", b"i")));
}
