//! Policies: what a relying party demands, as data.

use dcap_qvl::tcb_info::TcbStatus;
use jurat_proto::{Address, Binding, Digest, ManifestSource};
use serde::{Deserialize, Serialize};

use crate::{CheckId, texts};

pub(crate) mod gpu;
mod hex;
mod lint;
mod measurements;

pub use self::{
    hex::{Flags, Hex, NotHex, Ppid, Register},
    lint::{Lint, Severity},
    measurements::{ReferenceSet, ReferenceValues},
};

/// Which roots a policy believes. One policy never believes both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Roots {
    /// Intel's SGX Root CA and NVIDIA's Device Identity CA.
    Production,
    /// The public look-alikes of `attestation/insecure/`, whose private keys anyone may use.
    Simulated,
}

/// A policy. The TOML form has the same member names; unknown members are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Policy {
    /// Printed with every verdict.
    pub name: String,
    /// Who must have vouched for the hardware.
    pub roots: Roots,
    /// The bindings that are acceptable, the preferred one first. A report's own word on it is never taken.
    #[serde(with = "texts")]
    pub bindings: Vec<Binding>,
    /// Checks that must pass. Any other may be skipped, and none may fail.
    pub required: Vec<CheckId>,
    /// Acceptable TCB statuses, in Intel's words.
    pub tcb_statuses: Vec<TcbStatus>,
    /// Intel security advisories that must not be open on the platform.
    #[serde(default)]
    pub rejected_advisories: Vec<String>,
    /// Lowest acceptable `tcbEvaluationDataNumber`: keeps out collateral that is valid and old.
    #[serde(default)]
    pub min_tcb_evaluation_data_number: u32,
    /// How the model's digests may have been made, where the claims are attested.
    #[serde(default = "every_manifest_source")]
    pub manifest_sources: Vec<ManifestSource>,
    /// Platforms that are accepted, by the PPID in their PCK certificate. Empty: any genuine one.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<Ppid>,
    /// Models that are accepted, by the SHA-256 of their manifest in the attested claims. Empty: any.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Digest>,
    /// Signers that are accepted: continuity with those seen before. Empty: any that the hardware vouches for.
    #[serde(default, with = "texts", skip_serializing_if = "Vec::is_empty")]
    pub signers: Vec<Address>,
    /// What every GPU must be.
    #[serde(default, skip_serializing_if = "gpu::GpuPolicy::is_empty")]
    pub gpu: gpu::GpuPolicy,
    /// Reference values of the software that is accepted: a TD must match one of these sets wholly. Empty: any code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurements: Vec<ReferenceSet>,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not TOML, a member missing, unknown or of the wrong kind.
    #[error("policy is not readable: {0}")]
    Syntax(String),
    /// The same of a file of reference values.
    #[error("reference values are not readable: {0}")]
    References(String),
    /// A check without which the others mean nothing is not required.
    #[error("policy must require {0}: without it no other check means anything")]
    Unfounded(CheckId),
    /// A check on receipts is required of a report.
    #[error("policy requires {0}, which is about receipts; those checks are always required")]
    AboutReceipts(CheckId),
    /// A list that must have entries has none.
    #[error("policy names no {0}")]
    Empty(&'static str),
    /// Revoked platforms are never genuine.
    #[error("policy accepts the TCB status Revoked; a platform whose keys are revoked proves nothing")]
    AcceptsRevoked,
    /// A set of reference values that any code can match.
    #[error(
        "reference set `{set}` does not pin {lacks}: without mrtd and rtmr0 to rtmr2 nobody knows which code \
         measured the rest"
    )]
    Underpinned {
        /// Its name.
        set: String,
        /// What it must pin and does not.
        lacks: &'static str,
    },
    /// Two sets of reference values by one name.
    #[error("two reference sets are named `{0}`")]
    SetTwice(String),
}

/// The policies that are built in: those of `attestation/policies/`.
const BUILT_IN: [&str; 4] = [
    include_str!("../../../attestation/policies/production.toml"),
    include_str!("../../../attestation/policies/permissive.toml"),
    include_str!("../../../attestation/policies/0g.toml"),
    include_str!("../../../attestation/policies/simulated.toml"),
];

