//! What a policy demands of GPUs by what they say that they are.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Demands on every GPU of a report. Empty, the default, demands nothing. A list that has entries must have the
/// GPU's among them; a minimum and a list must both be met.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GpuPolicy {
    /// The oldest acceptable driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_driver: Option<DriverVersion>,
    /// Acceptable drivers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drivers: Vec<DriverVersion>,
    /// The oldest acceptable VBIOS. VBIOSes of different boards are different lines of versions: a minimum makes
    /// sense where all machines have one board.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_vbios: Option<VbiosVersion>,
    /// Acceptable VBIOSes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vbioses: Vec<VbiosVersion>,
    /// Acceptable generations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Architecture>,
}

impl GpuPolicy {
    /// Whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A generation of GPUs, in NVIDIA's word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum Architecture {
    /// H100, H200.
    Hopper,
    /// B100, B200 and their kin.
    Blackwell,
}

impl Architecture {
    /// Of a chip by the name that its certificate has: `GH100`, `GB100`.
    pub(crate) fn of_chip(chip: &str) -> Option<Self> {
        match chip.get(..2)? {
            "GH" => Some(Self::Hopper),
            "GB" => Some(Self::Blackwell),
            _ => None,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hopper => "HOPPER",
            Self::Blackwell => "BLACKWELL",
        })
    }
}

/// Not numbers between dots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a version: numbers between dots are wanted, of a driver in decimal, of a VBIOS in hexadecimal"
)]
pub struct NotAVersion(String);

/// Numbers between dots, to this radix: how NVIDIA counts drivers and VBIOSes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version<const RADIX: u32> {
    text: String,
    parts: Vec<u32>,
}

/// A driver's version: `570.172.08`.
pub type DriverVersion = Version<10>;
/// A VBIOS's version: `96.00.D0.00.03`.
pub type VbiosVersion = Version<16>;

impl<const RADIX: u32> Version<RADIX> {
    /// By number, not by text: 570.86 is older than 570.172.
    pub(crate) fn age(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

impl<const RADIX: u32> FromStr for Version<RADIX> {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let part = |part: &str| {
            // from_str_radix takes a sign
            let digits = part.len() <= 6 && part.chars().all(|c| c.is_digit(RADIX));
            u32::from_str_radix(part, RADIX).ok().filter(|_| digits)
        };
        let parts: Option<Vec<u32>> = text.split('.').map(part).collect();
        let parts = parts.filter(|parts| parts.len() <= 8).ok_or_else(|| NotAVersion(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), parts })
    }
}

impl<const RADIX: u32> TryFrom<String> for Version<RADIX> {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl<const RADIX: u32> From<Version<RADIX>> for String {
    fn from(version: Version<RADIX>) -> Self {
        version.text
    }
}

impl<const RADIX: u32> fmt::Display for Version<RADIX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
