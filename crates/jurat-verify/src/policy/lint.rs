//! What is unwise about a policy that is otherwise sound.
//!
//! An *error* is what lets somebody be trusted who broke nothing, or what keeps anybody from ever being trusted; a
//! *warning* is a weakness that the same policy could do without; a *note* is worth knowing.

use serde::Serialize;

use super::Policy;

mod accepted;
mod measurements;
mod required;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Who broke nothing can be trusted, or nobody can.
    Error,
    /// Weaker than it could be.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The JSON form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is unwise. `docs/verify.md` lists all of them by their ids, which are stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// Its name.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What the policy says or leaves out.
    pub what: String,
    /// What an attacker gains by it.
    pub gain: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

/// Every remark on the policy, the worst first.
pub(super) fn of(policy: &Policy) -> Vec<Lint> {
    let mut found = Vec::new();
    accepted::look(policy, &mut found);
    required::look(policy, &mut found);
    measurements::look(policy, &mut found);
    found.sort_by_key(|lint: &Lint| lint.severity);
    found
}

#[cfg(test)]
mod tests;
