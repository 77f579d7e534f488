//! Holds the house rules that no compiler holds: sizes, names, docs, and the list of `attestation/`.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use jurat_proto::sha256;
use jurat_tests::workspace;

/// A file longer than this has more than one reason to exist.
const LINES: usize = 400;

/// Every file of the project: tracked, or new and not ignored.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .current_dir(workspace::root())
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .output()
        .ok()
        .filter(|output| output.status.success());
    let paths = match listed {
        Some(output) => {
            let text = String::from_utf8(output.stdout).expect("paths are UTF-8");
            text.split('\0').filter(|path| !path.is_empty()).map(PathBuf::from).collect()
        }
        // An unpacked archive has no repository around it.
        None => walk(&workspace::root(), Path::new("")),
    };
    let mut paths: Vec<PathBuf> = paths;
    paths.retain(|path| workspace::root().join(path).is_file());
    paths.sort();
    assert!(paths.len() > 20, "the project's files were not found");
    paths
}

fn walk(folder: &Path, name: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let hidden = [".git", "target", ".venv", ".tools", "node_modules", "__pycache__"];
        if path.is_dir() && !hidden.contains(&entry.file_name().to_string_lossy().as_ref()) {
            found.extend(walk(&path, &name));
        } else if path.is_file() {
            found.push(name);
        }
    }
    found
}

