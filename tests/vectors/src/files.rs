//! The files of `attestation/vectors/`: what they are, and what they must be.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    accept,
    bases::Name,
    format::{Base, Expect, Inputs, Vector, text},
    refuse,
};

/// `attestation/vectors`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../attestation/vectors")
}

/// Every file that the table makes, by its path in the folder.
pub fn made() -> BTreeMap<String, String> {
    let bases: Vec<(Name, Base)> = Name::ALL.iter().map(|name| (*name, name.base())).collect();
    let mut files: BTreeMap<_, _> =
        bases.iter().map(|(name, base)| (format!("base/{}.json", name.as_str()), text(base))).collect();
    for case in accept::all().into_iter().chain(refuse::all()) {
        let base = bases.iter().find(|(name, _)| *name == case.base()).map(|(_, base)| &base.inputs);
        let vector = case.vector(base.expect("every base is made"));
        let folder = match vector.expect {
            Expect::Accept => "accept",
            Expect::Refuse => "refuse",
        };
        let path = format!("{folder}/report-{}.json", case.name);
        assert!(files.insert(path, text(&vector)).is_none(), "two cases are called {}", case.name);
    }
    files
}

/// Every file of that kind that is there.
///
/// # Errors
/// If they cannot be read.
pub fn found() -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (name, prefix) in [("base", ""), ("accept", "report-"), ("refuse", "report-")] {
        let Ok(entries) = fs::read_dir(folder().join(name)) else { continue };
        for entry in entries {
            let entry = entry?;
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.starts_with(prefix) {
                files.insert(format!("{name}/{file}"), fs::read_to_string(entry.path())?);
            }
        }
    }
    Ok(files)
}

/// The vectors that are there, by path, each with its whole inputs.
///
/// # Errors
/// If a file cannot be read, or is none.
pub fn vectors() -> io::Result<Vec<(String, Vector, Inputs)>> {
    let files = found()?;
    let mut bases = BTreeMap::new();
    for (path, text) in &files {
        if let Some(name) = path.strip_prefix("base/") {
            let base: Base = serde_json::from_str(text)?;
            bases.insert(name.trim_end_matches(".json").to_owned(), base.inputs);
        }
    }
    let mut vectors = vec![];
    for (path, text) in files.iter().filter(|(path, _)| !path.starts_with("base/")) {
        let vector: Vector = serde_json::from_str(text)?;
        let base =
            bases.get(&vector.base).ok_or_else(|| io::Error::other(format!("{path}: no such base")))?;
        let inputs = base.with(&vector.inputs)?;
        vectors.push((path.clone(), vector, inputs));
    }
    Ok(vectors)
}
