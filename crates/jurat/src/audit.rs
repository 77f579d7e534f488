//! `jurat audit`: is nothing missing, altered or out of its place?

mod reading;
mod reports;

use jurat_verify::{Audit, AuditVerdict, Extent};

use crate::{
    cli::AuditOptions,
    exit::{Code, Failure, print},
    policy,
    tokens::credentials,
    verify::{code, is_url},
};

use self::{reading::Reading, reports::Reports};

pub(crate) fn run(options: AuditOptions) -> Result<Code, Failure> {
    let policy = policy::load_with(&options.policy, &options.reference)?;
    let reports = Reports::open(&options, &policy)?;
    let extent = if options.part { Extent::Part } else { Extent::Whole };
    let mut reading = Reading::new(Audit::new(&policy, extent), options.save.as_deref())?;
    if is_url(&options.target) {
        reading.pages(&options.target, credentials(&options.token)?)?;
    } else {
        reading.file(&options.target)?;
    }
    let mut audit = reading.end()?;
    reports.introduce(&mut audit)?;
    Ok(show(&audit.finish(), options.json, options.at))
}

fn show(verdict: &AuditVerdict, json: bool, at: Option<u64>) -> Code {
    if json {
        print(verdict.to_json());
    } else {
        print(verdict.to_string().trim_end());
    }
    code(verdict.outcome(), at)
}
