use super::*;

fn refused(policy: &str) -> String {
    let (driver, vbios) = ("570.172.08".to_owned(), "96.00.D0.00.03".to_owned());
    let identity = Identity { chip: "GH100".into(), driver, vbios };
    objection(&identity, &toml::from_str(policy).unwrap()).unwrap_or_default()
}

#[test]
fn each_demand_is_met_or_named() {
    for (policy, reason) in [
        ("", ""),
        ("architectures = ['HOPPER']", ""),
        ("architectures = ['BLACKWELL', 'HOPPER']", ""),
        ("architectures = ['BLACKWELL']", "the policy does not accept the chip GH100"),
        ("min_driver = '570.172.08'", ""),
        ("min_driver = '570.172.9'", "driver 570.172.08 is older than the policy's minimum"),
        ("drivers = ['1', '570.172.8']", ""),
        ("drivers = ['1']", "driver 570.172.08 is not one of the policy's"),
        ("min_driver = '570'\ndrivers = ['1']", "driver 570.172.08 is not one of the policy's"),
        ("min_vbios = '96.00.CF'", ""),
        ("min_vbios = '96.00.D1'", "VBIOS 96.00.D0.00.03 is older than the policy's minimum"),
        ("vbioses = ['96.00.d0.0.3']", ""),
        ("vbioses = ['1']", "VBIOS 96.00.D0.00.03 is not one of the policy's"),
        ("drivers = ['570.172.8']\nvbioses = ['1']", "VBIOS 96.00.D0.00.03 is not one of the policy's"),
    ] {
        assert_eq!(refused(policy), reason, "{policy}");
    }
}

#[test]
fn a_version_that_is_none_meets_no_demand() {
    let least = "1".parse::<Version<10>>().unwrap();
    assert_eq!(against::<10>("driver", "?", None, &[]), None);
    let reason = Some("the driver's version ? is not legible".to_owned());
    assert_eq!(against("driver", "?", Some(&least), &[]), reason);
    assert_eq!(against("driver", "?", None, &[least]), reason);
}
