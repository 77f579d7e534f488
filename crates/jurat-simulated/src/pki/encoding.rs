//! DER of the two vendors' own extensions, which no crate has types for.

use der::{
    Encode, Tag,
    asn1::{AnyRef, ObjectIdentifier},
};

/// `SEQUENCE` of members that are DER already.
pub(crate) fn sequence(members: &[Vec<u8>]) -> der::Result<Vec<u8>> {
    tagged(Tag::Sequence, &members.concat())
}

/// `SEQUENCE { id, value }`, the pair that Intel's extension is made of.
pub(crate) fn pair(id: ObjectIdentifier, value: Vec<u8>) -> der::Result<Vec<u8>> {
    sequence(&[id.to_der()?, value])
}

/// A value of some tag.
pub(crate) fn tagged(tag: Tag, value: &[u8]) -> der::Result<Vec<u8>> {
    AnyRef::new(tag, value)?.to_der()
}
