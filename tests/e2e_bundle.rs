//! Bundles: made of a running service, judged when it is no more; edited ones are refused by name. And genuine
//! recordings, which no project may carry, judged as if they were bundled.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf};

use jurat_tests::{Desk, FakeEngine, Ran, Script, Sidecar, Vendors, answers, skip, workspace};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";

/// A bundle, and what is left when the service that it is about has gone.
struct Left {
    scratch: Desk,
    /// When it was verified, by its own word.
    at: String,
}

impl Left {
    async fn behind(more: &[&str]) -> Self {
        let scratch = Desk::new();
        let body = answers::chat_body("chatcmpl-1", "pong");
        let engine = FakeEngine::always(Script::say(answers::json(200, &body))).await;
        let sidecar = Sidecar::before(engine.url()).start().await;
        let request = answers::ask("ping");
        let answer = sidecar.post(CHAT, &request).await;
        sidecar.post(CHAT, &request).await;
        scratch.file("request.json", &request);
        scratch.file("response.json", &answer.body);
        let export = sidecar.fetch_admin(&format!("/receipts?chain={}", chain(&sidecar).await)).await;
        scratch.file("export.ndjson", &export.body);
        let url = format!("http://{}", sidecar.address());
        let arguments = [
            "bundle",
            &url,
            answer.receipt_id(),
            "--request",
            "request.json",
            "--response",
            "response.json",
            "--out",
            "bundle.json",
            "--export",
            "export.ndjson",
            "--policy",
            "simulated",
        ];
        let ran = scratch.run(&[&arguments[..], more].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let bundle: Value = serde_json::from_slice(&fs::read(scratch.path("bundle.json")).unwrap()).unwrap();
        Self { scratch, at: bundle["verified_at"].to_string() }
    }

    fn bundle(&self) -> Value {
        serde_json::from_slice(&fs::read(self.scratch.path("bundle.json")).unwrap()).unwrap()
    }

    fn check(&self, file: &str, more: &[&str]) -> Ran {
        self.scratch.run(&[&["check", "--bundle", file, "--policy", "simulated"], more].concat())
    }
}

async fn chain(sidecar: &Sidecar) -> String {
    let chains = sidecar.fetch_admin("/receipts/chains").await.json();
    chains["chains"][0]["chain"].as_str().expect("a chain").to_owned()
}

#[tokio::test]
async fn a_bundle_outlives_its_service() {
    let left = Left::behind(&[]).await;
    let ran = left.check("bundle.json", &["--at", &left.at]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for line in [
        "verdict: trusted_then under the policy simulated, tee simulated",
        "pass receipt.chain     the receipt after it follows it",
        "limit: the bodies were not at hand",
        "skip bind.nonce ",
    ] {
        assert!(ran.stdout.contains(line), "{line:?} is not in\n{}", ran.stdout);
    }
    // Whoever names no time leaves it to the bundle, and is told.
    let ran = left.check("bundle.json", &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stdout.contains("the bundle's own word: whoever made it chose that time"), "{ran:?}");
    assert!(ran.stderr.contains(&format!("--at {}", left.at)), "{ran:?}");
    // Whoever holds the bodies needs no word on them.
    let bodies = ["--at", &left.at, "--request", "request.json", "--response", "response.json"];
    let ran = left.check("bundle.json", &bodies);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!ran.stdout.contains("the bodies were not at hand"), "{ran:?}");
    // The other policies have another opinion.
    let ran = left.scratch.run(&["check", "--bundle", "bundle.json", "--at", &left.at, "--json"]);
    assert_eq!((ran.code, ran.check("tdx.quote").0.as_str()), (Some(1), "fail"), "{ran:?}");
}

#[tokio::test]
async fn edited_bundles_are_refused_by_name() {
    let left = Left::behind(&["--with-bodies"]).await;
    assert!(!left.check("bundle.json", &["--at", &left.at]).stdout.contains("not at hand"));
    left.scratch.file("other.json", b"{\"id\":\"chatcmpl-1\",\"choices\":[]}");
    let other = ["--at", &left.at, "--request", "request.json", "--response", "other.json", "--json"];
    let ran = left.check("bundle.json", &other);
    assert_eq!((ran.code, ran.check("receipt.response").0.as_str()), (Some(1), "fail"), "{ran:?}");
    let edits: [(&str, &str, Value); 6] = [
        ("/answer/record/receipt/model", "receipt.signature", json!("other")),
        ("/answer/response_sha256", "receipt.response", json!("00".repeat(32))),
        ("/answer/bodies/response", "receipt.response", json!("e30=")),
        ("/answer/bodies/request", "receipt.request", json!("e30=")),
        ("/nonce", "bind.nonce", json!("00".repeat(32))),
        ("/report", "tdx.quote", json!("{}")),
    ];
    for (place, check, value) in edits {
        let mut bundle = left.bundle();
        *bundle.pointer_mut(place).unwrap_or_else(|| panic!("{place}")) = value;
        left.scratch.file("edited.json", bundle.to_string());
        let ran = left.check("edited.json", &["--at", &left.at, "--json"]);
        assert_eq!((ran.code, ran.check(check).0.as_str()), (Some(1), "fail"), "{place}: {ran:?}");
    }
    left.scratch.file("edited.json", "[]");
    let ran = left.check("edited.json", &["--json"]);
    assert_eq!((ran.code, ran.check("tdx.quote").0.as_str()), (Some(1), "fail"), "{ran:?}");
    let ran = left.check("bundle.json", &["--url", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, Some(64), "a bundle or a service: {ran:?}");
}

/// What the vendors said is in the bundle, so that they need not be asked again.
#[tokio::test]
async fn a_bundle_carries_what_vendors_said() {
    let scratch = Desk::new();
    let body = answers::chat_body("chatcmpl-1", "pong");
    let engine = FakeEngine::always(Script::say(answers::json(200, &body))).await;
    let sidecar = Sidecar::before(engine.url()).start().await;
    let request = answers::ask("ping");
    let answer = sidecar.post(CHAT, &request).await;
    scratch.file("request.json", &request);
    scratch.file("response.json", &answer.body);
    let report = scratch.file("report.json", sidecar.fetch("/attestation/report").await.body);
    let vendors = Vendors::start(&report, None);
    let (pcs, rim, ocsp) = (vendors.base("pcs"), vendors.base("rim"), vendors.base("ocsp"));
    let (url, nras) = (format!("http://{}", sidecar.address()), format!("--nras={}", vendors.base("nras")));
    let ran = scratch.run(&[
        "bundle",
        &url,
        answer.receipt_id(),
        "--request",
        "request.json",
        "--response",
        "response.json",
        "--out",
        "bundle.json",
        "--policy",
        "simulated",
        "--pcs",
        &pcs,
        "--rim",
        &rim,
        "--ocsp",
        &ocsp,
        &nras,
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    drop((vendors, sidecar));
    let bundle: Value = serde_json::from_slice(&fs::read(scratch.path("bundle.json")).unwrap()).unwrap();
    assert!(bundle["collateral"].is_string() && bundle["nras"]["jwks"].is_string());
    assert_eq!(bundle["rims"].as_array().unwrap().len(), 2);
    assert!(bundle["ocsp"].as_array().unwrap().len() >= 4);
    let at = bundle["verified_at"].to_string();
    let ran = scratch.run(&["check", "--bundle", "bundle.json", "--policy", "simulated", "--at", &at]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for check in ["tdx.quote", "gpu.measurements", "gpu.revocation", "gpu.nras"] {
        assert!(ran.stdout.contains(&format!("pass {check} ")), "{check}\n{}", ran.stdout);
    }
}

fn sample(path: &str) -> PathBuf {
    workspace::root().join("../shared/samples").join(path)
}

/// A recorded report with Intel's and NVIDIA's answers of the same minute: from files, and as one bundle.
#[test]
fn genuine_recordings_are_judged_offline() {
    for (folder, at, nonce, outcome) in [
        (
            "nanogpt-ecdsa-1xGPU-20260610",
            "1781056145",
            "9a796732359e9324a45576a730e5a9c47bff518b8ee8bcb882d00b5b1ff6f39a",
            "pass",
        ),
        (
            "venice-ecdsa-8xH100-20260610",
            "1781056027",
            "d2f37ab51f93f80365506fcc09119b28bd9c521be89ba25e3aa439912bbba732",
            "pass",
        ),
    ] {
        let file = |name: &str| sample(&format!("{folder}/{name}")).display().to_string();
        if !sample(&format!("{folder}/attestation_report.json")).is_file() {
            skip!("{} is not here", sample(folder).display());
        }
        let scratch = Desk::new();
        let (report, collateral) = (file("attestation_report.json"), file("collateral.json"));
        let (answer, jwks) = (file("nras_response.json"), file("nras_jwks.json"));
        let ran = scratch.run(&[
            "verify",
            &report,
            "--policy",
            "0g",
            "--offline",
            "--at",
            at,
            "--nonce",
            nonce,
            "--collateral",
            &collateral,
            "--nras-answer",
            &answer,
            "--jwks",
            &jwks,
            "--json",
        ]);
        assert_eq!((ran.code, ran.check("gpu.nras").0.as_str()), (Some(0), outcome), "{folder}: {ran:?}");

        let text = |path: &str| fs::read_to_string(path).unwrap();
        let bundle = json!({
            "bundle": "jurat-bundle-v1",
            "verified_at": at.parse::<u64>().unwrap(),
            "report": text(&report),
            "collateral": text(&collateral),
            "nras": { "answer": text(&answer), "jwks": text(&jwks) },
        });
        scratch.file("bundle.json", bundle.to_string());
        let ran = scratch.run(&[
            "check",
            "--bundle",
            "bundle.json",
            "--policy",
            "permissive",
            "--at",
            at,
            "--json",
        ]);
        assert_eq!((ran.code, ran.check("gpu.nras").0.as_str()), (Some(0), outcome), "{folder}: {ran:?}");
        assert_eq!(ran.verdict()["verdict"], "trusted_then");
    }
}
