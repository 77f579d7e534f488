use super::*;

#[test]
fn versions_are_written_as_nvidia_does() {
    assert_eq!(vbios(&[0x00, 0xcf, 0x00, 0x96, 0x02, 0, 0, 0]).unwrap(), "96.00.CF.00.02");
    assert_eq!(vbios(&[0; 7]), None);
    assert_eq!(text(b"570.172.08\0").unwrap(), "570.172.08");
    for wrong in [&b""[..], b"\0", b"570 172\0", b"570\0\0x", b"\xff"] {
        assert_eq!(text(wrong), None, "{wrong:?}");
    }
}
