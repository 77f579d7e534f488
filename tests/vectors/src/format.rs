//! The files' format: bases, and vectors that say what differs from one.

use std::collections::BTreeMap;

use jurat_verify::{CheckId, Outcome};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that a judgement of a report rests on, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The report's members.
    pub report: BTreeMap<String, Value>,
    /// TOML.
    pub policy: String,
    /// Unix seconds.
    pub now: u64,
    /// `live` or `archived`.
    pub standing: String,
    /// The caller's own nonce, 64 hex.
    pub nonce: Option<String>,
    /// The key that the caller saw on the connection, 64 hex.
    pub peer_spki: Option<String>,
    /// `dcap-qvl`'s `QuoteCollateralV3` in JSON.
    pub collateral: Option<String>,
    /// Reference integrity manifests, XML.
    pub rims: Vec<String>,
    /// OCSP responses, base64 of DER.
    pub ocsp: Vec<String>,
    /// NVIDIA's own verdict.
    pub nras: Option<Nras>,
}

/// An answer of NVIDIA's attestation service and the keys to verify it with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nras {
    /// The body of the answer.
    pub answer: String,
    /// The JWK Set.
    pub jwks: String,
}

/// A file of `base/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Base {
    /// What it is, in one sentence.
    pub about: String,
    /// All of it.
    pub inputs: Inputs,
}

/// What is expected of a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// A trusted verdict.
    Accept,
    /// Any other.
    Refuse,
}

/// A file `report-*.json` of `accept/` or `refuse/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vector {
    /// What was done, in one sentence.
    pub about: String,
    /// Which folder it is in.
    pub expect: Expect,
    /// The verdict, to the word.
    pub verdict: Verdict,
    /// In a refuse-vector, the check that fails or, if the verdict is `undecided`, is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<CheckId>,
    /// Checks that do not pass either, though they do not rest on the first: the one mutation reaches them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<CheckId>,
    /// Name of the base.
    pub base: String,
    /// What replaces the base's inputs, member by member; of `report` its members, of which `null` removes one.
    pub inputs: Map<String, Value>,
}

/// [`Outcome`], read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Verdict {
    Trusted,
    TrustedThen,
    Refuted,
    Undecided,
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Trusted => Self::Trusted,
            Outcome::TrustedThen => Self::TrustedThen,
            Outcome::Refuted => Self::Refuted,
            Outcome::Undecided => Self::Undecided,
        }
    }
}

impl Inputs {
    fn members(&self) -> Map<String, Value> {
        let Ok(Value::Object(members)) = serde_json::to_value(self) else {
            unreachable!("a struct is an object")
        };
        members
    }

    /// What turns these inputs into `other`.
    pub fn difference(&self, other: &Self) -> Map<String, Value> {
        let mut difference = Map::new();
        let before = self.members();
        for (name, value) in other.members().into_iter().filter(|(name, value)| before[name] != *value) {
            let value = if name == "report" { report_difference(&self.report, &other.report) } else { value };
            difference.insert(name, value);
        }
        difference
    }

    /// These inputs with what a vector replaces.
    ///
    /// # Errors
    /// If a member is unknown or of another kind.
    pub fn with(&self, difference: &Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut members = self.members();
        for (name, value) in difference {
            match (name.as_str(), members.get_mut("report"), value) {
                ("report", Some(Value::Object(report)), Value::Object(changes)) => {
                    for (member, value) in changes {
                        match value {
                            Value::Null => drop(report.remove(member)),
                            value => drop(report.insert(member.clone(), value.clone())),
                        }
                    }
                }
                _ => drop(members.insert(name.clone(), value.clone())),
            }
        }
        serde_json::from_value(Value::Object(members))
    }
}

fn report_difference(before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Value {
    let gone =
        before.keys().filter(|name| !after.contains_key(*name)).map(|name| (name.clone(), Value::Null));
    let new = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    gone.chain(new.map(|(name, value)| (name.clone(), value.clone()))).collect()
}

/// The text of a file: members in the order of their names or of their type, whatever `serde_json` is built with.
pub fn text(value: &impl Serialize) -> String {
    let mut value = serde_json::to_value(value).expect("plain data");
    value.sort_all_objects();
    serde_json::to_string_pretty(&value).expect("plain data") + "\n"
}
