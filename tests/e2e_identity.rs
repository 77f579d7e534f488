//! Who the service says it is: a key derived by dstack, a model by its digests, and what its self-check makes of it.
//! Agent, kernel and GPU driver are stand-ins; the program is a release's.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{path::Path, process::Command, time::Duration};

use jurat_proto::{Claims, KeyOrigin, ManifestSource, ReportBody, sha256};
use jurat_tests::{
    Desk, FakeEngine, Readiness, Scratch, Script, Sidecar, Standin, Step, answers, binary, random_nonce,
};
use serde_json::Value;

async fn report(sidecar: &Sidecar) -> (ReportBody, Claims, String) {
    let nonce = random_nonce();
    let answer = sidecar.fetch(&format!("/attestation/report?nonce={nonce}")).await;
    assert_eq!(answer.status(), 200, "{}", String::from_utf8_lossy(&answer.body));
    let body: ReportBody = serde_json::from_slice(&answer.body).unwrap();
    let claims = serde_json::from_str(body.claims.as_deref().unwrap()).unwrap();
    (body, claims, nonce.to_string())
}

/// `jurat verify` of a kept report: the status of one check, and its reason.
fn verified(report: &ReportBody, policy: &str, nonce: &str, collateral: Option<&Path>) -> Value {
    let desk = Desk::new();
    let file = desk.named("report.json", serde_json::to_string(report).unwrap());
    let mut arguments = vec!["verify", &file, "--policy", policy, "--nonce", nonce, "--json"];
    if let Some(path) = collateral {
        arguments.extend(["--collateral", path.to_str().unwrap()]);
    }
    desk.run_as(binary::plain(), &arguments).verdict()
}

fn check<'a>(verdict: &'a Value, id: &str) -> &'a Value {
    verdict["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

/// The hardware by stand-ins, as a release's configuration file names it.
fn hardware(socket: &Path, more: &str) -> String {
    let library = binary::nvml_standin().display().to_string();
    format!(
        "tdx_source = \"dstack:{}\"\nnvml_library = {library:?}\npolicy = \"simulated\"\n{more}\n",
        socket.display()
    )
}

async fn released(config: &Path) -> Sidecar {
    let engine = FakeEngine::refusing().await;
    let built = Sidecar::before(&format!("http://{engine}")).program(binary::plain().clone()).hardware();
    built
        .args(["--config", config.to_str().unwrap()])
        .launch()
        .await
        .unwrap_or_else(|left| panic!("{}", left.said))
}

async fn readyz(sidecar: &Sidecar) -> Value {
    sidecar.fetch_admin("/readyz").await.json()
}

/// A key derived from the measured identity outlives the process, and the chains do not.
#[tokio::test]
async fn a_derived_key_is_the_same_after_a_restart() {
    let scratch = Scratch::new();
    let socket = scratch.path().join("dstack.sock");
    let _agent = Standin::start(&["dstack", socket.to_str().unwrap()]).unwrap();
    let collateral = Command::new(binary::tdx_standin()).arg("collateral").output().unwrap().stdout;
    let collateral = scratch.write("collateral.json", collateral);
    let config = scratch.write("jurat.toml", hardware(&socket, "key = \"dstack\""));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let sidecar = released(&config).await;
        let (body, claims, nonce) = report(&sidecar).await;
        assert_eq!(claims.key, KeyOrigin::Dstack);
        assert!(claims.key_provenance.is_some(), "with the chain of signatures that shows it");
        assert_eq!(claims.signing_address.to_string(), body.signing_address);
        let verdict = verified(&body, "simulated", &nonce, Some(&collateral));
        assert_eq!(verdict["verdict"], "trusted", "{verdict}");
        seen.push((claims.signing_address, claims.chain));
    }
    assert_eq!(seen[0].0, seen[1].0, "one address");
    assert_ne!(seen[0].1, seen[1].1, "and every start begins a chain of its own");
}

