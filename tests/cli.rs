//! The command line as its users see it: help texts are part of the interface.
//!
//! `JURAT_UPDATE_SNAPSHOTS=1 cargo test -p jurat-tests --test cli` writes the files anew; review the difference.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use jurat_tests::{Scratch, binary, workspace};

fn help(arguments: &[&str]) -> String {
    let output = Command::new(binary::simulated())
        // Under its own name, whatever the file is called, and with no value of the environment in the text.
        .arg0("jurat")
        .env_clear()
        .args(arguments)
        .arg("--help")
        .env("COLUMNS", "100")
        .stdin(Stdio::null())
        .output()
        .expect("run the program");
    assert!(output.status.success(), "{arguments:?} --help: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("help is UTF-8");
    // How wide the terminal is and who builds it must not matter.
    let lines = text.lines().map(|line| line.trim_end().replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// Every command that the program's help lists, nested ones too.
fn commands(prefix: &[String]) -> Vec<Vec<String>> {
    let arguments: Vec<_> = prefix.iter().map(String::as_str).collect();
    let text = help(&arguments);
    let listed = text
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    let names =
        listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    let mut found = vec![prefix.to_vec()];
    for name in names.filter(|name| *name != "help") {
        found.extend(commands(&[prefix, &[name.to_owned()]].concat()));
    }
    found
}

#[test]
fn help_texts_are_as_reviewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let update = std::env::var_os("JURAT_UPDATE_SNAPSHOTS").is_some();
    let mut broken = Vec::new();
    let mut known = Vec::new();
    let commands = commands(&[]);
    assert!(commands.len() > 3, "the program has commands");
    for command in commands {
        let name =
            if command.is_empty() { "jurat".to_owned() } else { format!("jurat-{}", command.join("-")) };
        let arguments: Vec<_> = command.iter().map(String::as_str).collect();
        let (file, text) = (folder.join(format!("{name}.txt")), help(&arguments));
        known.push(file.clone());
        if update {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).ok().as_deref() != Some(&text) {
            broken.push(format!("{} differs; it is now:\n{text}", file.display()));
        }
    }
    for entry in std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path()) {
        if !known.contains(&entry) {
            if update {
                std::fs::remove_file(&entry).unwrap();
            } else {
                broken.push(format!("{}: there is no such command", entry.display()));
            }
        }
    }
    broken.iter().for_each(|what| println!("{what}"));
    let remedy = "run with JURAT_UPDATE_SNAPSHOTS=1 and review the difference";
    assert!(broken.is_empty(), "{} help texts differ; if that is meant: {remedy}", broken.len());
}

#[test]
fn the_version_is_the_packages() {
    let output = Command::new(binary::simulated()).arg("--version").output().expect("run the program");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("jurat ") && text.contains(env!("CARGO_PKG_VERSION")), "{text:?}");
}

/// (exit code, stdout, stderr) of `jurat audit` in the folder of the published exports, with nobody trusted.
fn audit(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary::simulated())
        .env_clear()
        .current_dir(workspace::root().join("attestation/vectors/export"))
        .args(["audit", "--policy", "simulated"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("run the program");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_audit_ends_as_its_verdict_says() {
    let (code, text, _) = audit(&["accept/whole.ndjson"]);
    assert_eq!(code, Some(2), "nobody is trusted without a report\n{text}");
    for line in [
        "pass chain.lines       9 lines, all legible",
        "pass chain.order       each receipt names the one before it",
        "pass chain.gap         1 to 8, none missing",
        "skip chain.prune       there is no prune point",
        "pass chain.head        whole up to the head at 8",
        "verdict: undecided under the policy simulated, tee simulated",
    ] {
        assert!(text.lines().any(|one| one == line), "{line:?} is not in\n{text}");
    }
    assert!(text.lines().any(|line| line.starts_with("skip chain.signer ")), "{text}");

    let (code, json, _) = audit(&["refuse/chain.head-cut.ndjson", "--json"]);
    assert_eq!(code, Some(1), "{json}");
    let verdict: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!((&verdict["verdict"], &verdict["receipts"]), (&"refuted".into(), &3.into()));
    let checks = verdict["chains"][0]["checks"].as_array().expect("checks");
    let head = checks.iter().find(|check| check["id"] == "chain.head").expect("chain.head");
    assert_eq!(head["status"], "fail", "{head}");

    let (code, _, errors) = audit(&["nowhere.ndjson"]);
    assert_eq!(code, Some(64), "{errors}");
    assert!(errors.starts_with("jurat: error: nowhere.ndjson: "), "{errors}");
    let (code, _, errors) = audit(&["http://127.0.0.1:1"]);
    assert_eq!(code, Some(69), "{errors}");
    assert!(errors.contains("jurat: hint: an export is served by the admin listener"), "{errors}");
}

/// A receipt's export without its first line has lost its beginning, unless a part of it was asked for.
#[test]
fn a_part_is_judged_as_a_part() {
    let folder = Scratch::new();
    let whole =
        std::fs::read_to_string(workspace::root().join("attestation/vectors/export/accept/whole.ndjson"));
    let part = folder.write("part.ndjson", whole.unwrap().split_once('\n').unwrap().1);
    let part = part.to_str().unwrap();
    assert_eq!(audit(&[part]).0, Some(1));
    let copy = folder.path().join("copy.ndjson");
    let (code, text, _) = audit(&[part, "--part", "--save", copy.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("note what was before its first line is not shown"), "{text}");
    assert_eq!(
        std::fs::read(part).unwrap(),
        std::fs::read(copy).unwrap(),
        "what was judged is what was saved"
    );
}
