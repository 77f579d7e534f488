//! What a GPU says that it is: chip, driver and VBIOS, from its certificate and its signed report.

use x509_cert::Certificate;

use super::spdm::{SpdmReport, tag};

/// A GPU by its parts. The three are compared as text: NVIDIA's services and manifests have them so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The chip, `GH100`: the first word of the name that its attestation key was certified under.
    pub(crate) chip: String,
    /// The driver's version, `570.172.08`.
    pub(crate) driver: String,
    /// The VBIOS's version, `96.00.D0.00.03`.
    pub(crate) vbios: String,
}

/// Why a GPU cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdentityError {
    #[error("its evidence is not legible")]
    Illegible,
    #[error("its certificate names no chip")]
    Chip,
    #[error("its report names no driver")]
    Driver,
    #[error("its report names no VBIOS")]
    Vbios,
}

impl Identity {
    /// Reads a GPU's parts. What its signature and its chain do not vouch for is worth nothing.
    pub(crate) fn read(report: &SpdmReport<'_>, leaf: &Certificate) -> Result<Self, IdentityError> {
        let chip = chip(leaf).ok_or(IdentityError::Chip)?;
        let driver = report.opaque(tag::DRIVER_VERSION).and_then(text).ok_or(IdentityError::Driver)?;
        let vbios = report.opaque(tag::VBIOS_VERSION).and_then(vbios).ok_or(IdentityError::Vbios)?;
        Ok(Self { chip, driver, vbios })
    }
}

/// The chip that a certificate is about.
pub(crate) fn chip(leaf: &Certificate) -> Option<String> {
    let name = leaf.tbs_certificate().subject().common_name().ok()??;
    let name = name.value();
    name.split(' ').next().filter(|chip| !chip.is_empty()).map(str::to_owned)
}

/// ASCII that ends in NULs.
fn text(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim_end_matches('\0');
    let legible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    legible.then(|| text.to_owned())
}

/// Eight bytes: four of the version, the last first, then a fifth.
fn vbios(value: &[u8]) -> Option<String> {
    let [a, b, c, d, e, ..] = <[u8; 8]>::try_from(value).ok()?;
    Some(format!("{d:02X}.{c:02X}.{b:02X}.{a:02X}.{e:02X}"))
}

#[cfg(test)]
mod tests;