fn rust_files() -> Vec<(PathBuf, String)> {
    let rust = files().into_iter().filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    rust.map(|path| (path.clone(), read(&path))).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(workspace::root().join(path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with every broken rule at once, so that one run tells the whole of it.
fn require(broken: Vec<String>) {
    assert!(broken.is_empty(), "{} broken:\n  {}", broken.len(), broken.join("\n  "));
}

#[test]
fn files_stay_within_four_hundred_lines() {
    let long = rust_files().into_iter().filter(|(_, text)| text.lines().count() > LINES);
    require(
        long.map(|(path, text)| {
            format!("{}: {} lines, at most {LINES}", path.display(), text.lines().count())
        })
        .collect(),
    );
}

/// A C library is called in the first and written in the others (`docs/decisions/0007-unsafe.md`).
const UNSAFE_ROOTS: &[&str] = &[
    "crates/libtdx-attest/src/lib.rs",
    "tests/standins/libtdx-attest/src/lib.rs",
    "tests/standins/nvml/src/lib.rs",
];

#[test]
fn every_crate_root_has_docs_and_forbids_unsafe_code() {
    let mut broken = Vec::new();
    for (path, text) in rust_files() {
        let name = path.file_name().unwrap().to_string_lossy();
        let parent = path.parent().unwrap().file_name().unwrap_or_default();
        let root = (parent == "src" && (name == "lib.rs" || name == "main.rs"))
            || path == Path::new("tests/harness/lib.rs")
            || (path.starts_with("tests") && path.components().count() == 2)
            || (path.starts_with("tests/standins") && (parent == "tests" || parent == "bin"))
            || (path.starts_with("tests/bin") && name == "main.rs")
            || parent == "examples"
            || parent == "benches";
        // What takes the place of libc's functions can't do without.
        if !root || path.starts_with("tests/standins/faulty-disk") {
            continue;
        }
        if !text.starts_with("//! ") {
            broken.push(format!("{}: a crate's root begins with its docs (//!)", path.display()));
        }
        let may = UNSAFE_ROOTS.iter().any(|root| path == Path::new(root));
        if !may && !text.contains("#![forbid(unsafe_code)]") {
            broken.push(format!("{}: a crate's root says #![forbid(unsafe_code)]", path.display()));
        }
    }
    require(broken);
}

#[test]
fn folders_are_named_as_their_packages() {
    let mut broken = Vec::new();
    let mut seen = 0;
    for path in files().into_iter().filter(|path| path.starts_with("crates") && path.ends_with("Cargo.toml"))
    {
        let folder = path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        let text = read(&path);
        let package =
            text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap_or_default().trim_matches('"');
        seen += 1;
        if package != folder {
            broken.push(format!("{}: the package is {package:?}, the folder {folder:?}", path.display()));
        }
    }
    assert!(seen >= 10, "only {seen} crates were found");
    require(broken);
}

#[test]
fn no_file_is_a_drawer() {
    let drawers = ["utils", "util", "common", "helpers", "helper", "manager", "misc"];
    let of_that_name =
        |path: &PathBuf| path.file_stem().is_some_and(|stem| drawers.iter().any(|drawer| stem == *drawer));
    require(
        files()
            .iter()
            .filter(|path| of_that_name(path))
            .map(|path| format!("{}: name what is in it", path.display()))
            .collect(),
    );
}

#[test]
fn nothing_is_left_for_later() {
    // Put together from halves, so that this file does not find itself.
    let marks = [["TO", "DO"], ["FIX", "ME"], ["XX", "X:"], ["unimpl", "emented!"], ["to", "do!("]]
        .map(|halves| halves.concat());
    let mut broken = Vec::new();
    for path in files() {
        let source = path.extension().is_some_and(|kind| {
            ["rs", "py", "mjs", "toml", "yml", "yaml", "sh"].iter().any(|one| kind == *one)
        }) || path.starts_with("scripts")
            || path.starts_with(".ci");
        if !source {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            for mark in marks.iter().filter(|mark| line.contains(mark.as_str())) {
                broken.push(format!("{}:{}: {mark}", path.display(), number + 1));
            }
        }
    }
    require(broken);
}

/// A panic of the driver's wrapper is caught and fails one report; as an abort it would end the service.
#[test]
fn panics_unwind() {
    let files = files().into_iter().filter(|path| path.ends_with("Cargo.toml") || path.starts_with(".cargo"));
    require(
        files
            .filter(|path| read(path).lines().any(|line| line.replace(' ', "").contains("panic=\"abort\"")))
            .map(|path| format!("{}: panic = \"abort\"", path.display()))
            .collect(),
    );
}

/// A unit test lives in a sibling file, so that a source file holds one thing.
#[test]
fn unit_tests_live_in_their_own_files() {
    let inline = rust_files().into_iter().filter(|(path, text)| {
        path.starts_with("crates") && text.lines().any(|line| line.trim_start().starts_with("mod tests {"))
    });
    require(
        inline.map(|(path, _)| format!("{}: move the tests to a sibling tests.rs", path.display())).collect(),
    );
}

#[test]
fn nothing_points_outside_the_project() {
    let outside = ["/work/", "/home/", "/root/"];
    let mut broken = Vec::new();
    for path in files() {
        // Lock files and binary data have no paths of ours; this file names what it looks for.
        if path == Path::new("tests/tidy.rs") || path.ends_with("Cargo.lock") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(workspace::root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for place in outside.iter().filter(|place| line.contains(**place)) {
                broken.push(format!("{}:{}: {place} exists on one machine only", path.display(), number + 1));
            }
        }
    }
    require(broken);
}

#[test]
fn the_top_level_is_complete() {
    let required = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        "rust-toolchain.toml",
        ".ci/run",
        "scripts/check",
        "scripts/quickstart",
        "scripts/verify.py",
        "scripts/gen-vectors.py",
        "docs/architecture.md",
        "attestation/MANIFEST",
    ];
    let missing = required.iter().filter(|path| !workspace::root().join(path).is_file());
    require(missing.map(|path| format!("{path} is missing")).collect());
}

/// The workspace's version is the release's; what must repeat it repeats it.
#[test]
fn the_version_stands_in_one_place() {
    let workspace = read(Path::new("Cargo.toml"));
    let after = workspace.split_once("[workspace.package]").expect("[workspace.package]").1;
    let version = after.lines().find_map(|line| line.strip_prefix("version = ")).expect("its version");
    let version = version.trim_matches('"');
    let mut broken = Vec::new();
    let chart = read(Path::new("deploy/helm/jurat/Chart.yaml"));
    for member in ["version", "appVersion"] {
        let named = chart.lines().find_map(|line| line.strip_prefix(&format!("{member}: ")));
        if named != Some(version) {
            broken.push(format!("deploy/helm/jurat/Chart.yaml: {member}: {named:?}, not {version}"));
        }
    }
    let openapi: serde_json::Value = serde_json::from_str(&read(Path::new("docs/openapi.json"))).unwrap();
    if openapi["info"]["version"] != version {
        broken.push(format!(
            "docs/openapi.json: info.version is {}, not {version}",
            openapi["info"]["version"]
        ));
    }
    for path in files().into_iter().filter(|path| path.starts_with("crates") && path.ends_with("Cargo.toml"))
    {
        if !read(&path).lines().any(|line| line == "version.workspace = true") {
            broken.push(format!("{}: a version of its own", path.display()));
        }
    }
    require(broken);
}

/// Whoever upgrades must learn what verdicts rest on now; `scripts/release` refuses a section that doesn't say.
#[test]
fn the_changelog_says_what_became_of_trust() {
    let changelog = read(Path::new("CHANGELOG.md"));
    let sections = changelog.split("\n## ").skip(1);
    let silent = sections.filter(|section| !section.lines().any(|line| line == "### Trust"));
    require(silent.map(|one| format!("no Trust under {:?}", one.lines().next())).collect());
}

/// Trust as data is only as good as the list of it: nothing may slip in, drop out or change unseen.
#[test]
fn every_file_of_attestation_is_listed_with_its_hash() {
    let manifest = read(Path::new("attestation/MANIFEST"));
    let mut listed: BTreeMap<&str, &str> = BTreeMap::new();
    for line in manifest.lines() {
        let (hash, path) =
            line.split_once("  ").unwrap_or_else(|| panic!("not a line of sha256sum: {line:?}"));
        assert!(listed.insert(path, hash).is_none(), "{path} is listed twice");
    }
    assert!(listed.keys().is_sorted(), "MANIFEST is sorted by path");
    let mut broken = Vec::new();
    for path in
        files().into_iter().filter(|path| path.starts_with("attestation") && !path.ends_with("MANIFEST"))
    {
        let name = path.strip_prefix("attestation").unwrap().to_str().expect("paths are UTF-8").to_owned();
        let hash = sha256(&std::fs::read(workspace::root().join(&path)).unwrap()).to_string();
        match listed.remove(name.as_str()) {
            None => broken.push(format!("{name} is not listed")),
            Some(found) if found != hash => broken.push(format!("{name} has changed: {hash}")),
            Some(_) => {}
        }
    }
    broken.extend(listed.keys().map(|name| format!("{name} is listed and does not exist")));
    if !broken.is_empty() {
        broken.push("if that is meant: run scripts/manifest and review the difference".into());
    }
    require(broken);
}

/// An auditor starts at the threat model: what it names must be there.
#[test]
fn the_threat_model_names_tests_that_exist() {
    let model = read(Path::new("docs/threat-model.md"));
    let rust: String = rust_files().into_iter().map(|(_, text)| text).collect();
    let rows =
        model.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.split(" | ").nth(2));
    let named: Vec<&str> = rows
        .flat_map(|held_by| held_by.split('`').skip(1).step_by(2))
        .filter(|name| !name.contains(' '))
        .collect();
    let is_test = |name: &str| {
        name.matches('_').count() >= 2
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let tests = named.iter().filter(|name| is_test(name));
    assert!(tests.clone().count() > 30, "the table was not found");
    let missing =
        tests.filter(|name| !rust.contains(&format!("fn {name}("))).map(|name| format!("no test {name}"));
    let scripts = named.iter().filter(|name| name.starts_with("scripts/"));
    let gone =
        scripts.filter(|name| !workspace::root().join(name).is_file()).map(|name| format!("no {name}"));
    require(missing.chain(gone).collect());
}
