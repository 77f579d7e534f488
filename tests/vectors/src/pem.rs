//! Chains of certificates as text and as DER.

use base64::{Engine as _, engine::general_purpose::STANDARD};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of a PEM text, in their order.
pub(crate) fn certificates(pem: &str) -> Vec<Vec<u8>> {
    let bodies = pem.split(BEGIN).skip(1).map(|part| part.split(END).next().unwrap_or_default());
    bodies
        .map(|body| {
            STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).expect("minted as PEM")
        })
        .collect()
}

/// A PEM text of certificates.
pub(crate) fn text(certificates: &[Vec<u8>]) -> String {
    let lines = |der: &Vec<u8>| {
        let body = STANDARD.encode(der);
        let lines: Vec<_> =
            body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"))
    };
    certificates.iter().map(lines).collect()
}

/// Edits one certificate of a chain, in DER.
pub(crate) fn edit(pem: &mut String, at: usize, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut chain = certificates(pem);
    edit(&mut chain[at]);
    *pem = text(&chain);
}
