//! What a manifest says: a SWID tag (ISO/IEC 19770-2) with TCG's reference values in it.

use super::{Golden, Rim, RimError, xml::Element};

const SWID: &str = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd";
/// The namespace of the digests' attributes, by which they are SHA-384.
const SHA384: &str = "http://www.w3.org/2001/04/xmlenc#sha384";
/// Digests of one measurement: NVIDIA gives at most four.
const MAX_ALTERNATIVES: usize = 64;

/// Reads a tag whose signature was verified.
pub(super) fn read(root: &Element<'_>) -> Result<Rim, RimError> {
    if !root.name.is(SWID, "SoftwareIdentity") {
        return Err(RimError::Shape("it is not a SWID tag"));
    }
    let meta = only(root, "Meta")?;
    let text = |name| meta.attribute(name).map(str::to_owned).filter(|text| !text.is_empty());
    let (product, version) = (text("product"), text("colloquialVersion"));
    let (Some(product), Some(version)) = (product, version) else {
        return Err(RimError::Shape("it does not say which chip and version it describes"));
    };
    let mut indices = Vec::new();
    let mut golden = Vec::new();
    for resource in only(root, "Payload")?.children() {
        if !resource.name.is(SWID, "Resource") {
            return Err(RimError::Shape("its payload has something else than resources"));
        }
        let (index, found) = measurement(resource)?;
        if indices.contains(&index) {
            return Err(RimError::Shape("it has one measurement twice"));
        }
        indices.push(index);
        golden.extend(found);
    }
    Ok(Rim { product, version, golden })
}

/// The one child of this name.
fn only<'e, 'a>(root: &'e Element<'a>, name: &str) -> Result<&'e Element<'a>, RimError> {
    let mut found = root.children().filter(|child| child.name.is(SWID, name));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(RimError::Shape("it has not exactly one Meta and one Payload")),
    }
}

/// An index, and what must be found there if it is in use.
fn measurement(resource: &Element<'_>) -> Result<(u8, Option<Golden>), RimError> {
    let wrong = RimError::Shape("a measurement is not one of NVIDIA's form");
    let text = |name| resource.attribute(name).ok_or(wrong.clone());
    if text("type")? != "Measurement" || text("size")? != "48" {
        return Err(wrong);
    }
    // parse takes a sign and leading zeroes, which say the same
    let index: u8 = text("index")?.parse().map_err(|_| wrong.clone())?;
    let alternatives: usize = text("alternatives")?.parse().map_err(|_| wrong.clone())?;
    let digests: Vec<_> = resource.attributes.iter().filter(|found| found.name.space == SHA384).collect();
    if !(1..=MAX_ALTERNATIVES).contains(&alternatives) || digests.len() != alternatives {
        return Err(RimError::Shape("a measurement has not as many digests as it says"));
    }
    let digest = |at: usize| {
        let name = format!("Hash{at}");
        let found = digests.iter().find(|found| found.name.local == name)?;
        let mut digest = [0; 48];
        hex::decode_to_slice(found.value.as_bytes(), &mut digest).ok()?;
        Some(digest)
    };
    let digests: Option<Vec<_>> = (0..alternatives).map(digest).collect();
    let alternatives = digests.ok_or(wrong.clone())?;
    match text("active")? {
        "True" => Ok((index, Some(Golden { index, alternatives }))),
        "False" => Ok((index, None)),
        _ => Err(wrong),
    }
}
