//! Bodies that are looked into: no panic, and what passes is what was sent, but for the salt in front.
#![no_main]

use jurat_proxy::fuzzing::demand;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Some(passed) = demand(body) {
        let brace = body.iter().position(|byte| *byte == b'{').expect("an object") + 1;
        assert_eq!(passed[..brace], body[..brace]);
        assert!(passed[brace..].starts_with(b"\"cache_salt\":\""));
        assert!(passed.ends_with(&body[brace..]));
    }
});
