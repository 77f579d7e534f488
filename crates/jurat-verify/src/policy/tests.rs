use super::*;

#[test]
fn every_built_in_policy_is_sound_and_bears_its_name() {
    for name in Policy::NAMES {
        let policy = Policy::named(name).unwrap();
        assert_eq!(policy.name, name);
        assert_eq!(Policy::parse(&policy.to_toml()).unwrap(), policy);
        assert_eq!(policy.roots == Roots::Simulated, name == "simulated");
    }
    assert!(Policy::named("Production").is_none());
    assert_eq!(Policy::named("production").unwrap().bindings, [Binding::JuratV1]);
}

fn edited(from: &str, to: &str) -> Result<Policy, PolicyError> {
    let text = BUILT_IN[0].replace(from, to);
    assert_ne!(text, BUILT_IN[0], "{from} is not in the policy");
    Policy::parse(&text)
}

#[test]
fn unsound_policies_are_refused() {
    assert_eq!(edited("\"tdx.quote\",", ""), Err(PolicyError::Unfounded(CheckId::TdxQuote)));
    assert_eq!(edited("\"tdx.debug\",", ""), Err(PolicyError::Unfounded(CheckId::TdxDebug)));
    assert_eq!(edited("\"bind.address\",", ""), Err(PolicyError::Unfounded(CheckId::BindAddress)));
    assert_eq!(
        edited("\"tdx.quote\",", "\"tdx.quote\", \"receipt.end\","),
        Err(PolicyError::AboutReceipts(CheckId::ReceiptEnd))
    );
    assert_eq!(edited("[\"UpToDate\"]", "[\"UpToDate\", \"Revoked\"]"), Err(PolicyError::AcceptsRevoked));
    assert_eq!(edited("[\"UpToDate\"]", "[]"), Err(PolicyError::Empty("TCB status")));
    assert_eq!(edited("[\"jurat-v1\"]", "[]"), Err(PolicyError::Empty("binding")));
    for (from, to) in [
        ("\"jurat-v1\"", "\"jurat-v0\""),
        ("\"tdx.quote\"", "\"tdx.qoute\""),
        ("\"UpToDate\"", "\"uptodate\""),
        ("roots = \"production\"", "roots = \"both\""),
        ("roots = \"production\"", "roots = \"production\"\nroot = \"x\""),
    ] {
        assert!(matches!(edited(from, to), Err(PolicyError::Syntax(_))), "{from} -> {to}");
    }
}

const SET: &str = r#"
[[measurements]]
name = "image"
mrtd = "M"
rtmr0 = "M"
rtmr1 = "M"
rtmr2 = "M"
"#;

fn set() -> String {
    SET.replace('M', &"5a".repeat(48))
}

fn production_with(text: &str) -> Result<Policy, PolicyError> {
    Policy::parse(&format!("{}\n{text}", BUILT_IN[0]))
}

#[test]
fn reference_sets_pin_what_tells_code_apart() {
    let policy = production_with(&set()).unwrap();
    assert_eq!(policy.measurements[0].mrtd.unwrap().as_bytes(), &[0x5a; 48]);
    assert_eq!(Policy::parse(&policy.to_toml()).unwrap(), policy);
    assert_eq!(serde_json::from_str::<Policy>(&policy.to_json()).unwrap(), policy);
    for lacks in ["mrtd", "rtmr0", "rtmr1", "rtmr2"] {
        let without: String =
            set().lines().filter(|line| !line.starts_with(lacks)).map(|line| format!("{line}\n")).collect();
        let refused = PolicyError::Underpinned { set: "image".into(), lacks };
        assert_eq!(production_with(&without), Err(refused.clone()));
        assert_eq!(ReferenceValues::parse(&without), Err(refused));
    }
    let runtime_alone = set()
        .replace("mrtd", "rtmr3")
        .lines()
        .filter(|line| !line.starts_with("rtmr0"))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(matches!(production_with(&runtime_alone), Err(PolicyError::Underpinned { .. })));
    assert_eq!(production_with(&set().repeat(2)), Err(PolicyError::SetTwice("image".into())));
    assert_eq!(
        production_with(&set().replace("image", " ")),
        Err(PolicyError::Empty("reference set's name"))
    );
    for (from, to) in [("mrtd", "mr_td"), ("\"5a", "\"5"), ("\"5a", "\"5g"), ("name", "title")] {
        assert!(
            matches!(production_with(&set().replacen(from, to, 1)), Err(PolicyError::Syntax(_))),
            "{from} -> {to}"
        );
    }
}

#[test]
fn reference_values_are_taken_in() {
    let values = ReferenceValues::parse(&set()).unwrap();
    assert_eq!(ReferenceValues::parse(&values.to_toml()).unwrap(), values);
    let mut policy = Policy::named("permissive").unwrap();
    assert!(!policy.requires(CheckId::TdxMeasurements));
    policy.refer_to(values.clone()).unwrap();
    assert!(policy.requires(CheckId::TdxMeasurements), "what is pinned is compared");
    assert_eq!(policy.refer_to(values), Err(PolicyError::SetTwice("image".into())));
    assert_eq!(ReferenceValues::parse("measurements = []"), Err(PolicyError::Empty("reference set")));
    assert!(matches!(ReferenceValues::parse(BUILT_IN[0]), Err(PolicyError::References(_))));
    let policy = production_with(&set()).unwrap().of_any_code();
    assert!(policy.measurements.is_empty() && !policy.requires(CheckId::TdxMeasurements));
}

/// The one real file of reference values in the project: of the simulated TEE.
#[test]
fn the_published_reference_values_are_legible() {
    let published = include_str!("../../../../attestation/reference/simulated.toml");
    let values = ReferenceValues::parse(published).unwrap();
    assert_eq!(values.measurements.len(), 1);
    assert_eq!(values.measurements[0].name, "simulated");
}

#[test]
fn what_a_policy_pins_it_requires() {
    let pinned = |line: &str| {
        let text = BUILT_IN[1].replace("tcb_statuses", &format!("{line}\ntcb_statuses"));
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(Policy::parse(&policy.to_toml()).unwrap(), policy);
        let added: Vec<_> = policy.demands().filter(|id| !policy.required.contains(id)).collect();
        added
    };
    assert_eq!(pinned(""), []);
    assert_eq!(pinned(&format!("platforms = [\"{}\"]", "0a".repeat(16))), [CheckId::TdxPlatform]);
    assert_eq!(pinned(&format!("models = [\"{}\"]", "0a".repeat(32))), [CheckId::BindModel]);
    assert_eq!(pinned(&format!("signers = [\"0x{}\"]", "0a".repeat(20))), [CheckId::BindSigner]);
    assert_eq!(pinned("manifest_sources = [\"none\", \"at_start\"]"), [CheckId::BindClaims]);
    assert_eq!(pinned("manifest_sources = [\"none\", \"at_start\", \"cached\"]"), [], "it leaves none out");
    let mut gpu = Policy::parse(BUILT_IN[1]).unwrap();
    gpu.gpu.architectures.push(gpu::Architecture::Hopper);
    assert!(gpu.requires(CheckId::GpuVersions));
    for line in ["platforms = [\"0a\"]", "models = [\"0a\"]", "signers = [\"0a\"]", "signers = \"\""] {
        let text = BUILT_IN[1].replace("tcb_statuses", &format!("{line}\ntcb_statuses"));
        assert!(matches!(Policy::parse(&text), Err(PolicyError::Syntax(_))), "{line}");
    }
}
