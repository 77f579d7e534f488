//! Errands: the program asks Intel's and NVIDIA's services, which are stand-ins, about reports without collateral.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fs, path::PathBuf, process::Command, time::Duration};

use jurat_tests::{Desk, FakeEngine, Ran, Sidecar, Standin, Vendors, binary, random_nonce};
use serde_json::Value;
use tokio::time::{Instant, sleep};

const FROM_VENDORS: [&str; 5] = ["tdx.quote", "tdx.tcb", "gpu.measurements", "gpu.revocation", "gpu.nras"];

/// A simulated machine's report, without the collateral that it brings, and the vendors that know the machine.
struct Stage {
    scratch: Desk,
    vendors: Vendors,
    nonce: String,
    /// The policy `simulated`, and what the vendors say besides.
    policy: PathBuf,
    sidecar: Sidecar,
}

impl Stage {
    async fn new() -> Self {
        let scratch = Desk::new();
        let sidecar = Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await;
        let nonce = random_nonce();
        let answer = sidecar.fetch(&format!("/attestation/report?nonce={nonce}&binding=jurat-v1")).await;
        let whole = scratch.file("whole.json", &answer.body);
        let mut report: Value = serde_json::from_slice(&answer.body).unwrap();
        let members = report.as_object_mut().unwrap();
        members.remove("collateral").expect("a simulated report brings its collateral");
        members.remove("all_attestations");
        scratch.file("report.json", report.to_string());
        let policy =
            fs::read_to_string(jurat_tests::workspace::root().join("attestation/policies/simulated.toml"));
        let more = "\n  \"gpu.measurements\",\n  \"gpu.revocation\",\n  \"gpu.nras\",\n  \"gpu.nonce\",\n]";
        let policy = policy.unwrap().replacen("\n  \"gpu.nonce\",\n]", more, 1);
        assert!(policy.contains("gpu.nras"), "{policy}");
        let policy = scratch.file("policy.toml", policy);
        let vendors = Vendors::start(&whole, None);
        Self { scratch, vendors, nonce, policy, sidecar }
    }

    fn verify(&self, target: &str, more: &[&str]) -> Ran {
        let (pcs, rim) = (self.vendors.base("pcs"), self.vendors.base("rim"));
        let (ocsp, nras) = (self.vendors.base("ocsp"), format!("--nras={}", self.vendors.base("nras")));
        let policy = self.policy.to_str().unwrap();
        let arguments = [
            "verify",
            target,
            "--nonce",
            &self.nonce,
            "--policy",
            policy,
            "--json",
            "--patience",
            "4",
            "--pcs",
            &pcs,
            "--rim",
            &rim,
            "--ocsp",
            &ocsp,
            &nras,
        ];
        self.scratch.run(&[&arguments[..], more].concat())
    }
}

