//! `jurat serve` before every kind of GPU driver: what it refuses to start on, and what its reports then say. The
//! driver is the stand-in of `tests/standins/nvml`; everything on this side of it is the program's own.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use jurat_proto::{Claims, ReportBody};
use jurat_tests::{Answer, Readiness, Sidecar, SidecarBuilder, binary, random_nonce};
use serde_json::Value;

/// Before the stand-in's GPUs, with more of a configuration.
fn with_library(more: &str) -> SidecarBuilder {
    with(&format!("nvml_library = {:?}\n{more}\n", binary::nvml_standin().display().to_string()))
}

/// With this configuration and an engine that nobody asks.
fn with(config: &str) -> SidecarBuilder {
    Sidecar::before("http://127.0.0.1:9").config(config)
}

/// Knobs of the stand-in, and words that are said of them.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// It exits 69, and says each of these words.
async fn refuses(builder: SidecarBuilder, knobs: &[(&str, &str)], words: &[&str]) {
    let builder = knobs
        .iter()
        .fold(builder, |builder, (name, value)| builder.env(&format!("NVML_STANDIN_{name}"), value));
    let (code, said) = builder.refused().await;
    assert_eq!(code, Some(69), "{knobs:?}: {said}");
    assert!(said.contains("jurat: error:") && said.contains("jurat: hint:"), "{knobs:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{knobs:?}: wanted {word:?}: {said}");
    }
}

