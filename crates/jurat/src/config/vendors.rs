//! Whether the self-check asks the vendors, and where they are.

use std::fmt::{self, Display, Formatter};

use jurat_client::Sources;
use jurat_verify::Roots;
use serde::Deserialize;

use super::{SelfCheckKind, file::File, knobs::Knobs};
use crate::exit::Failure;

/// Whether the self-check fetches what its verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Collateral {
    /// From Intel and NVIDIA, or from whoever is named in their place.
    Fetch,
    /// Nobody is asked: the self-check opens no connection.
    None,
}

impl Display for Collateral {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fetch => "fetch",
            Self::None => "none",
        })
    }
}

/// Whom the self-check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Vendors {
    collateral: Collateral,
    named: Sources,
}

impl Vendors {
    /// A full self-check of real hardware can't pass without them, an offline one is to do without.
    pub(super) fn settle(knobs: &mut Knobs, kind: SelfCheckKind, file: &File) -> Result<Self, Failure> {
        let by_kind = match kind {
            SelfCheckKind::Full => Collateral::Fetch,
            SelfCheckKind::Offline => Collateral::None,
        };
        let collateral = knobs.value("collateral", None, file.collateral, by_kind);
        let mut named = Sources::default();
        named.pcs = knobs.url("pcs_url", file.pcs_url.as_ref())?;
        named.rim = knobs.url("rim_url", file.rim_url.as_ref())?;
        named.ocsp = knobs.url("ocsp_url", file.ocsp_url.as_ref())?;
        named.nras = knobs.url("nras_url", file.nras_url.as_ref())?;
        if collateral == Collateral::None && named != Sources::default() {
            return Err(Failure::config("addresses of vendors are named, and `collateral` is \"none\"")
                .hint("say `collateral = \"fetch\"`, or name none"));
        }
        Ok(Self { collateral, named })
    }

    /// Where to ask under these roots; `None`: nowhere.
    pub(crate) fn sources(&self, roots: Roots) -> Option<Sources> {
        if self.collateral == Collateral::None {
            return None;
        }
        Some(self.named.clone().or(Sources::of(roots)))
    }
}
