//! `GET /attestation/report`: nonces, bindings, and every member as `docs/spec/report.md` says.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_proto::{
    Address, Binding, Claims, Layout, Nonce, PublicKey, QuoteView, ReportBody, gpu_nonce, report_data,
};
use jurat_tests::{Answer, FakeEngine, Sidecar, random_nonce};
use serde_json::Value;

async fn sidecar() -> Sidecar {
    // No engine is needed for a report.
    Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await
}

fn body(answer: &Answer) -> ReportBody {
    assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
    serde_json::from_slice(&answer.body).expect("a report")
}

fn nonce(text: &str) -> Nonce {
    text.parse().unwrap()
}

/// Recomputes everything that quote and GPU evidence must carry.
fn holds(report: &ReportBody, binding: Binding, nonce: &Nonce) {
    assert_eq!(report.binding.as_deref(), Some(binding.as_str()));
    let address: Address = report.signing_address.parse().unwrap();
    assert_eq!(address.to_string(), report.signing_address, "signing_address is EIP-55");
    let key: PublicKey = report.signing_public_key.as_deref().unwrap().parse().unwrap();
    assert_eq!(key.address(), address, "the key hashes to the address");
    assert_eq!(report.signing_algo, "ecdsa");
    assert_eq!(report.request_nonce.as_deref(), Some(nonce.to_string().as_str()));
    let layout = match binding {
        Binding::JuratV1 => Layout::JuratV1 {
            claims: report.claims.as_deref().expect("claims"),
            nvidia_payload: &report.nvidia_payload,
            nvswitch_payload: report.nvswitch_payload.as_deref().unwrap_or_default(),
        },
        _ => Layout::DstackV1,
    };
    let expected = report_data(&address, nonce, layout);
    assert_eq!(report.report_data.as_deref(), Some(expected.to_string().as_str()), "report_data, {binding}");
    let quote = hex::decode(report.intel_quote.as_deref().unwrap()).expect("the quote is hex without 0x");
    assert_eq!(report.quote, report.intel_quote, "the quote is there under both names");
    let view = QuoteView::parse(&quote).unwrap();
    assert_eq!(view.report_data(), expected, "the quote must carry the report data of {binding}");
    assert!(!view.is_debug());
    let spdm = gpu_nonce(binding, &key, nonce).to_string();
    assert_eq!(report.gpu_nonce.as_deref(), Some(spdm.as_str()), "gpu_nonce under {binding}");
    let payload: Value =
        serde_json::from_str(&report.nvidia_payload).expect("nvidia_payload is JSON in a string");
    assert_eq!(payload["nonce"], spdm.as_str(), "NVIDIA's service is given the nonce that the GPUs signed");
    let evidence = payload["evidence_list"].as_array().unwrap();
    assert!(!evidence.is_empty(), "a simulated machine has at least one GPU");
    for gpu in evidence {
        assert!(
            gpu["certificate"].is_string() && gpu["evidence"].is_string() && gpu["arch"].is_string(),
            "{gpu}"
        );
    }
    assert!(payload["arch"].is_string());
    assert_eq!(report.tee.as_deref(), Some("simulated"), "a simulated report says so");
    assert!(report.collateral.is_some(), "a simulated report brings its collateral");
}

#[tokio::test]
async fn the_default_report_binds_everything() {
    let sidecar = sidecar().await;
    let drawn = random_nonce();
    for given in [drawn.clone(), drawn.to_uppercase(), format!("0x{drawn}")] {
        let answer = sidecar.fetch(&format!("/attestation/report?nonce={given}&model=a/b:c&x")).await;
        let report = body(&answer);
        holds(&report, Binding::JuratV1, &nonce(&drawn));
        assert_eq!(report.report_age_seconds, Some(0), "a report under one's own nonce is fresh");
    }
    let first = body(&sidecar.fetch(&format!("/attestation/report?nonce={drawn}")).await);
    let second = body(&sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await);
    assert_eq!(first.claims, second.claims, "claims never change in a process's life");
    let claims: Claims = serde_json::from_str(first.claims.as_deref().unwrap()).unwrap();
    assert_eq!(claims.version, 1);
    assert_eq!(claims.signing_address.to_string(), first.signing_address);
    assert_eq!(claims.signing_public_key.to_string(), first.signing_public_key.unwrap());
    assert!(claims.gpus >= 1);
}