/// Real quotes bring no collateral along: what needs it is left out, by name, or readiness is held.
#[tokio::test]
async fn without_collateral_readiness_says_what_was_not_checked() {
    let scratch = Scratch::new();
    let socket = scratch.path().join("dstack.sock");
    let _agent = Standin::start(&["dstack", socket.to_str().unwrap()]).unwrap();
    let offline = released(&scratch.write("offline.toml", hardware(&socket, ""))).await;
    assert!(offline.readiness_within(Readiness::Green, Duration::from_secs(60)).await, "{}", offline.said());
    let body = readyz(&offline).await;
    assert_eq!(body["self_check"]["kind"], "offline", "{body}");
    assert_eq!(body["self_check"]["skipped"], serde_json::json!(["tdx.quote", "tdx.tcb"]));

    let full = released(&scratch.write("full.toml", hardware(&socket, "self_check = \"full\""))).await;
    let why = loop {
        let body = readyz(&full).await;
        if let Some(why) = body["self_check"]["why"].as_str() {
            assert_eq!((&body["ready"], &body["latches"]["self_check"]), (&false.into(), &false.into()));
            break why.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(why.starts_with("undecided") && why.contains("tdx.quote"), "{why}");

    // Only collateral may be missing: a quote of the look-alike PKI is refuted by every other policy.
    let text = hardware(&socket, "").replace("\"simulated\"", "\"permissive\"");
    let foreign = released(&scratch.write("foreign.toml", text)).await;
    let why = loop {
        if let Some(why) = readyz(&foreign).await["self_check"]["why"].as_str() {
            break why.to_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(why.starts_with("refuted") && why.contains("tdx.quote"), "{why}");
}

/// A self-check that fails later takes readiness back, and gives it again when it holds.
#[tokio::test]
async fn a_later_self_check_turns_readiness_red() {
    let scratch = Scratch::new();
    let library = binary::nvml_standin().display().to_string();
    let config = scratch.write("jurat.toml", format!("nvml_library = {library:?}\nself_check_every = 0.2\n"));
    let engine = FakeEngine::refusing().await;
    // One report at the start, then the self-checks; the fifth set of evidence fails, and all after it.
    let fault = [("NVML_STANDIN_FAULT", "nvmlDeviceGetConfComputeGpuAttestationReport=15@0#5")];
    let sidecar = Sidecar::before(&format!("http://{engine}"))
        .args(["--config", config.to_str().unwrap()])
        .variables(fault)
        .start()
        .await;
    assert_eq!(
        readyz(&sidecar).await["self_check"]["kind"],
        "full",
        "a simulated report brings its collateral"
    );
    assert!(sidecar.readiness_within(Readiness::Red, Duration::from_secs(30)).await, "{}", sidecar.said());
    let body = readyz(&sidecar).await;
    let why = body["self_check"]["why"].as_str().unwrap();
    assert!(why.contains("GPU 0"), "{why}");
    assert_eq!(sidecar.fetch("/health").await.status(), 200, "it goes on serving");
}

/// The claims name the model's files, and every receipt the claims.
#[tokio::test]
async fn claims_name_the_model_and_receipts_the_claims() {
    let scratch = Scratch::new();
    scratch.write("model/model.safetensors", [7; 100_000]);
    scratch.write("model/tokenizer.json", "{}");
    let model = scratch.path().join("model");
    let config = scratch.write("jurat.toml", format!("model_dir = {:?}\n", model.display().to_string()));
    let mut digests = Vec::new();
    for round in 0..2 {
        let answer = answers::json(200, &answers::chat_body("chatcmpl-1", "hello"));
        let engine = FakeEngine::always(Script::new([Step::Send(answer)])).await;
        let sidecar =
            Sidecar::before(engine.url()).args(["--config", config.to_str().unwrap()]).start().await;
        let (body, claims, _) = report(&sidecar).await;
        assert_eq!((claims.manifest_source, claims.model.file_count), (ManifestSource::AtStart, Some(2)));
        let listed =
            claims.model.files.iter().find(|(name, _)| name.as_str() == "model.safetensors").unwrap();
        let bytes = std::fs::read(model.join("model.safetensors")).unwrap();
        assert_eq!(listed.1.as_str(), sha256(&bytes).to_string());
        let manifest = format!("{}  model.safetensors\n{}  tokenizer.json\n", listed.1, sha256(b"{}"));
        assert_eq!(
            claims.model.sha256,
            Some(sha256(manifest.as_bytes()).to_string()),
            "what sha256sum prints"
        );

        let answer = sidecar.post("/v1/chat/completions", br#"{"model":"m","messages":[]}"#).await;
        assert_eq!(answer.status(), 200);
        let id = answer.receipt_id().to_owned();
        let record = sidecar.fetch(&format!("/v1/signature/{id}")).await.json();
        let stated = record["receipt"]["claimsHash"].as_str().unwrap().trim_start_matches("0x").to_owned();
        assert_eq!(stated, sha256(body.claims.unwrap().as_bytes()).to_string());
        digests.push(claims.model.sha256);
        if round == 0 {
            scratch.write("model/model.safetensors", [8; 100_000]);
        }
    }
    assert_ne!(digests[0], digests[1], "another file, another claim");
}

/// Digests from a cache are disclosed, and `production` does not take them.
#[tokio::test]
async fn cached_digests_are_disclosed_and_refused_by_production() {
    let scratch = Scratch::new();
    scratch.write("model/model.safetensors", [7; 1000]);
    let (model, cache) = (scratch.path().join("model"), scratch.path().join("digests"));
    let config =
        format!("model_dir = {:?}\nmodel_cache = {:?}\n", model.to_str().unwrap(), cache.to_str().unwrap());
    let config = scratch.write("jurat.toml", config);
    // The built-in policy's own line, under the look-alike roots.
    let show = |name| Command::new(binary::plain()).args(["policy", "show", name]).output().unwrap().stdout;
    let production = String::from_utf8(show("production")).unwrap();
    let line =
        production.lines().find(|line| line.starts_with("manifest_sources")).expect("production has it");
    let simulated = String::from_utf8(show("simulated")).unwrap();
    let strict: String =
        simulated.lines().filter(|line| !line.starts_with("manifest_sources")).collect::<Vec<_>>().join("\n");
    let strict = scratch.write("strict.toml", format!("{strict}\n{line}\n"));
    for wanted in [ManifestSource::AtStart, ManifestSource::Cached] {
        let engine = FakeEngine::refusing().await;
        let built = Sidecar::before(&format!("http://{engine}")).args(["--config", config.to_str().unwrap()]);
        let sidecar = built.start().await;
        let (body, claims, nonce) = report(&sidecar).await;
        assert_eq!(claims.manifest_source, wanted);
        assert_eq!(verified(&body, "simulated", &nonce, None)["verdict"], "trusted");
        let verdict = verified(&body, strict.to_str().unwrap(), &nonce, None);
        let refused = wanted == ManifestSource::Cached;
        assert_eq!(verdict["verdict"], if refused { "refuted" } else { "trusted" }, "{verdict}");
        assert_eq!(check(&verdict, "bind.claims")["status"], if refused { "fail" } else { "pass" });
    }
}

/// What is run or trusted is named by the measured file alone.
#[test]
fn a_place_of_quotes_is_not_taken_from_the_command_line() {
    for source in ["library:/tmp/evil.so", "dstack:/tmp/evil.sock", "configfs:/tmp/report"] {
        for by_environment in [false, true] {
            let mut command = Command::new(binary::plain());
            command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
            if by_environment {
                command.env("JURAT_TDX_SOURCE", source);
            } else {
                command.args(["--tdx-source", source]);
            }
            let output = command.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(78), "{said}");
            assert!(said.contains("tdx_source") && said.contains("configuration file"), "{said}");
        }
    }
}
