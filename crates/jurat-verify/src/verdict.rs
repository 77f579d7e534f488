//! The verdict: a transcript of checks and what follows from it under a policy.

use std::fmt;

use jurat_proto::Address;
use serde::{Serialize, Serializer};

use crate::{
    CheckId, Policy, Status, TrustedSigner,
    check::{Check, Finding},
    policy::{ReferenceSet, Roots},
};

/// What follows from a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every required check passed and none failed, now.
    Trusted,
    /// The same, of an archived report and as of the time that the caller named.
    TrustedThen,
    /// A check failed.
    Refuted,
    /// No check failed, and a required one was not made.
    Undecided,
}

impl Outcome {
    /// Whether the report or receipt may be relied upon, within the limits that the verdict names.
    pub fn is_trusted(self) -> bool {
        matches!(self, Self::Trusted | Self::TrustedThen)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted",
            Self::TrustedThen => "trusted_then",
            Self::Refuted => "refuted",
            Self::Undecided => "undecided",
        })
    }
}

/// What kind of machine a policy's roots vouch for. Never what a report says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Tee {
    /// Intel TDX, under Intel's and NVIDIA's roots.
    Tdx,
    /// The look-alike of `jurat-simulated`: it proves nothing about hardware.
    Simulated,
}

impl From<Roots> for Tee {
    fn from(roots: Roots) -> Self {
        match roots {
            Roots::Production => Self::Tdx,
            Roots::Simulated => Self::Simulated,
        }
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tdx => "tdx",
            Self::Simulated => "simulated",
        })
    }
}

/// Whether a report was obtained for this verification or kept from an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Fetched just now. At best trusted.
    Live,
    /// Kept. At best trusted as of the time that the caller names.
    Archived,
}

/// A verdict: `Serialize` gives the JSON form, `Display` the transcript for people.
///
/// Only this crate makes one, so a [`TrustedSigner`] cannot be had from a verdict read out of a file.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    verdict: Outcome,
    tee: Tee,
    #[serde(serialize_with = "address_or_null")]
    signing_address: Option<Address>,
    policy: String,
    checks: Vec<Check>,
    limits: Vec<String>,
    #[serde(skip)]
    signer: Option<TrustedSigner>,
    #[serde(skip)]
    measured: Option<ReferenceSet>,
}

impl Verdict {
    /// What follows from the transcript.
    pub fn outcome(&self) -> Outcome {
        self.verdict
    }

    /// What the policy's roots vouch for.
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The signer that the report names, if it names one legibly. Proven only if the outcome is trusted.
    pub fn signing_address(&self) -> Option<&Address> {
        self.signing_address.as_ref()
    }

    /// Name of the policy.
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The transcript, in the order of [`CheckId::ALL`].
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// One line of the transcript.
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    /// What a trusted verdict does not say, in sentences.
    pub fn limits(&self) -> &[String] {
        &self.limits
    }

    /// The signer, if the verdict on its report is trusted: the only way to check receipts.
    pub fn trusted_signer(&self) -> Option<&TrustedSigner> {
        self.signer.as_ref()
    }

    /// What the TD measures to, as a set of reference values that pins everything; `None` unless the report is trusted.
    pub fn measured(&self) -> Option<&ReferenceSet> {
        self.measured.as_ref()
    }

    pub(crate) fn of_what_measures_to(self, measured: Option<ReferenceSet>) -> Self {
        Self { measured: measured.filter(|_| self.verdict.is_trusted()), ..self }
    }

    /// With one more limit.
    pub(crate) fn limited(mut self, limit: Option<String>) -> Self {
        self.limits.extend(limit);
        self
    }

    /// The JSON form.
    pub fn to_json(&self) -> String {
        // invariant: a struct of strings and unit variants has a JSON form
        #[allow(clippy::expect_used)]
        serde_json::to_string(self).expect("a verdict is plain data")
    }
}

