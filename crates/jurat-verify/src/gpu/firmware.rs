//! `gpu.firmware`: the firmware that a report names is the one that its attestation key was certified for.
//!
//! The boot ROM derives the key from the firmware's digest and writes that digest into the leaf, so a key of
//! one firmware cannot vouch for another.

use der::{
    Decode, Reader, SliceReader, Tag, TagNumber,
    asn1::{ObjectIdentifier, OctetStringRef},
};
use x509_cert::Certificate;

use super::spdm::{SpdmReport, tag};

/// TCG's extension of Hopper's leaf: its last 48 bytes are the digest.
const FWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.1");
/// TCG's DiceTcbInfo, in the leaf from Blackwell on.
const TCB_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.1.1");
const SHA384: usize = 48;

/// What a leaf and a report say of each other's firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Firmware {
    /// The same.
    Same,
    /// Different digests, or the leaf has none.
    Other,
    /// The report names none, as from drivers before 550.
    Unnamed,
}

/// Compares the report's firmware digest with the leaf's.
pub(crate) fn compare(report: &SpdmReport<'_>, leaf: &Certificate) -> Firmware {
    let Some(named) = report.opaque(tag::FIRMWARE_ID) else { return Firmware::Unnamed };
    let certified = leaf.tbs_certificate().extensions().into_iter().flatten().any(|extension| {
        let value = extension.extn_value.as_bytes();
        match extension.extn_id {
            FWID => value.len() > SHA384 && value.ends_with(named),
            TCB_INFO => tcb_info_names(value, named).unwrap_or(false),
            _ => false,
        }
    });
    if named.len() == SHA384 && certified { Firmware::Same } else { Firmware::Other }
}

/// Whether DiceTcbInfo's `fwids [6]`, a list of (algorithm, digest), has the digest.
fn tcb_info_names(value: &[u8], named: &[u8]) -> Result<bool, der::Error> {
    let fwids = Tag::ContextSpecific { constructed: true, number: TagNumber(6) };
    SliceReader::new(value)?.sequence(|members| {
        let mut found = false;
        while !members.is_finished() {
            let member = der::asn1::AnyRef::decode(members)?;
            if der::Tagged::tag(&member) != fwids {
                continue;
            }
            let mut list = SliceReader::new(member.value())?;
            while !list.is_finished() {
                found |= list.sequence(|fwid| {
                    fwid.decode::<ObjectIdentifier>()?;
                    let digest = fwid.decode::<&OctetStringRef>()?;
                    Ok::<_, der::Error>(digest.as_bytes() == named)
                })?;
            }
        }
        Ok(found)
    })
}

#[cfg(test)]
mod tests;
