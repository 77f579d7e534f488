//! What the look-alike of NVIDIA's services says, as far as no judge is needed to see it.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jurat_attest::GpuProvider;
use jurat_proto::Nonce;
use serde_json::{Value, json};

use super::{NOW, blueprint};
use crate::{MintError, Nras, Ocsp, Rims, SimulatedTee, Switches};

fn tee() -> SimulatedTee {
    blueprint().mint().unwrap()
}

fn payload(tee: &SimulatedTee) -> String {
    let nonce = Nonce::new([2; 32]);
    let list: Vec<Value> = tee
        .gpu_provider()
        .evidence(&nonce)
        .unwrap()
        .iter()
        .map(|gpu| json!({"certificate": STANDARD.encode(&gpu.certificate_chain), "evidence": STANDARD.encode(&gpu.report)}))
        .collect();
    json!({"nonce": nonce.to_string(), "evidence_list": list}).to_string()
}

#[test]
fn manifests_say_that_they_are_simulated() {
    for rim in tee().rims(Rims::Fitting).unwrap() {
        assert!(rim.contains("SIMULATED - NOT NVIDIA") && rim.matches("<ds:Signature ").count() == 1);
        assert_eq!(rim.matches("<ns0:Resource ").count(), 64);
    }
}

#[test]
fn an_answer_to_a_request_repeats_its_nonce() {
    let tee = tee();
    // the CertID of the provisioner's certificate, out of what is said of it unasked
    let all = tee.ocsp(Ocsp::Good).unwrap();
    let algorithm = hex::decode("300d06096086480165030402020500").unwrap();
    let signed = all.iter().find(|der| der.len() > 5).unwrap();
    // 0x30 0x81 and its length stand before the algorithm
    let at = signed.windows(algorithm.len()).position(|window| window == algorithm).unwrap();
    let id = &signed[at - 3..at + usize::from(signed[at - 1])];
    assert_eq!(id[..2], [0x30, 0x81]);
    let tlv = |tag: u8, value: &[u8]| match value.len() {
        short @ 0..0x80 => [&[tag, u8::try_from(short).unwrap()], value].concat(),
        long => [&[tag, 0x81, u8::try_from(long).unwrap()], value].concat(),
    };
    let nonce = tlv(0x04, &tlv(0x04, &[7; 32]));
    let extension = tlv(0x30, &[&hex::decode("06092b0601050507300102").unwrap()[..], &nonce].concat());
    let tbs = [tlv(0x30, &tlv(0x30, id)), tlv(0xa2, &tlv(0x30, &extension))].concat();
    let chain = tee.gpu_provider().evidence(&Nonce::new([2; 32])).unwrap().swap_remove(0).certificate_chain;
    let chains = [std::str::from_utf8(&chain).unwrap()];
    let answer = tee.ocsp_about(&tlv(0x30, &tlv(0x30, &tbs)), &chains, Ocsp::Good).unwrap();
    assert!(answer.windows(34).any(|window| window[..2] == [4, 32] && window[2..] == [7; 32]));
    assert!(tee.ocsp_about(b"nonsense", &chains, Ocsp::Good).is_err());
}

#[test]
fn answers_name_gpus_by_number_and_their_issuer_by_a_name_that_is_nobodys() {
    let tee = tee();
    let exchange = tee.nras(&payload(&tee), Nras::Holds, NOW).unwrap();
    let answer: Value = serde_json::from_str(&exchange.answer).unwrap();
    let token = answer[0][1].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["iss"], crate::NRAS_ISSUER);
    assert!(crate::NRAS_ISSUER.ends_with(".invalid"));
    assert_eq!(claims["x-nvidia-overall-att-result"], true);
    assert!(answer[1]["GPU-0"].is_string());
    assert!(matches!(tee.nras("{", Nras::Holds, NOW), Err(MintError::Encoding { .. })));
    let empty = r#"{"nonce":"00","evidence_list":[{}]}"#;
    assert!(matches!(tee.nras(empty, Nras::Holds, NOW), Err(MintError::Encoding { .. })));
}

#[test]
fn there_are_four_switches() {
    let switches = tee().switches(&Nonce::new([2; 32]), Switches::Attested).unwrap();
    assert_eq!(switches.len(), 4);
    assert!(switches.iter().all(|switch| switch.report[4..36] == [2; 32]));
}
