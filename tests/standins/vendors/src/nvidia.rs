//! NVIDIA's three services: manifests by name, an OCSP responder, and the attestation service.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::pem::{LineEnding, encode_string};
use jurat_proto::{UnixSeconds, sha256};
use jurat_simulated::{Nras, NrasExchange, Ocsp, Rims, SimulatedTee};
use jurat_verify::{CheckId, Inputs, Policy, Status, Wanted, verify_report};
use serde_json::{Value, json};

use crate::{Fault, Subject, http::Response};

/// `GET /v1/rim/{id}`
pub(crate) fn rim(tee: &SimulatedTee, ids: &[String], path: &str, fault: Fault) -> Response {
    let Some(at) = path.strip_prefix("/v1/rim/").and_then(|id| ids.iter().position(|known| known == id))
    else {
        return Response::error(404);
    };
    let form = match fault {
        Fault::Other if at == 0 => Rims::OtherDriver,
        Fault::Other => Rims::OtherVbios,
        Fault::Stale => Rims::ExpiredSigner,
        _ => Rims::Fitting,
    };
    let mut text = tee.rims(form).expect("manifests can be signed").swap_remove(at);
    if fault == Fault::Altered {
        text = text.replacen("Hash0=\"", "Hash0=\"00", 1);
    }
    Response::json(
        json!({
            "id": ids[at],
            "rim": STANDARD.encode(&text),
            "sha256": sha256(text.as_bytes()).to_string(),
            "rim_format": "SWID",
            "request_id": "00000000-0000-0000-0000-000000000000",
            "last_updated": "2025-01-01T00:00:00Z",
        })
        .to_string(),
    )
}

/// The names under which a TEE's manifests are kept, driver and VBIOS.
pub(crate) fn rim_ids(payload: &str) -> Vec<String> {
    let report = json!({ "nvidia_payload": payload }).to_string();
    Wanted::of(&report).rims.iter().map(ToString::to_string).collect()
}

/// PEM chains of the GPUs, and of those who sign manifests.
pub(crate) fn chains(subject: &Subject) -> Vec<String> {
    let payload: Value = serde_json::from_str(&subject.gpu_evidence).unwrap_or_default();
    let list = payload["evidence_list"].as_array().cloned().unwrap_or_default();
    let pem = |entry: &Value| String::from_utf8(STANDARD.decode(entry["certificate"].as_str()?).ok()?).ok();
    let rims = subject.tee.rims(Rims::Fitting).expect("manifests can be signed");
    list.iter().filter_map(pem).chain(rims.iter().map(|text| manifest_chain(text))).collect()
}

fn manifest_chain(text: &str) -> String {
    let parts = text.split("X509Certificate>").skip(1).step_by(2);
    let base64 = parts.map(|part| part.split('<').next().unwrap_or_default());
    let der = base64.map(|body| STANDARD.decode(body.split_ascii_whitespace().collect::<String>()));
    der.map(|der| {
        let der = der.expect("manifests hold base64");
        encode_string("CERTIFICATE", LineEnding::LF, &der).expect("a certificate is not too long")
    })
    .collect()
}

/// `POST` of an `OCSPRequest`
pub(crate) fn ocsp(tee: &SimulatedTee, chains: &[String], request: &[u8], fault: Fault) -> Response {
    let form = match fault {
        Fault::Stale => Ocsp::Stale,
        Fault::Altered => Ocsp::OtherResponder,
        _ => Ocsp::Good,
    };
    let chains: Vec<&str> = chains.iter().map(String::as_str).collect();
    let answer = match fault {
        // A good answer, to somebody else's question.
        Fault::Other => tee.ocsp(Ocsp::LeafUnknown).map(|mut all| all.swap_remove(0)),
        _ => tee.ocsp_about(request, &chains, form),
    };
    match answer {
        Ok(answer) => Response::of("application/ocsp-response", answer),
        Err(_) => Response::error(400),
    }
}

/// What the attestation service finds in the evidence: it judges it as NVIDIA's does, by the manifests of the same
/// vendor, and it says so in the body, never by the status.
pub(crate) fn verdict(
    tee: &SimulatedTee,
    payload: &str,
    fault: Fault,
    now: UnixSeconds,
) -> Option<NrasExchange> {
    let says = match fault {
        Fault::Other => Nras::OtherNonce,
        Fault::Stale => Nras::Expired,
        Fault::Altered => Nras::OtherKey,
        _ => judge(tee, payload, now)?,
    };
    tee.nras(payload, says, now).ok()
}

fn judge(tee: &SimulatedTee, payload: &str, now: UnixSeconds) -> Option<Nras> {
    let asked: Value = serde_json::from_str(payload).ok()?;
    let list = asked["evidence_list"].as_array().filter(|list| !list.is_empty())?;
    let nonce = hex::decode(asked["nonce"].as_str()?).ok()?;
    for entry in list {
        let evidence = STANDARD.decode(entry["evidence"].as_str()?).ok()?;
        if evidence.get(4..36) != Some(&nonce) {
            return Some(Nras::NonceMismatch);
        }
    }
    let rims = tee.rims(Rims::Fitting).ok()?;
    let report = json!({ "nvidia_payload": payload }).to_string();
    let policy = Policy::named("simulated")?;
    let verdict = verify_report(&report, &policy, Inputs { rims: &rims, ..Inputs::live(now) });
    let holds = [CheckId::GpuChain, CheckId::GpuSignature, CheckId::GpuFirmware, CheckId::GpuMeasurements]
        .into_iter()
        .all(|id| verdict.check(id).is_some_and(|check| check.status == Status::Pass));
    Some(if holds { Nras::Holds } else { Nras::OtherMeasurements })
}