#[tokio::test]
async fn a_report_is_judged_by_what_all_vendors_say() {
    let stage = Stage::new().await;
    let ran = stage.verify("report.json", &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for id in FROM_VENDORS {
        assert_eq!(ran.check(id).0, "pass", "{id}: {ran:?}");
    }
    // Of a running service the same.
    let ran = stage.verify(&format!("http://{}", stage.sidecar.address()), &["--no-cache"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // A policy for hardware refuses it without a question to anybody.
    stage.vendors.asked().await;
    let ran = stage.verify("whole.json", &["--policy", "production"]);
    assert_eq!(ran.code, Some(64), "a flag twice is a mistake: {ran:?}");
    let pcs = stage.vendors.base("pcs");
    let ran = stage.scratch.run(&["verify", "whole.json", "--policy", "production", "--pcs", &pcs, "--json"]);
    assert_eq!((ran.code, ran.check("tdx.quote").0.as_str()), (Some(1), "fail"), "{ran:?}");
    assert_eq!(stage.vendors.asked().await, "");
}

#[tokio::test]
async fn a_service_that_fails_is_named_and_leaves_its_check_undone() {
    let stage = Stage::new().await;
    for (service, name, check, fault) in [
        ("pcs", "Intel's collateral service", "tdx.quote", "broken"),
        ("rim", "NVIDIA's manifest service", "gpu.measurements", "page"),
        ("ocsp", "NVIDIA's OCSP responder", "gpu.revocation", "mute"),
        ("nras", "NVIDIA's attestation service", "gpu.nras", "slow"),
        ("pcs", "Intel's collateral service", "tdx.quote", "stale"),
    ] {
        stage.vendors.behave(service, fault).await;
        let ran = stage.verify("report.json", &["--no-cache"]);
        assert_eq!(ran.code, Some(2), "{service} {fault}: {ran:?}");
        assert_eq!(ran.check(check).0, "skip", "{service} {fault}: {ran:?}");
        assert!(ran.stderr.contains(&format!("jurat: {name} gave no ")), "{service} {fault}: {ran:?}");
        stage.vendors.behave(service, "none").await;
    }
    for (service, check) in [("pcs", "tdx.quote"), ("nras", "gpu.nras")] {
        stage.vendors.behave(service, "altered").await;
        let ran = stage.verify("report.json", &["--no-cache"]);
        assert_eq!((ran.code, ran.check(check).0.as_str()), (Some(1), "fail"), "{service}: {ran:?}");
        stage.vendors.behave(service, "none").await;
    }
}

#[tokio::test]
async fn offline_a_warm_cache_is_enough_for_what_can_be_kept() {
    let stage = Stage::new().await;
    let cold = stage.verify("report.json", &["--offline"]);
    assert_eq!((cold.code, cold.check("tdx.quote").0.as_str()), (Some(2), "skip"), "{cold:?}");
    assert!(cold.stderr.contains("nobody is asked offline, and the cache has none"), "{cold:?}");
    assert_eq!(stage.vendors.asked().await, "");

    assert_eq!(stage.verify("report.json", &[]).code, Some(0));
    assert!(stage.scratch.path(".cache/jurat").is_dir(), "the user's own cache");
    stage.vendors.asked().await;
    let warm = stage.verify("report.json", &["--offline"]);
    for id in &FROM_VENDORS[..4] {
        assert_eq!(warm.check(id).0, "pass", "{id}: {warm:?}");
    }
    assert_eq!((warm.code, warm.check("gpu.nras").0.as_str()), (Some(2), "skip"), "{warm:?}");
    assert_eq!(stage.vendors.asked().await, "");
}

/// What is given in files is taken, and nobody is asked for it.
#[tokio::test]
async fn archived_material_is_taken_from_files() {
    let stage = Stage::new().await;
    let whole: Value = serde_json::from_slice(&fs::read(stage.scratch.path("whole.json")).unwrap()).unwrap();
    stage.scratch.file("collateral.json", whole["collateral"].as_str().unwrap());
    let ran = stage.verify("report.json", &["--collateral", "collateral.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!stage.vendors.asked().await.contains("/pcs/"));
    for (arguments, words) in [
        (&["--rim", "nothing.xml"][..], "nothing.xml"),
        (&["--rim", "http://127.0.0.1:1"], "one address is asked, not two"),
        (&["--nras-answer", "report.json"], "--jwks"),
        (&["--cache", "x", "--no-cache"], "--no-cache"),
    ] {
        let ran = stage.verify("report.json", arguments);
        assert_eq!(ran.code, Some(64), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.contains(words), "{arguments:?}: {ran:?}");
    }
}

/// On hardware, as far as the program can tell: ready as soon as Intel's service says what the quote needs, and not
/// before.
#[tokio::test]
async fn a_full_self_check_waits_for_the_vendors() {
    let scratch = Desk::new();
    let socket = scratch.path("dstack.sock");
    let _agent = Standin::start(&["dstack", socket.to_str().unwrap()]).unwrap();
    let collateral = Command::new(binary::tdx_standin()).arg("collateral").output().unwrap();
    let collateral = scratch.file("collateral.json", collateral.stdout);
    let vendors = Vendors::start(&scratch.file("none.json", "{}"), Some(&collateral));
    vendors.behave("pcs", "broken").await;
    let config = format!(
        "tdx_source = \"dstack:{}\"\nnvml_library = {:?}\npolicy = \"simulated\"\nself_check = \"full\"\n\
         self_check_every = 1\npcs_url = {:?}\n",
        socket.display(),
        binary::nvml_standin(),
        vendors.base("pcs"),
    );
    let config = scratch.file("jurat.toml", config);
    let engine = FakeEngine::refusing().await;
    let built = Sidecar::before(&format!("http://{engine}")).program(binary::plain().clone()).hardware();
    let sidecar = built.args(["--config", config.to_str().unwrap()]).launch().await.unwrap();
    let why = until(&sidecar, |ready, said| !ready && said.contains("Intel's collateral service")).await;
    assert!(why.contains("answered 500"), "{why}");
    vendors.behave("pcs", "none").await;
    until(&sidecar, |ready, _| ready).await;
    assert!(vendors.asked().await.contains("GET /pcs/tdx/certification/v4/tcb?fmspc="));
}

/// Waits until `/readyz` and what it says are as wanted.
async fn until(sidecar: &Sidecar, wanted: impl Fn(bool, &str) -> bool) -> String {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        let answer = sidecar.fetch_admin("/readyz").await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        if wanted(answer.status() == 200, &said) {
            return said;
        }
        assert!(Instant::now() < give_up, "{} {said}\n{}", answer.status(), sidecar.said());
        sleep(Duration::from_millis(200)).await;
    }
}
