//! Holds every edge of the house: who may depend on whom, directly and through others (`docs/architecture.md`).
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use jurat_tests::workspace;

/// A crate of ours: whom of us it may name among its dependencies, and which crates it must not reach,
/// directly or through others.
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    must_not_reach: &'static [&'static str],
}

const HTTP: [&str; 5] = ["actix-web", "actix-http", "hyper", "reqwest", "h2"];

const HOUSE: &[Room] = &[
    Room {
        name: "jurat-proto",
        may_use: &[],
        must_not_reach: &[
            "tokio",
            "actix-web",
            "actix-http",
            "hyper",
            "reqwest",
            "h2",
            "http",
            "rand",
            "rand_core_06",
            "mio",
            "socket2",
        ],
    },
    Room {
        name: "jurat-witness",
        may_use: &["jurat-proto"],
        must_not_reach: &[
            "tokio",
            "actix-web",
            "actix-http",
            "hyper",
            "reqwest",
            "h2",
            "http",
            "mio",
            "socket2",
        ],
    },
    Room {
        name: "tdx-attest-rs",
        may_use: &[],
        must_not_reach: &["tokio", "actix-web", "reqwest", "hyper", "libc"],
    },
    // The only crate of the product with unsafe code in it.
    Room {
        name: "libtdx-attest",
        may_use: &[],
        must_not_reach: &["tokio", "actix-web", "reqwest", "hyper", "tdx-attest-rs", "nvml-wrapper"],
    },
    Room {
        name: "jurat-attest",
        may_use: &["jurat-proto", "tdx-attest-rs", "libtdx-attest"],
        must_not_reach: &[
            "tokio",
            "actix-web",
            "actix-http",
            "reqwest",
            "hyper",
            "jurat-witness",
            "jurat-verify",
            "dcap-qvl",
        ],
    },
    Room {
        name: "jurat-verify",
        may_use: &["jurat-proto"],
        must_not_reach: &[
            "tokio",
            "actix-web",
            "actix-http",
            "reqwest",
            "hyper",
            "nvml-wrapper",
            "tdx-attest-rs",
            "libtdx-attest",
            "mio",
            "socket2",
        ],
    },
    Room {
        name: "jurat-client",
        may_use: &["jurat-proto", "jurat-verify"],
        must_not_reach: &[
            "actix-web",
            "actix-http",
            "jurat-attest",
            "jurat-witness",
            "nvml-wrapper",
            "tdx-attest-rs",
            "libtdx-attest",
        ],
    },
    Room {
        name: "jurat-ledger",
        may_use: &["jurat-proto", "jurat-witness"],
        must_not_reach: &[
            "actix-web",
            "actix-http",
            "jurat-attest",
            "jurat-verify",
            "nvml-wrapper",
            "tdx-attest-rs",
            "libtdx-attest",
        ],
    },
    Room {
        name: "jurat-proxy",
        may_use: &["jurat-proto", "jurat-witness", "jurat-ledger"],
        must_not_reach: &[
            "nvml-wrapper",
            "tdx-attest-rs",
            "libtdx-attest",
            "jurat-attest",
            "jurat-verify",
            "jurat-client",
            "clap",
            "opentelemetry",
        ],
    },
    Room {
        name: "jurat-simulated",
        may_use: &["jurat-proto", "jurat-attest"],
        must_not_reach: &["tokio", "actix-web", "reqwest", "jurat-verify", "jurat-witness"],
    },
    // The program wires everything; by default it must not even be able to simulate, or to tell anybody of exchanges.
    Room {
        name: "jurat",
        may_use: &[
            "jurat-proto",
            "jurat-witness",
            "jurat-attest",
            "jurat-verify",
            "jurat-client",
            "jurat-ledger",
            "jurat-proxy",
            "jurat-simulated",
        ],
        must_not_reach: &[
            "jurat-simulated",
            "jurat-standin-tdx",
            "jurat-standin-nvml",
            "jurat-standin-vendors",
            "fuser",
            "openssl-sys",
            "native-tls",
            "opentelemetry",
            "opentelemetry-otlp",
        ],
    },
    // The understudies stand outside the product: it must never reach them.
    Room {
        name: "jurat-standin-tdx",
        may_use: &["jurat-proto", "jurat-attest", "jurat-simulated"],
        must_not_reach: &HTTP,
    },
    Room {
        name: "jurat-standin-libtdx-attest",
        may_use: &["jurat-proto", "jurat-attest", "jurat-standin-tdx"],
        must_not_reach: &HTTP,
    },
    Room {
        name: "jurat-standin-nvml",
        may_use: &["jurat-proto", "jurat-attest", "jurat-simulated"],
        must_not_reach: &HTTP,
    },
    // The vendors' services judge as the vendors do, and so reach the judge.
    Room {
        name: "jurat-standin-vendors",
        may_use: &["jurat-proto", "jurat-simulated", "jurat-verify"],
        must_not_reach: &HTTP,
    },
    // The tests know the words and nothing of the inside.
    Room { name: "jurat-tests", may_use: &["jurat-proto"], must_not_reach: &HTTP },
    // The examiner plays the machine and asks the judge.
    Room {
        name: "jurat-vectors",
        may_use: &["jurat-proto", "jurat-attest", "jurat-simulated", "jurat-verify"],
        must_not_reach: &HTTP,
    },
    // Preloaded into the program as a file, by the torture; nobody links it.
    Room { name: "faulty-disk", may_use: &[], must_not_reach: &["tokio", "jurat-proto"] },
    // Nor do the scales: what they weigh is a process.
    Room { name: "jurat-bench", may_use: &["jurat-proto"], must_not_reach: &HTTP },
];

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output =
        Command::new(program).current_dir(workspace::root()).args(arguments).output().expect("run cargo");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn members() -> BTreeMap<String, (PathBuf, serde_json::Value)> {
    let metadata: serde_json::Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]))
            .unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let named = packages.iter().map(|package| {
        let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
        let folder = manifest.parent().unwrap().to_path_buf();
        (package["name"].as_str().unwrap().to_owned(), (folder, package["dependencies"].clone()))
    });
    named.collect()
}

