//! The reports by which an audit knows the signers: from files, and from the service's archive.

use jurat_client::{BaseUrl, Client, ClientError};
use jurat_proto::Binding;
use jurat_verify::{Audit, Inputs, Policy, Verdict};

use crate::{
    cli::AuditOptions,
    exit::{Failure, say},
    material::Judge,
    selfcheck::fresh_nonce,
    service,
    verify::{Judged, block_on, errand, read_text},
};

pub(super) struct Reports<'a> {
    policy: &'a Policy,
    at: Option<u64>,
    judge: Judge,
    /// Name and contents of the files that were given.
    files: Vec<(String, String)>,
    service: Option<(Client, BaseUrl)>,
}

impl<'a> Reports<'a> {
    /// Reads what was given, before an export of hours is read for nothing.
    pub(super) fn open(options: &AuditOptions, policy: &'a Policy) -> Result<Self, Failure> {
        let file = |path: &std::path::PathBuf| Ok((path.display().to_string(), read_text(path)?));
        Ok(Self {
            policy,
            at: options.at,
            judge: Judge::new(policy.clone(), &options.material)?,
            files: options.reports.iter().map(file).collect::<Result<_, Failure>>()?,
            service: options.url.as_deref().map(errand).transpose()?,
        })
    }

    /// Tells the audit whom the policy trusts. A report that is not trusted is told on stderr and changes
    /// nothing: its signer stays unknown.
    pub(super) fn introduce(self, audit: &mut Audit) -> Result<(), Failure> {
        for (name, report) in &self.files {
            let judged = self.kept(report.clone())?;
            believe(audit, name, &judged.verdict);
        }
        let Some((client, base)) = &self.service else { return Ok(()) };
        if audit.wanted().is_empty() {
            return Ok(());
        }
        believe(audit, "the live report", &self.live(client, base)?);
        for wanted in audit.wanted() {
            let signer = &wanted.signing_address;
            match block_on(client.fetch_kept_report(base, signer, wanted.claims_hash.as_ref()))? {
                Ok(report) => {
                    let judged = self.kept(report)?;
                    believe(audit, &format!("the archived report of {signer}"), &judged.verdict);
                }
                Err(error @ ClientError::NoReport { .. }) => say(error),
                Err(error) => return Err(Failure::unavailable(error)),
            }
        }
        Ok(())
    }

    fn kept(&self, report: String) -> Result<Judged, Failure> {
        Judged::kept(report, &self.judge, self.at)
    }

    /// The live signer can answer a nonce, so it is trusted now and not then.
    fn live(&self, client: &Client, base: &BaseUrl) -> Result<Verdict, Failure> {
        let nonce = fresh_nonce()?;
        let binding = self.policy.bindings.first().copied().unwrap_or(Binding::JuratV1);
        let report = block_on(client.fetch_report(base, &nonce, binding))?.map_err(Failure::unavailable)?;
        let inputs = Inputs::live(service::now().seconds()).nonce(nonce);
        Ok(block_on(self.judge.judge(report, inputs))?.verdict)
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
