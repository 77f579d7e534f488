//! What the look-alike of NVIDIA says of its GPUs beside their own evidence: manifests of reference values, the
//! state of certificates, and a verdict of its own; and the switches between the GPUs. All of it is signed under the one look-alike root.

pub(crate) mod nras;
pub(crate) mod ocsp;
pub(crate) mod rim;
pub(crate) mod switches;

use p384::ecdsa::SigningKey;
use rand_core::TryCryptoRng;

use self::{nras::NrasSigner, ocsp::Responders, rim::RimSigners};
use crate::{Blueprint, MintError, pki::Certified};

/// Keys of the services, with their certificates.
pub(crate) struct Services {
    pub(crate) rims: RimSigners,
    pub(crate) responders: Responders,
    pub(crate) nras: NrasSigner,
}

impl Services {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: &Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        Ok(Self {
            rims: RimSigners::mint(blueprint, root, rng)?,
            responders: Responders::mint(blueprint, root, rng)?,
            nras: NrasSigner::mint(blueprint, root, rng)?,
        })
    }
}
