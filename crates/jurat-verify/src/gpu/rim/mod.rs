//! NVIDIA's reference integrity manifests: what a driver or a VBIOS measures to, signed.

mod c14n;
mod signature;
mod swid;
mod xml;

use jurat_proto::{Digest, UnixSeconds};

use self::xml::XmlError;
use super::certificates::{Chain, ChainError};

/// Longest manifest that is read: NVIDIA's have some 20 KiB.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// Two for each GPU, should all of them differ.
pub(crate) const MAX_MANIFESTS: usize = 64;

/// A manifest whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rim {
    /// The chip, as in the certificates of its GPUs: `GH100`.
    pub(crate) product: String,
    /// The driver's or the VBIOS's version. Nothing else in a manifest tells the two kinds apart.
    pub(crate) version: String,
    /// What must be found, of the measurements in use.
    pub(crate) golden: Vec<Golden>,
}

/// One measurement's acceptable digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Golden {
    /// From 0. SPDM counts the same measurements from 1.
    pub(crate) index: u8,
    pub(crate) alternatives: Vec<[u8; 48]>,
}

/// A manifest as it was found, with the chain of its signer.
pub(crate) type Authenticated = Result<(Rim, Chain), RimError>;

/// Every manifest, each once.
pub(crate) fn authenticated(texts: &[String], root_spki: &Digest, now: UnixSeconds) -> Vec<Authenticated> {
    let mut different: Vec<&str> = Vec::new();
    for text in texts {
        if !different.contains(&text.as_str()) {
            different.push(text);
        }
    }
    if different.len() > MAX_MANIFESTS {
        return vec![Err(RimError::TooMany(different.len()))];
    }
    different.iter().map(|text| Rim::authenticate(text, root_spki, now)).collect()
}

/// Why a text is no manifest to go by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RimError {
    #[error("one of {0}, more than {MAX_MANIFESTS}")]
    TooMany(usize),
    #[error("it is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error(transparent)]
    Xml(#[from] XmlError),
    #[error("{0}")]
    Shape(&'static str),
    #[error("it has {0} signatures where one is wanted, directly in the document")]
    Signatures(usize),
    #[error("its signature uses another algorithm than {0}")]
    Algorithm(&'static str),
    #[error("it was edited: its content is not what was signed")]
    Edited,
    #[error("its signer's {0}")]
    Signer(ChainError),
    #[error("its signature is wrong")]
    Signature,
}

impl Rim {
    /// Reads a manifest and believes it: the signature is over all of it, by a signer that the root with this
    /// key vouches for at `now`. The chain of that signer is handed back for whoever asks about revocation.
    pub(crate) fn authenticate(
        text: &str,
        root_spki: &Digest,
        now: UnixSeconds,
    ) -> Result<(Self, Chain), RimError> {
        if text.len() > MAX_TEXT {
            return Err(RimError::TooLong);
        }
        let lines = text.replace("\r\n", "\n");
        let root = xml::read(&lines)?;
        let chain = signature::verify(&root, root_spki, now)?;
        // the values come from the tree whose canonical form was digested, not from a second reading
        Ok((swid::read(&root)?, chain))
    }
}

/// The canonical form of a whole document.
#[cfg(fuzzing)]
pub(super) fn canonical(text: &str) -> Option<String> {
    xml::read(text).ok().map(|root| c14n::apart(&[], &root))
}

#[cfg(test)]
mod tests;