fn address_or_null<S: Serializer>(address: &Option<Address>, to: S) -> Result<S::Ok, S::Error> {
    match address {
        Some(address) => to.collect_str(address),
        None => to.serialize_none(),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Check { id, status, reason } in &self.checks {
            writeln!(f, "{status} {id:<17} {reason}")?;
        }
        write!(f, "verdict: {} under the policy {}, tee {}", self.verdict, self.policy, self.tee)?;
        match &self.signing_address {
            Some(address) => writeln!(f, ", signer {address}")?,
            None => writeln!(f)?,
        }
        self.limits.iter().try_for_each(|limit| writeln!(f, "limit: {limit}"))
    }
}

/// A transcript while it is being written.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    checks: Vec<Check>,
    limits: Vec<String>,
    waived: Option<CheckId>,
}

impl Transcript {
    /// Files a finding; whether it holds is handed back, for the checks that rest on it.
    pub(crate) fn file(&mut self, id: CheckId, finding: Finding) -> bool {
        let holds = finding.holds();
        self.checks.push(Check { id, status: finding.status, reason: printable(&finding.reason) });
        holds
    }

    pub(crate) fn limit(&mut self, limit: impl Into<String>) {
        self.limits.push(limit.into());
    }

    /// Does without a check that the policy requires and that cannot be made. If it was made, it counts.
    pub(crate) fn waive(&mut self, id: CheckId) {
        self.waived = Some(id);
    }

    /// Whether a check was filed as a pass.
    pub(crate) fn passed(&self, id: CheckId) -> bool {
        self.checks.iter().any(|check| check.id == id && check.status == Status::Pass)
    }

    /// A failed check refutes, a required check that is not a pass leaves undecided.
    pub(crate) fn outcome(&self, required: impl IntoIterator<Item = CheckId>, standing: Standing) -> Outcome {
        if self.checks.iter().any(|check| check.status == Status::Fail) {
            return Outcome::Refuted;
        }
        let passed = |id| Some(id) == self.waived || self.passed(id);
        match (required.into_iter().all(passed), standing) {
            (false, _) => Outcome::Undecided,
            (true, Standing::Live) => Outcome::Trusted,
            (true, Standing::Archived) => Outcome::TrustedThen,
        }
    }

    /// The checks in their order, for verdicts of another shape.
    pub(crate) fn into_checks(mut self) -> Vec<Check> {
        self.checks.sort_by_key(|check| check.id);
        self.checks
    }

    /// The verdict on a report. `signer` is given out only if it is trusted.
    pub(crate) fn judge_report(
        mut self,
        policy: &Policy,
        standing: Standing,
        address: Option<Address>,
        signer: impl FnOnce(&[String]) -> Option<TrustedSigner>,
    ) -> Verdict {
        self.checks.sort_by_key(|check| check.id);
        let verdict = self.outcome(policy.demands(), standing);
        let signer = if verdict.is_trusted() { signer(&self.limits) } else { None };
        Verdict {
            verdict,
            tee: policy.roots.into(),
            signing_address: address,
            policy: policy.name.clone(),
            checks: self.checks,
            limits: self.limits,
            signer,
            measured: None,
        }
    }

    /// The verdict on a receipt, by a signer that is trusted already.
    pub(crate) fn judge_receipt(mut self, signer: &TrustedSigner, required: &[CheckId]) -> Verdict {
        self.checks.sort_by_key(|check| check.id);
        let verdict = self.outcome(required.iter().copied(), signer.standing());
        Verdict {
            verdict,
            tee: signer.tee(),
            signing_address: Some(*signer.address()),
            policy: signer.policy().to_owned(),
            checks: self.checks,
            limits: self.limits,
            signer: None,
            measured: None,
        }
    }
}

/// Reasons may quote what strangers wrote: no control characters reach a terminal, and no flood a log.
fn printable(reason: &str) -> String {
    const LONGEST: usize = 400;
    reason
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}