/// Names of everything that a crate is built from, itself left out, under its own default features alone.
fn reached(name: &str) -> BTreeSet<String> {
    let tree = cargo(&[
        "tree",
        "--offline",
        "--locked",
        "-p",
        name,
        "-e",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--no-dedupe",
    ]);
    tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn every_member_has_its_room() {
    let members: BTreeSet<_> = members().into_keys().collect();
    let rooms: BTreeSet<_> = HOUSE.iter().map(|room| room.name.to_owned()).collect();
    assert_eq!(members, rooms, "a new member needs a row in tests/layering.rs and in docs/architecture.md");
}

#[test]
fn members_name_only_the_neighbours_they_may() {
    let members = members();
    for room in HOUSE {
        let dependencies = members[room.name].1.as_array().unwrap();
        for dependency in dependencies.iter().filter(|edge| edge["kind"].as_str() != Some("dev")) {
            let name = dependency["name"].as_str().unwrap();
            if members.contains_key(name) {
                assert!(room.may_use.contains(&name), "{} must not depend on {name}", room.name);
            }
            assert!(
                !HTTP.contains(&name) || !room.must_not_reach.contains(&name),
                "{} names {name}",
                room.name
            );
        }
    }
}

#[test]
fn members_reach_nothing_forbidden_through_others() {
    for room in HOUSE {
        let reached = reached(room.name);
        for forbidden in room.must_not_reach {
            assert!(
                !reached.contains(*forbidden),
                "{} must not reach {forbidden}; see `cargo tree -p {} -e normal -i {forbidden}`",
                room.name,
                room.name
            );
        }
    }
}

/// The two tests above would pass on an empty graph.
#[test]
fn the_graph_that_is_looked_at_is_the_real_one() {
    for (name, known) in [
        ("jurat", "jurat-proxy"),
        ("jurat-proxy", "actix-web"),
        ("jurat-client", "tokio"),
        ("jurat-attest", "nvml-wrapper"),
    ] {
        assert!(reached(name).contains(known), "{name} is known to reach {known}");
    }
}

#[test]
fn nobody_imports_the_program() {
    for (name, (_, dependencies)) in members() {
        let names: Vec<_> =
            dependencies.as_array().unwrap().iter().map(|edge| edge["name"].as_str().unwrap()).collect();
        assert!(!names.contains(&"jurat"), "{name} must not depend on the program");
    }
}

/// What a crate's own sources must not say, though its dependencies would allow it.
const UNSAID: &[(&str, &[&str])] = &[
    ("jurat-proto", &["std::fs", "std::net", "std::time", "std::env", "SystemTime", "Instant::now"]),
    (
        "jurat-witness",
        &["serde_json::Value", "std::fs", "std::net", "std::time", "std::env", "SystemTime", "Instant::now"],
    ),
    ("jurat-verify", &["SystemTime", "Instant::now", "std::fs", "std::net", "std::env"]),
    ("jurat-attest", &["SystemTime", "std::net", "std::env", "env::var"]),
    ("jurat-simulated", &["std::net", "std::env", "env::var"]),
    ("jurat-client", &["std::env", "env::var", "SystemTime::now"]),
    ("jurat-ledger", &["std::env", "env::var", "SystemTime::now"]),
    ("jurat-proxy", &["std::env", "env::var", "SystemTime::now"]),
    ("libtdx-attest", &["SystemTime", "std::net", "std::env", "env::var"]),
    ("tdx-attest-rs", &["SystemTime", "std::net", "std::env", "env::var"]),
    ("jurat-tests", &["jurat_witness", "jurat_proxy", "jurat_ledger", "jurat_attest"]),
];

/// Only the program reads the environment or the wall clock; everybody else is told.
#[test]
fn nobody_but_the_program_reads_the_environment_or_the_clock() {
    let members = members();
    for (name, unsaid) in UNSAID {
        for file in sources(&members[*name].0.join(if *name == "jurat-tests" { "harness" } else { "src" })) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (number, line) in
                text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for word in *unsaid {
                    assert!(
                        !line.contains(word),
                        "{}:{}: {name} must not say {word}",
                        file.display(),
                        number + 1
                    );
                }
            }
        }
    }
}

/// Every source of a folder but unit tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "tests" {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") && name != "tests.rs" {
            found.push(path);
        }
    }
    found
}
