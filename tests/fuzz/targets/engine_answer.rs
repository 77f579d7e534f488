//! What an engine may say on the wire: head and body come out the same however the bytes are cut, and no more comes out
//! than went in.
#![no_main]

use jurat_proxy::fuzzing::engine_answer;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [size, wire @ ..] = data else { return };
    let whole = engine_answer(wire, wire.len().max(1));
    let cut = engine_answer(wire, usize::from(*size).max(1));
    assert_eq!(whole, cut);
    if let Some(answer) = whole {
        assert!(answer.body.len() <= wire.len());
        assert!((200..1000).contains(&answer.status));
    }
});
