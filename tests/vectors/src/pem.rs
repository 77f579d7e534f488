//! Chains of certificates as text and as DER.

use der::pem::{LineEnding, decode_vec, encode_string};

const BEGIN: &str = "-----BEGIN";
const END: &str = "-----END CERTIFICATE-----\n";

/// The certificates of a PEM text, in their order. Behind a quote's stands a NUL.
pub(crate) fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let each = pem.split_inclusive(END).filter(|one| one.contains(BEGIN));
    each.map(|one| decode_vec(one.as_bytes()).expect("minted as PEM").1).collect()
}

/// A PEM text of certificates, or of what an edit made of them.
pub(crate) fn text(certificates: &[Vec<u8>]) -> String {
    let text = |der: &Vec<u8>| encode_string("CERTIFICATE", LineEnding::LF, der).expect("it is not too long");
    certificates.iter().map(text).collect()
}

/// Edits one certificate of a chain, in DER.
pub(crate) fn edit(pem: &mut String, at: usize, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut chain = certificates(pem);
    edit(&mut chain[at]);
    *pem = text(&chain);
}
