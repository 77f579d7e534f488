//! Which code may run in the TD.

use super::{Lint, Severity};
use crate::{
    CheckId, Policy, Roots,
    policy::{Hex, ReferenceSet, Register},
};

pub(super) fn look(policy: &Policy, found: &mut Vec<Lint>) {
    if !policy.requires(CheckId::TdxMeasurements) {
        found.push(any_code(policy));
    } else if policy.measurements.is_empty() {
        found.push(Lint {
            id: "measurements.none",
            severity: Severity::Note,
            what: "it requires tdx.measurements and has no reference values".into(),
            gain: "none: every report is undecided until you give some",
            instead: "`--reference FILE`, or [[measurements]] in the policy; `jurat policy reference` makes a set",
        });
    }
    policy.measurements.iter().for_each(|set| alone(set, found));
    for (at, set) in policy.measurements.iter().enumerate() {
        policy.measurements.iter().take(at).for_each(|earlier| together(earlier, set, found));
    }
}

fn any_code(policy: &Policy) -> Lint {
    let severity = match policy.roots {
        Roots::Production => Severity::Error,
        // believes everybody anyway, and says so
        Roots::Simulated => Severity::Note,
    };
    Lint {
        id: "measurements.not-required",
        severity,
        what: "it does not require tdx.measurements".into(),
        gain: "whoever rents such a machine runs a program of his own in it that signs whatever he likes: genuine hardware, any code",
        instead: "\"tdx.measurements\" in required, and reference values ([[measurements]] or --reference FILE)",
    }
}

fn alone(set: &ReferenceSet, found: &mut Vec<Lint>) {
    let name = &set.name;
    if set.rtmr3.is_none() && set.compose_hash.is_none() {
        found.push(Lint {
            id: "measurements.application",
            severity: Severity::Warning,
            what: format!("reference set `{name}` pins neither rtmr3 nor compose_hash"),
            gain: "on dstack that is the operating system alone: any application on it is accepted. MRCONFIGID does not help, the host names it",
            instead: "compose_hash on dstack; elsewhere rtmr3, which is zero where the running system measures nothing",
        });
    }
    let unmeasured: Vec<_> =
        [("mrtd", set.mrtd), ("rtmr0", set.rtmr0), ("rtmr1", set.rtmr1), ("rtmr2", set.rtmr2)]
            .into_iter()
            .filter(|(_, value)| *value == Some(Register::new([0; 48])))
            .map(|(member, _)| member)
            .collect();
    if !unmeasured.is_empty() {
        found.push(Lint {
            id: "measurements.unmeasured",
            severity: Severity::Warning,
            what: format!("reference set `{name}` pins {} to zero", unmeasured.join(", ")),
            gain: "a register is zero if nothing was measured into it: what it should tell apart is all accepted",
            instead: "values of a boot that measures firmware, kernel and command line",
        });
    }
    let never = |why: &str| Lint {
        id: "measurements.never-met",
        severity: Severity::Error,
        what: format!("reference set `{name}` can't be met: {why}"),
        gain: "none; but the software that it stands for is never accepted",
        instead: "values that one report showed together (`jurat policy reference`)",
    };
    if let (Some(config), Some(compose)) = (&set.mrconfigid, &set.compose_hash) {
        let [form, named @ ..] = config.as_bytes();
        let empty = *config == Register::new([0; 48]);
        if !empty && (*form != 1 || !named.starts_with(compose.as_bytes())) {
            found.push(never("mrconfigid names another compose file than compose_hash"));
        }
    }
    if let Some(attributes) = &set.td_attributes {
        let bits = u64::from_le_bytes(*attributes.as_bytes());
        if bits & jurat_proto::TD_ATTRIBUTE_SEPT_VE_DISABLE == 0 || bits & 0xff != 0 {
            found.push(never("tdx.debug refuses its td_attributes; the first byte has bits 0 to 7"));
        }
    }
    if set.mrsignerseam.is_some_and(|signer| signer != Hex::new([0; 48])) {
        found.push(never("tdx.debug refuses a TDX module that is not Intel's, whose mrsignerseam is zero"));
    }
}

fn together(one: &ReferenceSet, other: &ReferenceSet, found: &mut Vec<Lint>) {
    let (wider, narrower) = match (one.differences(other).is_empty(), other.differences(one).is_empty()) {
        (false, false) => return,
        (true, true) => {
            found.push(Lint {
                id: "measurements.twice",
                severity: Severity::Warning,
                what: format!("reference sets `{}` and `{}` are the same", one.name, other.name),
                gain: "none; but one of them may have been meant to be another",
                instead: "each set once",
            });
            return;
        }
        (true, false) => (one, other),
        (false, true) => (other, one),
    };
    found.push(Lint {
        id: "measurements.wider",
        severity: Severity::Warning,
        what: format!("reference set `{}` accepts all that `{}` does, and more", wider.name, narrower.name),
        gain: "what the narrower set pins in addition is accepted with any other value",
        instead: "only the narrower set",
    });
}
