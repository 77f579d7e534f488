use super::*;

#[test]
fn every_number_of_intels_has_its_name_and_no_other() {
    let names: Vec<_> = (0..=0xc).map(|number| Code(number).name().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("TDX_ATTEST_")));
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), 13);
    assert_eq!(Code(9).to_string(), "TDX_ATTEST_ERROR_BUSY");
    assert_eq!(format!("{:?}", Code(0xa)), "TDX_ATTEST_ERROR_DEVICE_FAILURE");
    assert_eq!((Code(0xd).name(), Code(0xd).to_string()), (None, "the unknown code 0xd".to_owned()));
    assert_eq!(Code(u32::MAX).to_string(), "the unknown code 0xffffffff");
}
