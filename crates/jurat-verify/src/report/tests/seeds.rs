//! What the fuzz targets of `tests/fuzz` begin with. Minted and never genuine; to make it anew:
//! `cargo test -p jurat-verify --lib -- --ignored seeds`.

use std::{fs, path::PathBuf};

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dcap_qvl::QuoteCollateralV3;
use jurat_simulated::{Nras, Ocsp, Rims};

use super::*;
use crate::{
    Bundle, BundledAnswer, BundledNras,
    receipt::tests::{key, receipt, record},
};

fn write(name: &str, bytes: impl AsRef<[u8]>) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, bytes).unwrap();
}

fn claims_of(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()
}

#[test]
#[ignore = "writes tests/fuzz/seeds"]
fn the_seeds_of_the_fuzz_targets() {
    let attester = Attester::new(&Blueprint::new(NOW, NonZeroU32::MIN));
    let mut report = attester.report(Binding::JuratV1, &NONCE);
    let collateral = attester.tee.collateral();
    write("quote/v4", hex::decode(report["quote"].as_str().unwrap()).unwrap());
    write("report/jurat-v1", report.to_string());
    let mut other = attester.report(Binding::DstackV2, &NONCE);
    other.as_object_mut().unwrap().remove("collateral");
    write("report/dstack-v2", other.to_string());

    write("collateral/whole", collateral);
    let parts: QuoteCollateralV3 = serde_json::from_str(collateral).unwrap();
    let signed = |member: &str, text: &str, signature: &[u8]| {
        format!("{{\"{member}\":{text},\"signature\":\"{}\"}}", hex::encode(signature))
    };
    let answers = [
        signed("tcbInfo", &parts.tcb_info, &parts.tcb_info_signature),
        parts.tcb_info_issuer_chain,
        signed("enclaveIdentity", &parts.qe_identity, &parts.qe_identity_signature),
        parts.qe_identity_issuer_chain,
        hex::encode(parts.pck_crl),
        parts.pck_crl_issuer_chain,
        hex::encode(parts.root_ca_crl),
    ];
    write("collateral/answers", answers.join("\n%\n"));

    let payload = report["nvidia_payload"].as_str().unwrap();
    let evidence: Value = serde_json::from_str(payload).unwrap();
    let entry = &evidence["evidence_list"][0];
    let decoded = |member: &str| STANDARD.decode(entry[member].as_str().unwrap()).unwrap();
    write("certificates/gpu", decoded("certificate"));
    write("spdm/gpu", decoded("evidence"));
    let rims = attester.tee.rims(Rims::Fitting).unwrap();
    for (at, rim) in rims.iter().enumerate() {
        write(&format!("rim/{at}"), rim);
    }
    let ocsp = attester.tee.ocsp(Ocsp::Good).unwrap();
    for (at, der) in ocsp.iter().enumerate() {
        write(&format!("ocsp/{at}"), der);
    }
    let nras = attester.tee.nras(payload, Nras::Holds, NOW).unwrap();
    write("eat/exchange", json!({"answer": nras.answer, "jwks": nras.jwks}).to_string());
    let eat: Value = serde_json::from_str(&nras.answer).unwrap();
    write("eat/overall", claims_of(eat[0][1].as_str().unwrap()));
    let devices = eat[1].as_object().unwrap();
    write("eat/device", claims_of(devices.values().next().unwrap().as_str().unwrap()));

    let compose = "{\"docker_compose_file\":\"services: {}\"}";
    let event = |name: &str, payload: &str| json!({"imr": 3, "event_type": 1, "event": name, "event_payload": payload});
    let log = json!([
        {"imr": 0, "event_type": 7, "digest": "ab".repeat(48), "event": "", "event_payload": ""},
        event("app-id", "c0ffee"),
        event("compose-hash", &hex::encode(sha256(compose.as_bytes()).as_bytes())),
        event("system-ready", ""),
    ]);
    let info = json!({"tcb_info": {"app_compose": compose}});
    write("event_log/objects", json!({"event_log": log, "info": info}).to_string());
    let text = json!({"tcb_info": json!({"app_compose": compose}).to_string()}).to_string();
    write("event_log/texts", json!({"event_log": log.to_string(), "info": text}).to_string());

    let (request, response) = (b"{\"model\":\"m\"}", b"{\"id\":\"chatcmpl-1\"}");
    let mut sworn = receipt(request, response);
    sworn.claims_hash = sha256(attester.claims.to_json().as_bytes());
    (sworn.chain, sworn.previous) = (attester.claims.chain, attester.claims.chain);
    let first = record(&key(0x11), sworn.clone());
    (sworn.sequence, sworn.previous) = (2, sworn.struct_hash());
    let next = record(&key(0x11), sworn);
    let lines = [&first, &next].map(|record| serde_json::to_string(record).unwrap());
    write("receipts/two", lines.join("\n"));
    report.as_object_mut().unwrap().remove("collateral");
    let mut bundle = Bundle::new(report.to_string(), NOW);
    (bundle.nonce, bundle.collateral) = (Some(NONCE), Some(collateral.to_owned()));
    (bundle.rims, bundle.ocsp) = (rims, ocsp);
    bundle.nras = Some(BundledNras { answer: nras.answer, jwks: nras.jwks });
    let mut answer = BundledAnswer::new(first, request, response);
    answer.neighbours = vec![next];
    bundle.answer = Some(answer);
    write("bundle/whole", bundle.to_json().unwrap());
    for name in Policy::NAMES {
        write(&format!("policy/{name}"), policy(name).to_toml());
    }
}
