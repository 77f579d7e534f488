use super::*;

fn driver(text: &str) -> DriverVersion {
    text.parse().unwrap()
}

#[test]
fn versions_are_compared_by_number() {
    assert_eq!(driver("570.86.10").age(&driver("570.172.08")), Ordering::Less);
    assert_eq!(driver("570.172.08").age(&driver("570.172.8")), Ordering::Equal);
    assert_eq!(driver("570.172").age(&driver("570.172.08")), Ordering::Less);
    let vbios = |text: &str| text.parse::<VbiosVersion>().unwrap();
    assert_eq!(vbios("96.00.D0.00.03").age(&vbios("96.00.cf.00.04")), Ordering::Greater);
}

#[test]
fn what_is_no_version_is_refused() {
    for text in
        ["", ".", "570.", "570..1", "+570", "570.D0", "570.172.08-beta", "1.1.1.1.1.1.1.1.1", "1234567"]
    {
        assert_eq!(text.parse::<DriverVersion>(), Err(NotAVersion(text.into())));
    }
    assert!("96.00.G0".parse::<VbiosVersion>().is_err());
}

#[test]
fn the_toml_form_reads_back() {
    let text = "min_driver = \"550.90.07\"\ndrivers = [\"570.172.08\"]\nmin_vbios = \"96.00.9F.00.01\"\n\
                vbioses = [\"96.00.D0.00.03\"]\narchitectures = [\"HOPPER\", \"BLACKWELL\"]\n";
    let policy: GpuPolicy = toml::from_str(text).unwrap();
    assert!(!policy.is_empty());
    assert_eq!(toml::from_str::<GpuPolicy>(&toml::to_string(&policy).unwrap()).unwrap(), policy);
    assert!(toml::from_str::<GpuPolicy>("").unwrap().is_empty());
    for wrong in
        ["min_drvier = \"1\"", "architectures = [\"VOLTA\"]", "min_driver = 550", "vbioses = [\"x\"]"]
    {
        assert!(toml::from_str::<GpuPolicy>(wrong).is_err(), "{wrong}");
    }
}
