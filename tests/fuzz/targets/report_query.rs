//! The query of a report request: no panic, and what names a binding gets that binding or an error.
#![no_main]

use jurat_proxy::fuzzing::report_query;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    for v1 in [false, true] {
        let answer = report_query(query, v1);
        if let Ok(Some(binding)) = &answer
            && let Some(named) = query.split('&').find_map(|member| member.strip_prefix("binding="))
            && named.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        {
            assert_eq!(binding, named, "another binding than the one that was asked for");
        }
    }
});
