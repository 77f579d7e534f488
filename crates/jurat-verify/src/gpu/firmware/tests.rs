use der::Decode as _;

use super::*;
use crate::gpu::{
    spdm,
    tests::minted::{Shape, extension, key, tlv},
};

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

#[test]
fn a_leaf_names_its_firmware_in_either_form() {
    let (own, other) = ([7; SHA384], [8; SHA384]);
    let found = |id, value: &[u8], named: Option<&[u8]>| {
        let mut shape = Shape::new("GH100", "issuer", &key(1));
        shape.extensions = vec![extension(id, false, value)];
        let leaf = Certificate::from_der(&shape.sign(&key(2))).unwrap();
        let opaque: Vec<_> = named.into_iter().map(|named| (tag::FIRMWARE_ID, named)).collect();
        let bytes = spdm::tests::report(&[1], &opaque);
        compare(&SpdmReport::parse(&bytes).unwrap(), &leaf)
    };
    let hopper = |digest: &[u8]| [&[0x30, 0x32], digest].concat();
    let blackwell = |digest: &[u8]| tlv(0x30, &tlv(0xa6, &fwid(digest)));
    let unknown = ObjectIdentifier::new_unwrap("2.23.133.5.4.2");
    for (id, value, named, expected) in [
        (FWID, hopper(&own), Some(&own[..]), Firmware::Same),
        (FWID, hopper(&other), Some(&own), Firmware::Other),
        // a digest alone is not the extension, a part of one is no digest
        (FWID, own.to_vec(), Some(&own), Firmware::Other),
        (FWID, own[1..].to_vec(), Some(&own), Firmware::Other),
        (FWID, hopper(&own), Some(&own[1..]), Firmware::Other),
        (FWID, hopper(&own), Some(&[]), Firmware::Other),
        (FWID, hopper(&own), None, Firmware::Unnamed),
        (TCB_INFO, blackwell(&own), Some(&own), Firmware::Same),
        (TCB_INFO, blackwell(&other), Some(&own), Firmware::Other),
        (TCB_INFO, hopper(&own), Some(&own), Firmware::Other),
        (TCB_INFO, blackwell(&own[1..]), Some(&own[1..]), Firmware::Other),
        (unknown, hopper(&own), Some(&own), Firmware::Other),
    ] {
        assert_eq!(found(id, &value, named), expected, "{id} {value:?}");
    }
}
