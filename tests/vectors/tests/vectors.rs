//! The judge over every report vector.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
};

use jurat_vectors::{
    examine, files,
    format::{Expect, Inputs, Vector, Verdict},
    rests::RestsOn,
};
use jurat_verify::{CheckId, Status};

/// Fewer than these are a table that has lost something.
const LEAST: (usize, usize) = (25, 300);

fn passing(inputs: &Inputs) -> BTreeSet<CheckId> {
    let verdict = examine::judge(inputs).unwrap();
    verdict.checks().iter().filter(|check| check.status == Status::Pass).map(|check| check.id).collect()
}

/// What is wrong with the judge's answer; empty if nothing is.
fn objections(vector: &Vector, inputs: &Inputs, happy: &BTreeSet<CheckId>, rests: &RestsOn) -> Vec<String> {
    let judged = match examine::judge(inputs) {
        Ok(judged) => judged,
        Err(error) => return vec![error],
    };
    let mut objections = vec![];
    if Verdict::from(judged.outcome()) != vector.verdict {
        objections.push(format!("{} instead of {:?}", judged.outcome(), vector.verdict));
    }
    let status = |id| judged.check(id).map(|check| check.status);
    let Some(named) = vector.check else { return objections };
    let wanted = if vector.verdict == Verdict::Refuted { Status::Fail } else { Status::Skip };
    if status(named) != Some(wanted) {
        objections.push(format!("{named} is {:?}", status(named)));
    }
    for id in &vector.beside {
        if status(*id) == Some(Status::Pass) || rests.shaken_by(named).contains(id) {
            objections.push(format!("{id} is said to fail beside {named}, and passes or rests on it"));
        }
    }
    let shaken: BTreeSet<_> =
        vector.beside.iter().chain([&named]).flat_map(|check| rests.shaken_by(*check)).collect();
    for id in happy.difference(&shaken) {
        if status(*id) != Some(Status::Pass) {
            objections.push(format!("{id} does not pass either"));
        }
    }
    if !objections.is_empty() {
        objections.push(judged.to_string());
    }
    objections
}

#[test]
fn every_vector_is_judged_as_it_says() {
    let rests = RestsOn::parse(&fs::read_to_string(files::folder().join("rests_on.json")).unwrap()).unwrap();
    let vectors = files::vectors().unwrap();
    let happy = |name: &str| {
        let own = vectors.iter().find(|(path, ..)| *path == format!("accept/report-{name}.json"));
        passing(&own.expect("every base has its vector").2)
    };
    let bases: BTreeSet<&str> = vectors.iter().map(|(_, vector, _)| vector.base.as_str()).collect();
    let bases: BTreeMap<&str, _> = bases.into_iter().map(|name| (name, happy(name))).collect();

    let judge = |part: &[(String, Vector, Inputs)]| {
        let judged = part.iter().map(|(path, vector, inputs)| {
            (path, objections(vector, inputs, &bases[vector.base.as_str()], &rests))
        });
        let wrong = judged.filter(|(_, objections)| !objections.is_empty());
        wrong.map(|(path, objections)| format!("{path}: {}", objections.join("\n    "))).collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    let wrong: Vec<String> = thread::scope(|scope| {
        let parts = vectors.chunks(vectors.len().div_ceil(threads).max(1));
        let running: Vec<_> = parts.map(|part| scope.spawn(|| judge(part))).collect();
        running.into_iter().flat_map(|judging| judging.join().unwrap()).collect()
    });

    let (mut accepted, mut refused) = (0, 0);
    for (path, vector, _) in &vectors {
        let folder = if vector.expect == Expect::Accept { "accept/" } else { "refuse/" };
        assert!(path.starts_with(folder), "{path}");
        assert_eq!(vector.check.is_some(), vector.expect == Expect::Refuse, "{path}");
        match vector.expect {
            Expect::Accept => accepted += 1,
            Expect::Refuse => refused += 1,
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), vectors.len(), wrong.join("\n"));
    assert!(accepted >= LEAST.0 && refused >= LEAST.1, "{accepted} acceptances, {refused} refusals");
}

#[test]
fn the_files_are_what_the_table_makes() {
    let (made, found) = (files::made(), files::found().unwrap());
    let differ: Vec<_> =
        made.keys().chain(found.keys()).filter(|path| made.get(*path) != found.get(*path)).collect();
    assert!(differ.is_empty(), "run jurat-vectors and scripts/manifest: {differ:?}");
}
