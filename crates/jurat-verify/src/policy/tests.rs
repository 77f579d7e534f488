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
