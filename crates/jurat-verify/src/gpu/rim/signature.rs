//! The signature inside a manifest: XML Signature (W3C), enveloped, with the one set of algorithms that
//! NVIDIA uses. Any other, and any other arrangement, is refused.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::{Digest, UnixSeconds};
use p384::ecdsa::{Signature, signature::Verifier};
use sha2::{Digest as _, Sha384};

use super::{
    RimError, c14n,
    xml::{Element, Node},
};
use crate::gpu::certificates::{self, Chain};

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const C14N_1_1: &str = "http://www.w3.org/2006/12/xml-c14n11";
const ECDSA_SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
const SHA384: &str = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Verifies the document's one signature, which is over all of it, and its signer's chain.
pub(super) fn verify(root: &Element<'_>, root_spki: &Digest, now: UnixSeconds) -> Result<Chain, RimError> {
    let count = count(root);
    let signature = root.children().find(|child| child.name.is(DSIG, "Signature"));
    let (1, Some(signature)) = (count, signature) else { return Err(RimError::Signatures(count)) };
    let [signed, value, keys] = members(signature, ["SignedInfo", "SignatureValue", "KeyInfo"])?;

    let digest = digest(signed)?;
    if Sha384::digest(c14n::document(root, signature)).as_slice() != digest {
        return Err(RimError::Edited);
    }
    let chain = certificates::verify_der(&certificates(keys)?, root_spki, now).map_err(RimError::Signer)?;
    let value = Signature::from_slice(&base64(value)?).map_err(|_| RimError::Signature)?;
    let canonical = c14n::apart(&[root, signature], signed);
    chain.key.verify(canonical.as_bytes(), &value).map_err(|_| RimError::Signature)?;
    Ok(chain)
}

/// Signatures anywhere: one more, wherever it stands, could be the one that somebody else verifies.
fn count(element: &Element<'_>) -> usize {
    let own = usize::from(element.name.is(DSIG, "Signature"));
    own + element.children().map(count).sum::<usize>()
}

/// The digest that `SignedInfo` gives of the document.
fn digest(signed: &Element<'_>) -> Result<Vec<u8>, RimError> {
    let [canonicalisation, method, reference] =
        members(signed, ["CanonicalizationMethod", "SignatureMethod", "Reference"])?;
    algorithm(canonicalisation, C14N_1_1)?;
    algorithm(method, ECDSA_SHA384)?;
    // the whole document: anything else would leave a part of it to whoever comes along
    if reference.attribute("URI") != Some("") || reference.attributes.len() != 1 {
        return Err(RimError::Shape("its signature is over something else than the document"));
    }
    let [transforms, method, value] = bare_members(reference, ["Transforms", "DigestMethod", "DigestValue"])?;
    let [first, second] = members(transforms, ["Transform", "Transform"])?;
    algorithm(first, ENVELOPED)?;
    algorithm(second, C14N_1_1)?;
    algorithm(method, SHA384)?;
    base64(value)
}

/// The signer's certificates, the signer's own first.
fn certificates(keys: &Element<'_>) -> Result<Vec<Vec<u8>>, RimError> {
    let [data] = members(keys, ["X509Data"])?;
    spaced(data)?;
    let mut chain = Vec::new();
    for child in data.children() {
        if !child.name.is(DSIG, "X509Certificate") {
            return Err(RimError::Shape("its signature names keys in other ways than by certificates"));
        }
        chain.push(base64(child)?);
    }
    Ok(chain)
}

/// The elements inside, which must be just these, and without attributes of their parent.
fn members<'e, 'a, const N: usize>(
    element: &'e Element<'a>,
    names: [&str; N],
) -> Result<[&'e Element<'a>; N], RimError> {
    if !element.attributes.is_empty() {
        return Err(RimError::Shape("its signature has attributes that jurat does not know"));
    }
    bare_members(element, names)
}

fn bare_members<'e, 'a, const N: usize>(
    element: &'e Element<'a>,
    names: [&str; N],
) -> Result<[&'e Element<'a>; N], RimError> {
    let other = RimError::Shape("its signature has members that jurat does not know");
    spaced(element)?;
    let children: Vec<_> = element.children().collect();
    let children: [_; N] = children.try_into().map_err(|_| other.clone())?;
    let same = children.iter().zip(names).all(|(child, name)| child.name.is(DSIG, name));
    if same { Ok(children) } else { Err(other) }
}

/// Between its elements there is white space alone.
fn spaced(element: &Element<'_>) -> Result<(), RimError> {
    let blank = element.content.iter().all(|node| match node {
        Node::Text(text) => text.trim_ascii().is_empty(),
        Node::Element(_) => true,
    });
    if blank { Ok(()) } else { Err(RimError::Shape("its signature has text between its members")) }
}

fn algorithm(element: &Element<'_>, wanted: &'static str) -> Result<(), RimError> {
    let only = element.attributes.len() == 1 && element.content.is_empty();
    if only && element.attribute("Algorithm") == Some(wanted) {
        Ok(())
    } else {
        Err(RimError::Algorithm(wanted))
    }
}

fn base64(element: &Element<'_>) -> Result<Vec<u8>, RimError> {
    let text = element.text().filter(|_| element.attributes.is_empty());
    let text = text.ok_or(RimError::Shape("its signature has a value that is no text"))?;
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).map_err(|_| RimError::Shape("its signature has a value that is not base64"))
}
