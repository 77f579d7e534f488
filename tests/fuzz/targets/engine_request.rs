//! From a client's request to the engine's: whatever the headers, the engine's parser sees one request, ours, and nothing
//! that frames it but what we wrote.
#![no_main]

use jurat_proxy::fuzzing::engine_request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|wire: &[u8]| {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(_)) = request.parse(wire) else { return };
    let (Some(method), Some(target)) = (request.method, request.path) else { return };
    let given: Vec<_> = request.headers.iter().map(|header| (header.name, header.value)).collect();
    let Some(head) = engine_request(method, target, &given, 7) else { return };

    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut heard = httparse::Request::new(&mut headers);
    let parsed = heard.parse(&head).expect("the engine's parser takes it");
    assert_eq!(parsed, httparse::Status::Complete(head.len()), "one request and nothing behind it");
    assert!(heard.path.expect("a target").starts_with('/'));
    let all = |name: &str| -> Vec<&[u8]> {
        let named = heard.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value).collect()
    };
    assert_eq!(all("content-length"), [b"7"]);
    assert_eq!(all("x-request-id").len(), 1);
    assert_eq!(all("accept-encoding"), [b"identity"]);
    for name in ["transfer-encoding", "connection", "upgrade", "te", "expect", "x-request-hash", "keep-alive", "authorization", "x-api-key"] {
        assert!(all(name).is_empty(), "{name}");
    }
});
