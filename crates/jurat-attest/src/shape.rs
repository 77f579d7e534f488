//! The outer shape of a device's evidence, a GPU's or a switch's. What is inside is the judge's business.

use jurat_proto::Nonce;

/// Request 37, response header 8, responder's nonce 32, length of opaque data 2, signature 96.
const SHORTEST_REPORT: usize = 37 + 8 + 32 + 2 + 96;
/// SPDM 1.1, GET_MEASUREMENTS, signed, all blocks (DMTF DSP0274).
const REQUEST: [u8; 4] = [0x11, 0xe0, 0x01, 0xff];

/// The PEM chain without what the library leaves behind it: some drivers count trailing NULs in, which strict
/// parsers refuse.
pub(crate) fn chain(bytes: &[u8], longest: usize) -> Result<Vec<u8>, String> {
    let end = bytes.iter().rposition(|byte| *byte != 0 && !byte.is_ascii_whitespace()).map_or(0, |at| at + 1);
    let (pem, _) = bytes.split_at(end);
    let framed =
        pem.starts_with(b"-----BEGIN CERTIFICATE-----") && pem.ends_with(b"-----END CERTIFICATE-----");
    if bytes.len() > longest || !framed || !pem.is_ascii() || pem.contains(&0) {
        return Err(format!("its {} bytes of certificates are no PEM chain", bytes.len()));
    }
    let mut chain = pem.to_vec();
    chain.push(b'\n');
    Ok(chain)
}

/// The report, if it is a signed SPDM answer to our nonce.
pub(crate) fn report(bytes: Vec<u8>, nonce: &Nonce, longest: usize) -> Result<Vec<u8>, String> {
    if !(SHORTEST_REPORT..=longest).contains(&bytes.len()) || !bytes.starts_with(&REQUEST) {
        return Err(format!("its {} bytes of report are no SPDM measurements", bytes.len()));
    }
    if bytes.get(4..36) != Some(nonce.as_bytes().as_slice()) {
        return Err(format!("its report does not carry the nonce {nonce}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
