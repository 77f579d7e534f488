use proptest::prelude::*;

use super::*;

/// A report in NVIDIA's shape, with the given blocks and opaque members.
pub(in crate::gpu) fn report(blocks: &[u8], opaque: &[(u16, &[u8])]) -> Vec<u8> {
    let record: Vec<u8> = blocks
        .iter()
        .flat_map(|index| [*index, 1, 51, 0, 0, 48, 0].into_iter().chain([*index; 48]))
        .collect();
    with_record(u8::try_from(blocks.len()).unwrap(), &record, opaque)
}

fn with_record(count: u8, record: &[u8], opaque: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0x11, 0xe0, 0x01, 0xff];
    bytes.extend([0xab; 32]);
    bytes.extend([0, 0x11, 0x60, 0, 0, count]);
    bytes.extend(&u32::try_from(record.len()).unwrap().to_le_bytes()[..3]);
    bytes.extend(record);
    bytes.extend([0xcd; 32]);
    let members: Vec<u8> = opaque
        .iter()
        .flat_map(|(tag, value)| {
            let length = u16::try_from(value.len()).unwrap().to_le_bytes();
            tag.to_le_bytes().into_iter().chain(length).chain(value.iter().copied())
        })
        .collect();
    bytes.extend(u16::try_from(members.len()).unwrap().to_le_bytes());
    bytes.extend(members);
    bytes.extend([0xef; 96]);
    bytes
}

#[test]
fn a_report_is_read_member_by_member() {
    let bytes = report(&[1, 2, 64], &[(3, b"570\0"), (21, &[0xaa])]);
    let read = SpdmReport::parse(&bytes).unwrap();
    assert_eq!(read.nonce, [0xab; 32]);
    assert_eq!(read.blocks.iter().map(|block| block.index).collect::<Vec<_>>(), [1, 2, 64]);
    assert_eq!(read.blocks[2].digest, [64; 48]);
    assert_eq!(read.opaque(tag::PROTECTED_PCIE), Some(&[0xaa][..]));
    assert_eq!(read.opaque(tag::FIRMWARE_ID), None);
    assert_eq!((read.signed, read.signature), bytes.split_at(bytes.len() - 96));
}

#[test]
fn every_cut_is_refused() {
    let bytes = report(&[1, 2], &[(3, b"570\0")]);
    for cut in 0..bytes.len() {
        assert!(SpdmReport::parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn one_byte_more_is_tolerated_and_two_are_not() {
    let mut bytes = report(&[1], &[]);
    bytes.push(0);
    assert!(SpdmReport::parse(&bytes).is_ok());
    bytes.push(0);
    assert_eq!(SpdmReport::parse(&bytes), Err(SpdmError::Trailing(2)));
}

#[test]
fn other_shapes_are_refused_by_name() {
    let edited = |at: usize, byte: u8| {
        let mut bytes = report(&[1, 2], &[(3, b"570\0")]);
        bytes[at] = byte;
        SpdmReport::parse(&bytes).map(|_| ()).unwrap_err()
    };
    assert_eq!(edited(0, 0x12), SpdmError::Request);
    assert_eq!(edited(2, 0), SpdmError::Request, "unsigned measurements");
    assert_eq!(edited(3, 1), SpdmError::Request, "a single block");
    assert_eq!(edited(37, 0x12), SpdmError::Response);
    assert_eq!(edited(41, 1), SpdmError::Record, "more blocks than announced");
    assert_eq!(edited(41, 3), SpdmError::Record, "fewer blocks than announced");
    assert_eq!(edited(45 + 1, 0), SpdmError::Block(1), "not DMTF's form");
    assert_eq!(edited(45 + 5, 32), SpdmError::Block(1), "not SHA-384");
    let twice = report(&[7, 7], &[]);
    assert_eq!(SpdmReport::parse(&twice), Err(SpdmError::BlockTwice(7)));
    let twice = report(&[1], &[(21, &[0x55]), (21, &[0xaa])]);
    assert_eq!(SpdmReport::parse(&twice), Err(SpdmError::OpaqueTwice(21)));
}

/// A block of DMTF's form says so, holds a SHA-384, and nothing beside it.
#[test]
fn each_part_of_a_blocks_form_counts() {
    let read = |specification: u8, digest: u8, more: u8| {
        let size = 3 + digest + more;
        let head = [9, specification, size, 0, 0, digest, 0];
        let record = [&head[..], &vec![7; usize::from(digest + more)]].concat();
        SpdmReport::parse(&with_record(1, &record, &[])).map(drop)
    };
    assert_eq!(read(1, 48, 0), Ok(()));
    for (specification, digest, more) in
        [(0, 48, 0), (1, 47, 0), (1, 32, 0), (1, 48, 1), (0, 32, 0), (0, 48, 1), (1, 47, 1), (1, 49, 0)]
    {
        assert_eq!(read(specification, digest, more), Err(SpdmError::Block(9)), "{digest} {more}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = SpdmReport::parse(&bytes);
    }

    /// Hostile edits of a real shape reach deeper than random bytes do.
    #[test]
    fn no_edit_makes_it_panic(edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8)) {
        let mut bytes = report(&[1, 2, 3], &[(3, b"570\0"), (20, &[9; 48])]);
        for (at, byte) in edits {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let _ = SpdmReport::parse(&bytes);
    }
}