#[tokio::test]
async fn a_report_is_all_that_clients_in_the_field_read() {
    let sidecar = sidecar().await;
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await;
    let report = answer.json();
    let mut alone = report.clone();
    let listed = alone.as_object_mut().unwrap().remove("all_attestations").expect("all_attestations");
    assert_eq!(listed, Value::Array(vec![alone]), "all_attestations holds the same object without itself");
    for stripped in
        ["provider", "cost", "cost_details", "is_byok", "native_finish_reason", "reasoning_details"]
    {
        assert!(report.get(stripped).is_none(), "0G's broker strips {stripped}");
    }
    for member in ["event_log", "vm_config", "info"] {
        assert!(report.get(member).is_some(), "{member} is always there");
    }
    assert!(report["event_log"].is_string(), "event_log is a string");
    assert!(report["nvidia_payload"].is_string(), "nvidia_payload is a string");
    let array = sidecar
        .fetch(&format!("/attestation/report?nonce={}&event_log_format=array", random_nonce()))
        .await
        .json();
    assert!(array["event_log"].is_array(), "event_log_format=array gives an array");
    assert_eq!(answer.head.all("access-control-allow-origin"), ["*"], "browsers must be able to read it");
    assert_eq!(answer.header("x-receipt-id"), None, "a report is not an exchange");
}

#[tokio::test]
async fn the_v1_path_speaks_what_the_field_checks() {
    let sidecar = sidecar().await;
    let drawn = random_nonce();
    let report = body(&sidecar.fetch(&format!("/v1/attestation/report?nonce={drawn}")).await);
    holds(&report, Binding::DstackV1, &nonce(&drawn));
    assert_eq!(report.claims, None, "claims are served only where the quote commits to them");
    let wished =
        body(&sidecar.fetch(&format!("/v1/attestation/report?nonce={drawn}&binding=jurat-v1")).await);
    holds(&wished, Binding::JuratV1, &nonce(&drawn));
    let wished = body(&sidecar.fetch(&format!("/attestation/report?nonce={drawn}&binding=dstack-v1")).await);
    holds(&wished, Binding::DstackV1, &nonce(&drawn));
}

#[tokio::test]
async fn a_binding_that_cannot_be_honoured_is_refused_never_weakened() {
    let sidecar = sidecar().await;
    let nonce = random_nonce();
    for query in ["binding=dstack-v2", "version=2", "include_tls_fingerprint=true"] {
        for path in ["/attestation/report", "/v1/attestation/report"] {
            let answer = sidecar.fetch(&format!("{path}?nonce={nonce}&{query}")).await;
            assert_eq!(answer.status(), 409, "{path}?{query}: without a TLS key there is no dstack-v2");
            assert_eq!(answer.error_code(), "tls_off", "{path}?{query}");
        }
    }
    for query in ["binding=jurat-v1&version=2", "binding=dstack-v1&include_tls_fingerprint=true"] {
        for path in ["/attestation/report", "/v1/attestation/report"] {
            let answer = sidecar.fetch(&format!("{path}?nonce={nonce}&{query}")).await;
            assert_eq!(answer.status(), 400, "{path}?{query} contradicts itself");
            assert_eq!(answer.error_code(), "binding_conflict", "{path}?{query}");
        }
    }
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={nonce}&binding=none-v9")).await;
    assert_eq!(answer.status(), 400, "an unknown binding is refused");
    answer.error_code();
}

