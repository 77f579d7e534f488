//! Intel's answers, NVIDIA's around a manifest and a verdict: what was signed is kept to the byte.
#![no_main]

use jurat_verify::{IntelAnswer, IntelAnswers, collateral_window, nras_shape, read_rim_answer};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fn contains(body: &[u8], signed: &Value) -> bool {
    let signed = signed.as_str().expect("text").as_bytes();
    body.windows(signed.len()).any(|window| window == signed)
}

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        if let Some(window) = collateral_window(text) {
            let _ = window.is_empty();
        }
        let parts: Vec<&str> = text.split("\n%\n").collect();
        if let [tcb, tcb_chain, identity, identity_chain, pck_crl, pck_chain, root_crl] = parts[..] {
            let answer = |body: &str, chain: &str| IntelAnswer { body: body.into(), issuer_chain: chain.into() };
            let answers = IntelAnswers {
                tcb_info: answer(tcb, tcb_chain),
                qe_identity: answer(identity, identity_chain),
                pck_crl: answer(pck_crl, pck_chain),
                root_ca_crl: root_crl.into(),
            };
            if let Ok(collateral) = answers.collateral() {
                let _ = collateral_window(&collateral);
                let value: Value = serde_json::from_str(&collateral).expect("JSON");
                assert!(contains(tcb.as_bytes(), &value["tcb_info"]));
                assert!(contains(identity.as_bytes(), &value["qe_identity"]));
            }
        }
    }
    let _ = read_rim_answer(data);
    let _ = nras_shape(data, data);
});
