use bytes::Bytes;
use jurat_proto::Digest;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn all() -> Demands {
    Demands { request_id: Gate::Refuse, remote_media: Gate::Refuse, cache_salt: Some(SaltKey::new([7; 32])) }
}

/// What the engine gets.
fn meet(demands: &Demands, body: &str) -> Result<Bytes, Refusal> {
    let sent = Bytes::copy_from_slice(body.as_bytes());
    demands.meet(&sent, Family::Chat, None).map(|instead| instead.unwrap_or(sent))
}

#[test]
fn nothing_is_looked_into_unless_something_is_demanded() {
    assert!(!Demands::default().look_into_json());
    assert!(Demands { request_id: Gate::Refuse, ..Demands::default() }.look_into_json());
    assert!(Demands { remote_media: Gate::Refuse, ..Demands::default() }.look_into_json());
    assert!(all().look_into_json());
}

#[test]
fn a_request_id_is_refused_at_the_top_alone() {
    let demands = Demands { request_id: Gate::Refuse, ..Demands::default() };
    for body in [
        r#"{"request_id":"mine"}"#,
        r#"{"model":"m","request_id":null}"#,
        r#"{"\u0072equest_id":"mine"}"#,
        r#"{"a":1,"request_id":"x","request_id":"y"}"#,
    ] {
        assert_eq!(meet(&demands, body), Err(Refusal::RequestIdRefused), "{body}");
    }
    for body in [r#"{"metadata":{"request_id":"x"}}"#, r#"{"content":"\"request_id\":1"}"#, "{}"] {
        assert_eq!(meet(&demands, body).as_deref(), Ok(body.as_bytes()), "passes unchanged");
    }
}

#[test]
fn what_would_be_fetched_is_refused_at_any_depth() {
    let demands = Demands { remote_media: Gate::Refuse, ..Demands::default() };
    for body in [
        r#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"image_url","image_url":"http://169.254.169.254/"}]}]}"#,
        r#"{"messages":[{"content":[{"image_url":{"\u0075rl":"file:///etc/passwd"}}]}]}"#,
        r#"{"input":[{"content":[{"type":"input_file","file_url":"ftp://x"}]}]}"#,
        r#"{"tools":[{"type":"mcp","server_url":"http://127.0.0.1:9464"}]}"#,
        r#"{"messages":[{"content":[{"video_url":{"url":["https://x"]}}]}]}"#,
        r#"{"messages":[{"content":[{"image_url":{"url":" data:image/png;base64,AA"}}]}]}"#,
        r#"{"messages":[{"content":[{"audio_url":{"url":""}}]}]}"#,
    ] {
        assert_eq!(meet(&demands, body), Err(Refusal::RemoteMediaRefused), "{body}");
    }
    for body in [
        r#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AA","detail":"low"}}]}]}"#,
        r#"{"messages":[{"content":[{"image_url":{"url":"DATA:image/png;base64,AA"}}]}]}"#,
        r#"{"messages":[{"content":"see https://example.org"}]}"#,
        r#"{"tools":[{"function":{"parameters":{"properties":{"url":{"type":"string"}}}}}]}"#,
    ] {
        assert!(meet(&demands, body).is_ok(), "{body}");
    }
}

/// Python reads some of these, and other than we would: none may pass unseen.
#[test]
fn what_two_parsers_could_read_differently_is_refused() {
    let utf16: Vec<u8> = "{\"request_id\":\"x\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    for body in [
        utf16.as_slice(),
        b"\xef\xbb\xbf{}",
        b"[]",
        b"",
        b"{\"a\":NaN}",
        b"{\"a\":1}{\"request_id\":1}",
        b"{\"a\":\"\xff\"}",
        deep.as_bytes(),
    ] {
        let met = all().meet(&Bytes::copy_from_slice(body), Family::Chat, None);
        assert_eq!(met, Err(Refusal::BodyUnreadable), "{:?}", String::from_utf8_lossy(body));
    }
}

#[test]
fn owners_have_salts_of_their_own() {
    let demands = Demands { cache_salt: Some(SaltKey::new([7; 32])), ..Demands::default() };
    let salted = |owner: Option<&Digest>, body: &str| -> Value {
        let met =
            demands.meet(&Bytes::copy_from_slice(body.as_bytes()), Family::Chat, owner).unwrap().unwrap();
        serde_json::from_slice(&met).unwrap()
    };
    let (a, b) = (Digest::new([1; 32]), Digest::new([2; 32]));
    let of = |owner| salted(owner, r#" { "model":"m"}"#)["cache_salt"].as_str().unwrap().to_owned();
    assert_eq!(of(Some(&a)), of(Some(&a)));
    let salts = [of(None), of(Some(&a)), of(Some(&b))];
    assert!(salts[0] != salts[1] && salts[1] != salts[2] && salts[0] != salts[2], "{salts:?}");
    assert_eq!(salted(Some(&a), "{ }")["cache_salt"], of(Some(&a)));
    let other = Demands { cache_salt: Some(SaltKey::new([8; 32])), ..Demands::default() };
    let met = other.meet(&Bytes::from_static(b"{}"), Family::Responses, Some(&a)).unwrap().unwrap();
    assert!(!String::from_utf8_lossy(&met).contains(&of(Some(&a))), "another process, another salt");
    assert_eq!(salted(Some(&a), r#"{"cache_salt":"mine"}"#)["cache_salt"], "mine", "the later one counts");
    let plain = demands.meet(&Bytes::from_static(b"{}"), Family::Plain, Some(&a)).unwrap();
    assert_eq!(plain, None, "where the engine knows no salt, it gets what came");
    assert_eq!(format!("{:?}", SaltKey::new([7; 32])), "SaltKey(..)");
}

proptest! {
    /// Whatever is sent: nothing panics, and what passes is the same document, but for the salt.
    #[test]
    fn what_passes_is_what_was_sent(body in "\\s{0,2}\\{.{0,60}\\}") {
        if let Ok(met) = meet(&all(), &body) {
            let mut now: Value = serde_json::from_slice(&met).unwrap();
            let sent: Value = serde_json::from_str(&body).unwrap();
            if sent.get("cache_salt").is_none() {
                now.as_object_mut().unwrap().remove("cache_salt");
            }
            prop_assert_eq!(now, sent);
        }
    }
}
