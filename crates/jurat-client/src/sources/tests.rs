use super::*;

#[test]
fn vendors_are_asked_where_the_reference_says() {
    let sources = Sources::of(Roots::Production);
    let shown = |service| sources.base(service).map(ToString::to_string);
    assert_eq!(shown(Service::Pcs).as_deref(), Some(Sources::PCS));
    assert_eq!(shown(Service::Rim).as_deref(), Some(Sources::RIM));
    assert_eq!(shown(Service::Ocsp).as_deref(), Some(Sources::OCSP));
    assert_eq!(shown(Service::Nras), None, "it is asked only where that is wished");
    assert!(Sources::NRAS.parse::<BaseUrl>().is_ok());
    assert!(reqwest::Url::parse(Sources::INTEL_ROOT_CRL).is_ok());
    assert_eq!(Sources::of(Roots::Simulated), Sources::default());
}
