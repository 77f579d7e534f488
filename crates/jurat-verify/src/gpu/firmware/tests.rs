use super::*;

/// DER of one value, below 256 bytes.
fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let length = if length < 0x80 { vec![length] } else { vec![0x81, length] };
    [vec![tag], length, value.to_vec()].concat()
}

/// One entry of `fwids`: SHA-384's name and a digest.
fn fwid(digest: &[u8]) -> Vec<u8> {
    let sha384 = tlv(0x06, &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02]);
    tlv(0x30, &[sha384, tlv(0x04, digest)].concat())
}

/// Blackwell's form: the digest may stand anywhere in the list, and nowhere else.
#[test]
fn a_digest_counts_among_the_firmware_ids_alone() {
    let (own, other) = ([7; SHA384], [8; SHA384]);
    let info = |tag, digests: &[&[u8]]| {
        let list: Vec<u8> = digests.iter().flat_map(|digest| fwid(digest)).collect();
        tlv(0x30, &[tlv(0x80, b"vendor"), tlv(tag, &list), tlv(0x87, &[0, 1])].concat())
    };
    let fwids = 0xa6;
    assert_eq!(tcb_info_names(&info(fwids, &[&own]), &own), Ok(true));
    assert_eq!(tcb_info_names(&info(fwids, &[&other, &own]), &own), Ok(true));
    assert_eq!(tcb_info_names(&info(fwids, &[&own, &other]), &own), Ok(true));
    assert_eq!(tcb_info_names(&info(fwids, &[&other]), &own), Ok(false));
    assert_eq!(tcb_info_names(&info(fwids, &[]), &own), Ok(false));
    assert_eq!(tcb_info_names(&info(0xa5, &[&own]), &own), Ok(false), "another member");
    assert!(tcb_info_names(&tlv(0x30, &tlv(fwids, &own)), &own).is_err(), "no list");
    assert!(tcb_info_names(&own, &own).is_err(), "no DER");
}
