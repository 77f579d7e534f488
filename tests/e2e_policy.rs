//! Policies and reference values as a user meets them: made from a report, taken in, refused by name.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jurat_tests::{Desk, FakeEngine, Ran, Sidecar, workspace};
use serde_json::Value;

/// (exit code, stdout, stderr)
fn jurat(desk: &Desk, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Ran { code, stdout, stderr } = desk.run(arguments);
    (code, stdout, stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_values_go_the_whole_way() {
    let desk = Desk::new();
    let sidecar = Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await;
    let url = format!("http://{}", sidecar.address());
    let simulated = ["--policy", "simulated"];

    let (code, made, errors) =
        jurat(&desk, &[&["policy", "reference", &url, "--name", "mine"][..], &simulated].concat());
    assert_eq!(code, Some(0), "{errors}");
    let mine = desk.named("mine.toml", &made);
    let verify = |reference: &str| {
        jurat(&desk, &[&["verify", &url, "--reference", reference][..], &simulated].concat())
    };
    let (code, text, errors) = verify(&mine);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.contains("pass tdx.measurements  they are those of `mine`: "), "{text}");

    let published = workspace::root().join("attestation/reference/simulated.toml");
    let (code, text, _) = verify(published.to_str().unwrap());
    assert_eq!(code, Some(0), "the published values are of this TEE\n{text}");

    let at = made.find("rtmr1 = \"").unwrap() + "rtmr1 = \"".len();
    let flipped = if made[at..].starts_with('0') { "1" } else { "0" };
    let wrong = desk.named("wrong.toml", format!("{}{flipped}{}", &made[..at], &made[at + 1..]));
    let (code, text, _) = verify(&wrong);
    assert_eq!(code, Some(1), "{text}");
    let line = text.lines().find(|line| line.contains("tdx.measurements")).unwrap();
    assert!(
        line.starts_with("fail tdx.measurements  it does not match the reference set `mine`: rtmr1 is "),
        "{line}"
    );
    assert_eq!(text.lines().filter(|line| line.starts_with("fail ")).count(), 1, "and nothing else\n{text}");
    let (code, text, _) = jurat(
        &desk,
        &[
            &["verify", &url, "--reference", &wrong, "--reference"][..],
            &[published.to_str().unwrap()],
            &simulated,
        ]
        .concat(),
    );
    assert_eq!(code, Some(0), "one of the sets is enough\n{text}");

    let (code, made, errors) = jurat(&desk, &["policy", "reference", &url, "--policy", "permissive"]);
    assert_eq!((code, made.as_str()), (Some(1), ""), "nothing of a report that is refuted");
    assert!(errors.contains("jurat: fail tdx.quote"), "{errors}");
}

#[test]
fn reference_files_that_are_none_are_refused() {
    let desk = Desk::new();
    let report = desk.named("report.json", "{}");
    let with = |reference: &str| {
        jurat(&desk, &["verify", &report, "--policy", "simulated", "--reference", reference])
    };
    assert_eq!(with("nowhere.toml").0, Some(64));
    let (code, _, errors) = with(&desk.named("empty.toml", "measurements = []"));
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("names no reference set"), "{errors}");
    let runtime = format!("[[measurements]]\nname = \"x\"\nrtmr3 = \"{}\"\n", "00".repeat(48));
    let (code, _, errors) = with(&desk.named("runtime.toml", &runtime));
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("reference set `x` does not pin mrtd"), "{errors}");
}

#[test]
fn lint_ends_as_its_findings_say() {
    let desk = Desk::new();
    let (code, text, errors) = jurat(&desk, &["policy", "lint", "production"]);
    assert_eq!(code, Some(0), "notes alone\n{text}{errors}");
    assert!(text.ends_with("production: 0 errors, 0 warnings, 3 notes\n"), "{text}");
    let (code, text, _) = jurat(&desk, &["policy", "lint", "permissive"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("error   measurements.not-required: "), "{text}");

    let (code, json, _) = jurat(&desk, &["policy", "lint", "0g", "--json"]);
    assert_eq!(code, Some(1), "{json}");
    let found: Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(found["policy"], "0g");
    for finding in found["findings"].as_array().unwrap() {
        for member in ["id", "severity", "what", "gain", "instead"] {
            assert!(finding[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {finding}");
        }
    }

    let text =
        std::fs::read_to_string(workspace::root().join("attestation/policies/production.toml")).unwrap();
    let mine = desk.named("mine-production.toml", text.replace("\"bind.nonce\",", ""));
    let (code, text, _) = jurat(&desk, &["policy", "lint", &mine]);
    assert_eq!(code, Some(1), "one warning is enough\n{text}");
    assert!(text.starts_with("warning nonce.not-required: "), "{text}");
    let broken = desk.named("broken.toml", &text);
    assert_eq!(jurat(&desk, &["policy", "lint", &broken]).0, Some(78));
}
