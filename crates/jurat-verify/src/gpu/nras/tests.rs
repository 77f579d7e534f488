use super::*;

#[test]
fn numbers_are_written_in_decimal() {
    assert_eq!(ueid(&[]), "0");
    assert_eq!(ueid(&[0]), "0");
    assert_eq!(ueid(&[1, 0]), "256");
    assert_eq!(ueid(&[0xff; 8]), u64::MAX.to_string());
    assert_eq!(
        ueid(&0x1234_5678_9abc_def0_1122_3344_5566_7788_u128.to_be_bytes()),
        "24197857203266734864716154819477665672"
    );
}
