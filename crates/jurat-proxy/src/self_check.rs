//! What the process's own judge makes of its reports, as readiness shows it.

use serde_json::{Value, json};

/// The judge's last word on the process's own report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SelfCheck {
    /// It has not spoken yet.
    #[default]
    Pending,
    /// It found nothing wrong.
    Passed {
        /// Names of the required checks that were not made for want of collateral. None: the report is trusted.
        skipped: Vec<&'static str>,
    },
    /// It refuses the report, or there was none.
    Failed {
        /// In words, for the operator.
        why: String,
    },
}

impl SelfCheck {
    /// Whether the process may call itself ready.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Passed { .. })
    }

    /// As `/readyz` prints it: `kind` is `offline` where checks were left out, and `skipped` names them.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Pending => json!({ "result": "pending" }),
            Self::Passed { skipped } if skipped.is_empty() => json!({ "result": "passed", "kind": "full" }),
            Self::Passed { skipped } => json!({ "result": "passed", "kind": "offline", "skipped": skipped }),
            Self::Failed { why } => json!({ "result": "failed", "why": why }),
        }
    }
}

#[cfg(test)]
mod tests;
