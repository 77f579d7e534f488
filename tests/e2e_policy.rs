//! Policies and reference values as a user meets them: made from a report, taken in, refused by name.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use jurat_tests::{FakeEngine, Sidecar, binary, workspace};
use serde_json::Value;

/// (exit code, stdout, stderr)
fn jurat(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary::simulated())
        .env_clear()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("run the program");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn file(name: &str, text: &str) -> String {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("policy-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_values_go_the_whole_way() {
    let sidecar = Sidecar::before(&format!("http://{}", FakeEngine::refusing().await)).start().await;
    let url = format!("http://{}", sidecar.address());
    let simulated = ["--policy", "simulated"];

    let (code, made, errors) =
        jurat(&[&["policy", "reference", &url, "--name", "mine"][..], &simulated].concat());
    assert_eq!(code, Some(0), "{errors}");
    let mine = file("mine.toml", &made);
    let verify =
        |reference: &str| jurat(&[&["verify", &url, "--reference", reference][..], &simulated].concat());
    let (code, text, errors) = verify(&mine);
    assert_eq!(code, Some(0), "{text}{errors}");
    assert!(text.contains("pass tdx.measurements  they are those of `mine`: "), "{text}");

    let published = workspace::root().join("attestation/reference/simulated.toml");
    let (code, text, _) = verify(published.to_str().unwrap());
    assert_eq!(code, Some(0), "the published values are of this TEE\n{text}");

    let at = made.find("rtmr1 = \"").unwrap() + "rtmr1 = \"".len();
    let flipped = if made[at..].starts_with('0') { "1" } else { "0" };
    let wrong = file("wrong.toml", &format!("{}{flipped}{}", &made[..at], &made[at + 1..]));
    let (code, text, _) = verify(&wrong);
    assert_eq!(code, Some(1), "{text}");
    let line = text.lines().find(|line| line.contains("tdx.measurements")).unwrap();
    assert!(
        line.starts_with("fail tdx.measurements  it does not match the reference set `mine`: rtmr1 is "),
        "{line}"
    );
    assert_eq!(text.lines().filter(|line| line.starts_with("fail ")).count(), 1, "and nothing else\n{text}");
    let (code, text, _) = jurat(
        &[
            &["verify", &url, "--reference", &wrong, "--reference"][..],
            &[published.to_str().unwrap()],
            &simulated,
        ]
        .concat(),
    );
    assert_eq!(code, Some(0), "one of the sets is enough\n{text}");

    let (code, made, errors) = jurat(&["policy", "reference", &url, "--policy", "permissive"]);
    assert_eq!((code, made.as_str()), (Some(1), ""), "nothing of a report that is refuted");
    assert!(errors.contains("jurat: fail tdx.quote"), "{errors}");
}

#[test]
fn reference_files_that_are_none_are_refused() {
    let report = file("report.json", "{}");
    let with =
        |reference: &str| jurat(&["verify", &report, "--policy", "simulated", "--reference", reference]);
    assert_eq!(with("nowhere.toml").0, Some(64));
    let (code, _, errors) = with(&file("empty.toml", "measurements = []"));
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("names no reference set"), "{errors}");
    let runtime = format!("[[measurements]]\nname = \"x\"\nrtmr3 = \"{}\"\n", "00".repeat(48));
    let (code, _, errors) = with(&file("runtime.toml", &runtime));
    assert_eq!(code, Some(78), "{errors}");
    assert!(errors.contains("reference set `x` does not pin mrtd"), "{errors}");
}

#[test]
fn lint_ends_as_its_findings_say() {
    let (code, text, errors) = jurat(&["policy", "lint", "production"]);
    assert_eq!(code, Some(0), "notes alone\n{text}{errors}");
    assert!(text.ends_with("production: 0 errors, 0 warnings, 3 notes\n"), "{text}");
    let (code, text, _) = jurat(&["policy", "lint", "permissive"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.starts_with("error   measurements.not-required: "), "{text}");

    let (code, json, _) = jurat(&["policy", "lint", "0g", "--json"]);
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
    let mine = file("mine-production.toml", &text.replace("\"bind.nonce\",", ""));
    let (code, text, _) = jurat(&["policy", "lint", &mine]);
    assert_eq!(code, Some(1), "one warning is enough\n{text}");
    assert!(text.starts_with("warning nonce.not-required: "), "{text}");
    let broken = file("broken.toml", &text);
    assert_eq!(jurat(&["policy", "lint", &broken]).0, Some(78));
}
