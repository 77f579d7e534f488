//! The reports by which an audit knows the signers: from files, and from the service's archive.

use jurat_client::{BaseUrl, Client, ClientError};
use jurat_verify::{Audit, Policy, Verdict};

use crate::{
    cli::AuditOptions,
    exit::{Failure, say},
    material::Judge,
    selfcheck::fresh_nonce,
    verify::{base, block_on, kept, meet, read_text},
};

pub(super) struct Reports {
    at: Option<u64>,
    judge: Judge,
    /// Name and contents of the files that were given.
    files: Vec<(String, String)>,
    service: Option<BaseUrl>,
}

impl Reports {
    /// Reads what was given, before an export of hours is read for nothing.
    pub(super) fn open(options: &AuditOptions, policy: &Policy) -> Result<Self, Failure> {
        let file = |path: &std::path::PathBuf| Ok((path.display().to_string(), read_text(path)?));
        Ok(Self {
            at: options.at,
            judge: Judge::new(policy.clone(), &options.material)?,
            files: options.reports.iter().map(file).collect::<Result<_, Failure>>()?,
            service: options.url.as_deref().map(base).transpose()?,
        })
    }

    /// Tells the audit whom the policy trusts. A report that is not trusted is told on stderr and changes
    /// nothing: its signer stays unknown.
    pub(super) fn introduce(self, audit: &mut Audit) -> Result<(), Failure> {
        for (name, report) in &self.files {
            let judged = kept(report.clone(), &self.judge, self.at)?;
            believe(audit, name, &judged.verdict);
        }
        let Some(base) = &self.service else { return Ok(()) };
        if audit.wanted().is_empty() {
            return Ok(());
        }
        // The live signer can answer a nonce, so it is trusted now and not then.
        let (live, channel) = block_on(meet(&self.judge, base, fresh_nonce()?, None))??;
        believe(audit, "the live report", &live.verdict);
        let client = Client::over(channel).map_err(Failure::unavailable)?;
        for wanted in audit.wanted() {
            let signer = &wanted.signing_address;
            match block_on(client.fetch_kept_report(base, signer, wanted.claims_hash.as_ref()))? {
                Ok(report) => {
                    let judged = kept(report, &self.judge, self.at)?;
                    believe(audit, &format!("the archived report of {signer}"), &judged.verdict);
                }
                Err(error @ ClientError::NoReport { .. }) => say(error),
                Err(error) => return Err(Failure::unavailable(error)),
            }
        }
        Ok(())
    }
}

fn believe(audit: &mut Audit, name: &str, verdict: &Verdict) {
    match verdict.trusted_signer() {
        Some(signer) => audit.trust(signer),
        None => {
            say(format_args!("{name} is {}: its signer stays unknown", verdict.outcome()));
            let failed = verdict.checks().iter().filter(|check| check.status == jurat_verify::Status::Fail);
            failed.for_each(|check| say(format_args!("{} {}", check.id, check.reason)));
        }
    }
}
