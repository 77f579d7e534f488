//! The exports of `attestation/vectors/export`, which `scripts/gen-vectors.py` makes from the specification.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Index {
    signers: Vec<Known>,
    exports: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Known {
    signing_address: String,
    claims: String,
}

#[derive(Deserialize)]
struct Expected {
    verdict: String,
    check: Option<CheckId>,
}

#[test]
fn the_exports_are_judged_as_the_index_says() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../attestation/vectors/export");
    let read =
        |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut index: Index = serde_json::from_str(&read("index.json")).unwrap();
    let mut seen = 0;
    for kind in ["accept", "refuse"] {
        for entry in fs::read_dir(folder.join(kind)).unwrap() {
            let name = format!("{kind}/{}", entry.unwrap().file_name().to_str().unwrap());
            let expected =
                index.exports.remove(&name).unwrap_or_else(|| panic!("{name} is not in the index"));
            let mut audit = Audit::new(&policy(), Extent::Whole);
            for known in &index.signers {
                audit.trust(&signer(known.signing_address.parse().unwrap(), Some(&known.claims)));
            }
            read(&name).lines().for_each(|line| audit.line(line));
            let verdict = audit.finish();
            assert_eq!(verdict.outcome().to_string(), expected.verdict, "{name}\n{verdict}");
            assert_eq!(expected.check.is_some(), kind == "refuse", "{name}");
            if let Some(id) = expected.check {
                let wanted = if expected.verdict == "refuted" { Status::Fail } else { Status::Skip };
                assert_eq!(status(&verdict, id), wanted, "{name}: {id}\n{verdict}");
                assert!(name.starts_with(&format!("refuse/{id}-")), "{name} is named after its check");
            }
            seen += 1;
        }
    }
    assert!(index.exports.is_empty(), "no such files: {:?}", index.exports.keys());
    assert!(seen > 40, "{seen} exports");
}
