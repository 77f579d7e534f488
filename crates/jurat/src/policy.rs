//! Policies by name or file.

use std::path::PathBuf;

use jurat_verify::{Lint, Policy, ReferenceValues, Severity};
use serde::Serialize;

use crate::{
    cli::{JudgingOptions, PolicyOptions, ReferenceOptions},
    exit::{Code, Failure, print, say},
    verify::{code, read_text, under},
};

/// A built-in policy, else the file of that name.
pub(crate) fn load(name: &str) -> Result<Policy, Failure> {
    if let Some(policy) = Policy::named(name) {
        return Ok(policy);
    }
    let text = std::fs::read_to_string(name).map_err(|error| {
        Failure::usage(format_args!("no policy `{name}`: {error}"))
            .hint(format_args!("built in are {}", Policy::NAMES.join(", ")))
    })?;
    Policy::parse(&text).map_err(|error| Failure::config(format_args!("{name}: {error}")))
}

/// The same, with the sets of these files of reference values.
pub(crate) fn load_with(name: &str, references: &[PathBuf]) -> Result<Policy, Failure> {
    let mut policy = load(name)?;
    for path in references {
        let refused = |error| Failure::config(format_args!("{}: {error}", path.display()));
        let values = ReferenceValues::parse(&read_text(path)?).map_err(refused)?;
        policy.refer_to(values).map_err(refused)?;
    }
    Ok(policy)
}

/// What a command judges by.
pub(crate) fn accepted(options: &JudgingOptions) -> Result<Policy, Failure> {
    load_with(&options.policy, &options.reference)
}

/// `jurat policy show`
pub(crate) fn show(options: PolicyOptions) -> Result<Code, Failure> {
    let policy = load_with(&options.policy, &options.reference)?;
    if options.json {
        print(policy.to_json());
    } else {
        print(policy.to_toml().trim_end());
    }
    Ok(Code::Done)
}

/// What `jurat policy lint --json` prints.
#[derive(Serialize)]
struct Findings<'a> {
    policy: &'a str,
    findings: &'a [Lint],
}

/// `jurat policy lint`
pub(crate) fn lint(options: PolicyOptions) -> Result<Code, Failure> {
    let policy = load_with(&options.policy, &options.reference)?;
    let found = policy.lint();
    if options.json {
        let findings = Findings { policy: &policy.name, findings: &found };
        print(serde_json::to_string(&findings).map_err(Failure::unavailable)?);
    } else {
        for Lint { id, severity, what, gain, instead, .. } in &found {
            print(format_args!("{:<7} {id}: {what}", severity.as_str()));
            print(format_args!("        an attacker gains: {gain}"));
            print(format_args!("        instead: {instead}"));
        }
        let of = |severity| found.iter().filter(|lint| lint.severity == severity).count();
        let (errors, warnings, notes) = (of(Severity::Error), of(Severity::Warning), of(Severity::Note));
        print(format_args!("{}: {errors} errors, {warnings} warnings, {notes} notes", policy.name));
    }
    let clean = found.iter().all(|lint| lint.severity == Severity::Note);
    Ok(if clean { Code::Done } else { Code::Refuted })
}

/// `jurat policy reference`: nothing is printed but of a report that is trusted, whatever code runs there.
pub(crate) fn reference(options: ReferenceOptions) -> Result<Code, Failure> {
    let judging = &options.judging;
    let policy = accepted(judging)?.of_any_code();
    let judged = under(&options.target, policy, judging)?;
    let verdict = &judged.verdict;
    let Some(measured) = verdict.measured() else {
        verdict.to_string().lines().for_each(say);
        say("hint: reference values are made of a report that is trusted, but for tdx.measurements");
        return Ok(code(verdict.outcome(), judging.at));
    };
    let set = ReferenceValues::of(measured.telling(&options.name));
    if judging.json {
        print(serde_json::to_string(&set).map_err(Failure::unavailable)?);
        return Ok(Code::Done);
    }
    let (set, whole) = (set.to_toml(), ReferenceValues::of(measured.clone()).to_toml());
    let signer = verdict.signing_address().map(ToString::to_string).unwrap_or_default();
    print(format_args!("# Observed, the same code as that of {signer}:"));
    print(format_args!(
        "# {} under the policy {}. Which code it is, this does not say.",
        verdict.outcome(),
        verdict.policy()
    ));
    print(set.trim_end());
    print("\n# What else was there. Pin what you know to stay.");
    let rest = |line: &&str| line.contains(" = ") && !line.starts_with("name ") && !set.contains(*line);
    whole.lines().filter(rest).for_each(|line| print(format_args!("# {line}")));
    Ok(Code::Done)
}
