//! `docs/metrics.md` is written from the registry, so that alerts and dashboards rest on what there is.
//!
//! `JURAT_UPDATE_SNAPSHOTS=1 cargo test -p jurat-proxy metrics` writes it anew; review the difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::*;

const HEAD: &str = "\
# Metrics

Written by the program's own registry (`JURAT_UPDATE_SNAPSHOTS=1 cargo test -p jurat-proxy metrics`), held by a test. They are
at `/metrics` of the admin listener, in OpenMetrics form. Labels come from closed lists: no client, model, prompt or
token ever becomes one. What is turned away before it is an exchange is counted by its code alone, in `jurat_refusals`.

What to do when one of them alarms you: [deploy/prometheus](../deploy/prometheus/README.md).

| metric | kind | labels | |
|---|---|---|---|
";

/// One of the exposition's families.
#[derive(Default)]
struct Row {
    kind: String,
    help: String,
    series: BTreeSet<String>,
    labels: BTreeMap<String, Vec<String>>,
}

fn rows(text: &str) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            current = name.to_owned();
            rows.entry(current.clone()).or_default().help = help.trim_end_matches('.').to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            rows.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else {
            let row = rows.get_mut(&current).unwrap();
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            row.series.insert(name.to_owned());
            for label in labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty()) {
                let (name, value) = label.split_once('=').unwrap();
                let values = row.labels.entry(name.to_owned()).or_default();
                let value = value.trim_matches('"').to_owned();
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
    }
    rows
}

/// Everything that the registry can say.
fn everything() -> String {
    let metrics = Metrics::new("VERSION", "COMMIT");
    drop(metrics.refusals.get_or_create(&ReasonLabel { reason: "rate_limited" }));
    for (state, _) in STATES {
        drop(metrics.read.store.get_or_create(&StateLabel { state }));
    }
    for latch in Readiness::LATCHES {
        drop(metrics.read.latches.get_or_create(&LatchLabel { latch }));
    }
    for part in ["quote", "gpus", "switches"] {
        let label = PartLabel { part };
        drop(metrics.read.evidence_made.get_or_create(&label));
        drop(metrics.read.evidence_failed.get_or_create(&label));
        drop(metrics.read.evidence_last.get_or_create(&label));
        drop(metrics.read.evidence_longest.get_or_create(&label));
    }
    let mut text = String::new();
    encode(&mut text, &metrics.registry).unwrap();
    text
}

fn document() -> String {
    let mut document = HEAD.to_owned();
    for row in rows(&everything()).values() {
        let names: Vec<_> = row.series.iter().map(|name| format!("`{name}`")).collect();
        let labels: Vec<_> = row
            .labels
            .iter()
            .map(|(name, values)| {
                let values: BTreeSet<_> = values.iter().map(|value| format!("`{value}`")).collect();
                let values: Vec<_> = values.into_iter().collect();
                if row.kind == "info" {
                    format!("`{name}`")
                } else {
                    format!("`{name}`: {}", values.join(", "))
                }
            })
            .collect();
        document +=
            &format!("| {} | {} | {} | {} |\n", names.join(", "), row.kind, labels.join("; "), row.help);
    }
    document
}

#[test]
fn the_document_is_what_the_registry_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let now = document();
    if std::env::var_os("JURAT_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "docs/metrics.md is stale: JURAT_UPDATE_SNAPSHOTS=1 cargo test -p jurat-proxy metrics"
    );
}

/// A family without a series is left out of the exposition: whoever adds one must show its labels above.
#[test]
fn no_family_is_missing() {
    let source = include_str!("../metrics.rs");
    let document = document();
    let registered: Vec<_> = source
        .split("registry.register(")
        .skip(1)
        .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    assert!(registered.len() > 10, "the registrations were not found");
    for name in registered {
        assert!(document.contains(&format!("jurat_{name}")), "{name} has no series in everything()");
    }
}
