//! Policies: what a relying party demands, as data.

use dcap_qvl::tcb_info::TcbStatus;
use jurat_proto::{Binding, ManifestSource};
use serde::{Deserialize, Serialize};

use crate::CheckId;

pub(crate) mod gpu;

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
    #[serde(with = "binding_names")]
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
    /// What every GPU must be.
    #[serde(default, skip_serializing_if = "gpu::GpuPolicy::is_empty")]
    pub gpu: gpu::GpuPolicy,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not TOML, a member missing, unknown or of the wrong kind.
    #[error("policy is not readable: {0}")]
    Syntax(String),
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

    /// Whether the policy demands this check.
    pub fn requires(&self, id: CheckId) -> bool {
        self.required.contains(&id)
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
        match self.required.iter().find(|id| id.is_about_receipts()) {
            Some(id) => Err(PolicyError::AboutReceipts(*id)),
            None => Ok(()),
        }
    }
}

fn every_manifest_source() -> Vec<ManifestSource> {
    vec![ManifestSource::None, ManifestSource::AtStart, ManifestSource::Cached]
}

/// Bindings by their wire names.
mod binding_names {
    use jurat_proto::Binding;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bindings: &[Binding], to: S) -> Result<S::Ok, S::Error> {
        bindings.iter().map(|binding| binding.as_str()).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Binding>, D::Error> {
        let names = Vec::<String>::deserialize(from)?;
        names.iter().map(|name| name.parse().map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests;