#[tokio::test]
async fn a_bad_nonce_is_refused() {
    let sidecar = sidecar().await;
    let short = "ab".repeat(31);
    let long = "ab".repeat(33);
    let odd = format!("{}g", "a".repeat(63));
    for bad in ["1", &short, &long, &odd, "0x", &format!("0x0x{short}"), "%20"] {
        for path in ["/attestation/report", "/v1/attestation/report"] {
            let answer = sidecar.fetch(&format!("{path}?nonce={bad}")).await;
            assert_eq!(answer.status(), 400, "{path}?nonce={bad}");
            assert_eq!(answer.error_code(), "invalid_nonce", "{path}?nonce={bad}");
        }
    }
}

#[tokio::test]
async fn without_a_nonce_one_report_serves_all() {
    let sidecar = sidecar().await;
    let first = body(&sidecar.fetch("/attestation/report").await);
    let second = body(&sidecar.fetch("/attestation/report").await);
    assert_eq!(first.request_nonce, second.request_nonce, "nonce-less requests share one cached report");
    assert_eq!(first.intel_quote, second.intel_quote);
    assert!(second.report_age_seconds.is_some(), "a cached report says how old it is");
    holds(&first, Binding::JuratV1, &nonce(first.request_nonce.as_deref().unwrap()));
    let v1 = body(&sidecar.fetch("/v1/attestation/report").await);
    holds(&v1, Binding::DstackV1, &nonce(v1.request_nonce.as_deref().unwrap()));
}

#[tokio::test]
async fn signers_and_algorithms_that_are_not_ours_are_refused() {
    let sidecar = sidecar().await;
    let ours = body(&sidecar.fetch("/attestation/report").await).signing_address;
    for spelt in [ours.clone(), ours.to_lowercase(), ours.trim_start_matches("0x").to_uppercase()] {
        let answer = sidecar.fetch(&format!("/attestation/report?signing_address={spelt}")).await;
        assert_eq!(body(&answer).signing_address, ours, "signing_address={spelt} is us");
    }
    let stranger = format!("0x{}", "12".repeat(20));
    let answer = sidecar.fetch(&format!("/attestation/report?signing_address={stranger}")).await;
    assert_eq!(answer.status(), 404, "no report of a signer that is not ours");
    answer.error_code();
    assert_eq!(body(&sidecar.fetch("/attestation/report?signing_algo=ecdsa").await).signing_address, ours);
    let answer = sidecar.fetch("/attestation/report?signing_algo=ed25519").await;
    assert_eq!((answer.status(), answer.error_code().as_str()), (400, "invalid_signing_algo"));
}

/// Two requests with different nonces must never be given each other's evidence.
#[tokio::test]
async fn concurrent_nonces_do_not_mix() {
    let sidecar = sidecar().await;
    let drawn: Vec<_> = (0..12).map(|_| random_nonce()).collect();
    let mut clients = Vec::new();
    for nonce in &drawn {
        let mut client = sidecar.connect().await;
        let target = format!("/attestation/report?nonce={nonce}");
        client.send(&jurat_tests::request("GET", &target, &[], b"")).await.unwrap();
        clients.push(client);
    }
    // One of them leaves: its evidence must not fall to the next in line.
    drop(clients.remove(3));
    let rest = drawn.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, nonce)| nonce);
    let mut served = 0;
    for (client, drawn) in clients.iter_mut().zip(rest) {
        let answer = client.answer().await.unwrap();
        match answer.status() {
            200 => {
                holds(&body(&answer), Binding::JuratV1, &nonce(drawn));
                served += 1;
            }
            503 => assert!(answer.header("retry-after").is_some(), "a full queue says when to come back"),
            other => panic!("status {other}"),
        }
    }
    assert!(served > 0, "somebody must be served");
}

#[tokio::test]
async fn the_admin_listener_serves_the_same_report() {
    let sidecar = sidecar().await;
    let drawn = random_nonce();
    let report = body(&sidecar.fetch_admin(&format!("/report?nonce={drawn}")).await);
    holds(&report, Binding::JuratV1, &nonce(&drawn));
}