async fn report(sidecar: &Sidecar) -> ReportBody {
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await;
    assert_eq!(answer.status(), 200, "{}", text(&answer));
    serde_json::from_slice(&answer.body).unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn gpus_that_prove_nothing_keep_it_from_starting() {
    let fault = "nvmlDeviceGetConfComputeGpuAttestationReport=15@1";
    let cases: [Case<'_>; 7] = [
        (&[("DEVTOOLS", "on")], &["developer tools are on", "`devtools`"]),
        (&[("CC", "off")], &["confidential computing is off", "mode on"]),
        (&[("ENVIRONMENT", "sim")], &["simulated environment"]),
        (&[("READY", "no")], &["not set ready", "nvidia-smi conf-compute -srs 1"]),
        (&[("ARCHITECTURE", "ada")], &["knows no confidential computing", "Hopper or Blackwell"]),
        (&[("GPUS", "0")], &["lists no GPU", "gpus = \"none\""]),
        (&[("GPUS", "2"), ("FAULT", fault)], &["GPU 1"]),
    ];
    for (knobs, words) in cases {
        refuses(with_library(""), knobs, words).await;
    }
    let absent = with("nvml_library = '/nonexistent/libnvidia-ml.so.1'");
    refuses(absent, &[], &["/nonexistent/libnvidia-ml.so.1", "gpus = \"none\""]).await;
}

/// Otherwise the claims would say that the machine has none.
#[tokio::test]
async fn a_gpu_that_was_said_not_to_be_there_keeps_it_from_starting() {
    let none = || with_library("gpus = 'none'");
    refuses(none(), &[("GPUS", "2")], &["has 2 GPUs", "gpus = \"required\""]).await;
    refuses(none(), &[("CC", "off")], &["has 1 GPUs"]).await;
}

#[tokio::test]
async fn every_gpu_is_in_claims_and_evidence() {
    let variables = [("NVML_STANDIN_GPUS", "8"), ("NVML_STANDIN_CHAIN", "padded")];
    // Ready means that its own judge has trusted a report of all eight.
    let sidecar = with_library("").variables(variables).start().await;
    let report = report(&sidecar).await;
    let claims: Claims = serde_json::from_str(report.claims.as_deref().unwrap()).unwrap();
    let payload: Value = serde_json::from_str(&report.nvidia_payload).unwrap();
    assert_eq!((claims.gpus, payload["evidence_list"].as_array().unwrap().len()), (8, 8));
    assert_eq!((report.nvlink, report.nvswitch_payload), (None, None));
}

#[tokio::test]
async fn a_fabric_without_evidence_is_said_to_be_unattested() {
    let knobs = [("NVML_STANDIN_CC", "off"), ("NVML_STANDIN_MULTI_GPU", "ppcie"), ("NVML_STANDIN_GPUS", "2")];
    let sidecar = with_library("").variables(knobs).start().await;
    assert_eq!(report(&sidecar).await.nvlink.as_deref(), Some("unattested"));
}

/// A tool that answers whatever nonce it is given, in the form of NVIDIA's.
const TOOL: &str = r#"
nvswitch_command = ["bash", "-c", '''
body=$(printf '\377%b' "$(printf %s "$1" | sed 's/../\\x&/g')" | base64 -w0)
pem=$(printf -- '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' | base64 -w0)
tail=$(head -c 1866 /dev/zero | base64 -w0)
printf '{"result_code":0,"evidences":[{"arch":"LS10","certificate":"%s","evidence":"EeAB%s%s"}]}' "$pem" "$body" "$tail"
''', "bash", "{nonce}"]
"#;

#[tokio::test]
async fn switches_have_their_place() {
    let knobs = [("NVML_STANDIN_CC", "off"), ("NVML_STANDIN_MULTI_GPU", "ppcie")];
    // The tool's evidence is over the nonce and signed by nobody: it is collected, bound, and refuted by the self-check.
    let sidecar = with_library(TOOL).variables(knobs).launch().await.unwrap();
    assert!(sidecar.readiness_within(Readiness::Red, Duration::from_secs(30)).await, "{}", sidecar.said());
    let until = Instant::now() + Duration::from_secs(60);
    while !sidecar.said().contains("fail gpu.mode: switch 0") {
        assert!(Instant::now() < until, "the self-check must name the switch: {}", sidecar.said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let report = report(&sidecar).await;
    let payload: Value = serde_json::from_str(report.nvswitch_payload.as_deref().unwrap()).unwrap();
    assert_eq!(payload["arch"], "LS10");
    assert_eq!(payload["nonce"].as_str(), report.gpu_nonce.as_deref());
    assert_eq!(payload["evidence_list"].as_array().unwrap().len(), 1);
    assert_eq!(report.nvlink, None);

    let broken = with_library("nvswitch_command = ['false', '{nonce}']");
    refuses(broken, &[], &["no evidence of the NVSwitches", "false"]).await;
    let (code, said) = with_library("nvswitch_command = ['echo', 'no nonce']").refused().await;
    assert_eq!(code, Some(78), "{said}");
}

/// What goes wrong under way fails the reports of that time and no others.
#[tokio::test]
async fn a_gpu_that_fails_under_way_fails_its_reports() {
    // Two reports are made at the start: the first one, and the self-check's.
    let fault = [("NVML_STANDIN_FAULT", "nvmlDeviceGetConfComputeGpuAttestationReport=15@0#3")];
    let sidecar = with_library("").variables(fault).start().await;
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={}", random_nonce())).await;
    assert_eq!(answer.status(), 503, "{}", text(&answer));
    assert_eq!(sidecar.fetch("/attestation/report").await.status(), 200, "the shared one is still good");
    assert_eq!(sidecar.fetch("/health").await.status(), 200);
}

/// Whoever leaves takes no device time along.
#[tokio::test]
async fn who_leaves_does_not_hold_up_who_stays() {
    let sidecar = with_library("").variables([("NVML_STANDIN_DELAY_MS", "300")]).start().await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        let mut client = sidecar.connect().await;
        let target = format!("/attestation/report?nonce={}", random_nonce());
        client.send(&jurat_tests::request("GET", &target, &[], b"")).await.unwrap();
        clients.push(client);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    drop(clients);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = std::time::Instant::now();
    report(&sidecar).await;
    // Forty reports would take twelve seconds.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}
