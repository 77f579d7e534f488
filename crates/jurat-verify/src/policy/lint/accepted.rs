//! What the policy accepts, and whom it does not name.

use jurat_proto::{Binding, ManifestSource};

use super::{Lint, Severity};
use crate::{Policy, Roots, TcbStatus};

pub(super) fn look(policy: &Policy, found: &mut Vec<Lint>) {
    if policy.roots == Roots::Simulated {
        found.push(Lint {
            id: "roots.simulated",
            severity: Severity::Error,
            what: "it believes the simulated roots".into(),
            gain: "their private keys are public files: anyone makes a report that is trusted, on any machine",
            instead: "roots = \"production\"; keep this policy for laptops and tests",
        });
    }
    bindings(policy, found);
    platform(policy, found);
    if policy.manifest_sources.contains(&ManifestSource::Cached) {
        found.push(Lint {
            id: "manifest.cached",
            severity: Severity::Warning,
            what: "it accepts model digests that were made at an earlier start (`cached`)".into(),
            gain: "they rest on a disk that the host may control: it can serve another model under the digest of this one",
            instead: "manifest_sources = [\"none\", \"at_start\"]",
        });
    }
    if policy.models.is_empty() {
        found.push(Lint {
            id: "models.none",
            severity: Severity::Note,
            what: "it names no models".into(),
            gain: "a provider may serve any model by any name",
            instead: "models = [\"<claims.model.sha256 of the model that you expect>\"]",
        });
    }
    if !policy.signers.is_empty() {
        found.push(Lint {
            id: "signers.pinned",
            severity: Severity::Note,
            what: "it pins signers".into(),
            gain: "none; but a fresh key is drawn at every start, so a restart is refused unless the key is derived (`key = \"dstack\"`)",
            instead: "pin signers for continuity within one run, and let measurements say what may run",
        });
    }
}

fn bindings(policy: &Policy, found: &mut Vec<Lint>) {
    let fields = |binding: &Binding| *binding != Binding::JuratV1;
    if policy.bindings.iter().any(fields) {
        found.push(Lint {
            id: "bindings.dstack",
            severity: Severity::Warning,
            what: "it accepts dstack-v1 or dstack-v2".into(),
            gain: "the quote does not commit to the GPU evidence: a host shows a GPU of another machine beside its own TD; nor to any claims",
            instead: "bindings = [\"jurat-v1\"]",
        });
    }
    let jurat = policy.bindings.iter().position(|binding| *binding == Binding::JuratV1);
    if jurat.is_some_and(|at| at > 0) {
        found.push(Lint {
            id: "bindings.order",
            severity: Severity::Warning,
            what: "it prefers another binding to jurat-v1, which it accepts".into(),
            gain: "reports are asked for under the weaker binding of those that the service has",
            instead: "name jurat-v1 first",
        });
    }
}

fn platform(policy: &Policy, found: &mut Vec<Lint>) {
    let accepts = |statuses: &[TcbStatus]| {
        let accepted = policy.tcb_statuses.iter().filter(|status| statuses.contains(status));
        accepted.map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let behind = accepts(&[
        TcbStatus::OutOfDate,
        TcbStatus::OutOfDateConfigurationNeeded,
        TcbStatus::TDRelaunchAdvised,
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded,
    ]);
    if !behind.is_empty() {
        found.push(Lint {
            id: "tcb.out-of-date",
            severity: Severity::Warning,
            what: format!("it accepts {behind}"),
            gain: "known weaknesses of microcode or TDX module are open on such a platform, published and often with exploits",
            instead: "tcb_statuses = [\"UpToDate\"], or accept it with rejected_advisories for those that matter to you",
        });
    }
    let configured = accepts(&[
        TcbStatus::SWHardeningNeeded,
        TcbStatus::ConfigurationNeeded,
        TcbStatus::ConfigurationAndSWHardeningNeeded,
    ]);
    if !configured.is_empty() {
        found.push(Lint {
            id: "tcb.hardening",
            severity: Severity::Note,
            what: format!("it accepts {configured}"),
            gain: "the platform is safe only with software or settings that nobody here checks",
            instead: "tcb_statuses = [\"UpToDate\"]",
        });
    }
    if policy.rejected_advisories.iter().any(|id| !is_advisory(id)) {
        found.push(Lint {
            id: "tcb.advisories",
            severity: Severity::Warning,
            what: "it rejects an advisory by a name that Intel gives to none".into(),
            gain: "the advisory that was meant is not rejected",
            instead: "advisories as Intel writes them, such as \"INTEL-SA-01036\"",
        });
    }
    if policy.roots == Roots::Production && policy.min_tcb_evaluation_data_number == 0 {
        found.push(Lint {
            id: "tcb.evaluation",
            severity: Severity::Warning,
            what: "it has no min_tcb_evaluation_data_number".into(),
            gain: "collateral from before a recovery stays valid for a month: with it a vulnerable platform looks up to date",
            instead: "min_tcb_evaluation_data_number of the newest collateral that you have seen (`jurat verify` prints it under tdx.tcb)",
        });
    }
    if policy.platforms.is_empty() {
        found.push(Lint {
            id: "platforms.none",
            severity: Severity::Note,
            what: "it names no platforms".into(),
            gain: "who extracts the keys of any one genuine machine in the world speaks for all (TEE.fail), and an identical machine elsewhere may answer",
            instead: "platforms = [\"<PPID>\"] of machines whose place you know (`jurat verify` prints it under tdx.platform)",
        });
    }
}

/// `INTEL-SA-` and five digits.
fn is_advisory(id: &str) -> bool {
    let id = id.to_ascii_uppercase();
    id.strip_prefix("INTEL-SA-")
        .is_some_and(|number| number.len() == 5 && number.bytes().all(|b| b.is_ascii_digit()))
}