impl Policy {
    /// Names of the built-in policies, the default of `jurat verify` first.
    pub const NAMES: [&'static str; 4] = ["production", "permissive", "0g", "simulated"];

    /// A built-in policy.
    pub fn named(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        // a test parses all of them
        Self::parse(BUILT_IN.get(at)?).ok()
    }

    /// Reads the TOML form and refuses policies that would trust without a ground.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        policy.sound().map(|()| policy)
    }

    /// The TOML form, as `jurat policy show` prints it.
    pub fn to_toml(&self) -> String {
        // invariant: strings, numbers and lists of them have a TOML form
        #[allow(clippy::expect_used)]
        toml::to_string(self).expect("a policy is plain data")
    }

    /// The checks that must pass: those that it lists, and those by which what it pins is compared. A list that is
    /// not compared with would be a promise that nobody keeps.
    pub fn demands(&self) -> impl Iterator<Item = CheckId> {
        let implied = [
            (CheckId::TdxPlatform, self.platforms.is_empty()),
            (CheckId::TdxMeasurements, self.measurements.is_empty()),
            (CheckId::BindSigner, self.signers.is_empty()),
            (
                CheckId::BindClaims,
                every_manifest_source().iter().all(|any| self.manifest_sources.contains(any)),
            ),
            (CheckId::BindModel, self.models.is_empty()),
            (CheckId::GpuVersions, self.gpu.is_empty()),
        ];
        let implied = implied.into_iter().filter(|(_, empty)| !empty).map(|(id, _)| id);
        let unlisted = implied.filter(|id| !self.required.contains(id));
        self.required.iter().copied().chain(unlisted)
    }

    /// Whether the policy demands this check.
    pub fn requires(&self, id: CheckId) -> bool {
        self.demands().any(|demanded| demanded == id)
    }

    /// Takes in the sets of a file of reference values, beside those that are there.
    pub fn refer_to(&mut self, values: ReferenceValues) -> Result<(), PolicyError> {
        self.measurements.extend(values.measurements);
        self.sound()
    }

    /// The same policy of hardware that runs any code: with it reference values are made.
    pub fn of_any_code(mut self) -> Self {
        self.measurements.clear();
        self.required.retain(|id| *id != CheckId::TdxMeasurements);
        self
    }

    /// The JSON form, as `attestation/schemas/policy.schema.json` has it.
    pub fn to_json(&self) -> String {
        // invariant: strings, numbers and lists of them have a JSON form
        #[allow(clippy::expect_used)]
        serde_json::to_string(self).expect("a policy is plain data")
    }

    /// What is unwise about the policy, the worst first. Empty for none.
    pub fn lint(&self) -> Vec<Lint> {
        lint::of(self)
    }

    fn sound(&self) -> Result<(), PolicyError> {
        if self.name.is_empty() {
            return Err(PolicyError::Empty("name"));
        }
        if self.bindings.is_empty() {
            return Err(PolicyError::Empty("binding"));
        }
        if self.tcb_statuses.is_empty() {
            return Err(PolicyError::Empty("TCB status"));
        }
        if self.tcb_statuses.contains(&TcbStatus::Revoked) {
            return Err(PolicyError::AcceptsRevoked);
        }
        for id in [CheckId::TdxQuote, CheckId::TdxTcb, CheckId::TdxDebug, CheckId::BindAddress] {
            if !self.requires(id) {
                return Err(PolicyError::Unfounded(id));
            }
        }
        self.measurements.iter().try_for_each(ReferenceSet::sound)?;
        for (at, set) in self.measurements.iter().enumerate() {
            if self.measurements.iter().take(at).any(|earlier| earlier.name == set.name) {
                return Err(PolicyError::SetTwice(set.name.clone()));
            }
        }
        match self.required.iter().find(|id| id.is_about_receipts()) {
            Some(id) => Err(PolicyError::AboutReceipts(*id)),
            None => Ok(()),
        }
    }
}

fn every_manifest_source() -> Vec<ManifestSource> {
    vec![ManifestSource::None, ManifestSource::AtStart, ManifestSource::Cached]
}

#[cfg(test)]
mod tests;
