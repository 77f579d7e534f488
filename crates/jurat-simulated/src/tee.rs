//! The simulated TEE: everything that is minted, and the two sources of evidence that speak for it.

use std::{fmt, num::NonZeroU32, sync::Arc};

use jurat_attest::GpuArchitecture;
use jurat_proto::{Nonce, UnixSeconds, sha256};
use rand_core::TryCryptoRng;
use serde_json::value::RawValue;

use crate::{
    Blueprint, GpuChain, GpuNonce, MintError, Nras, NrasExchange, Ocsp, Rims, SimulatedGpus, SimulatedQuotes,
    collateral::collateral,
    event_log::EventLog,
    pki::{Certified, Key, bytes, intel::IntelPki, nvidia::NvidiaPki},
    quote::QuotingEnclave,
    roots,
    services::{
        Services,
        switches::{Fabric, SwitchEvidence, Switches},
    },
    spdm::Gpu,
};

/// A TEE that is none. Cheap to clone; the clones share its keys.
#[derive(Clone)]
pub struct SimulatedTee {
    pub(crate) stage: Arc<Stage>,
    intel_root: Root,
    nvidia_root: Root,
}

/// What both sources share.
pub(crate) struct Stage {
    pub(crate) intel: IntelPki,
    pub(crate) enclave: QuotingEnclave,
    pub(crate) collateral: String,
    pub(crate) event_log: String,
    /// dstack's `info`, if an application is measured.
    pub(crate) info: Option<Box<RawValue>>,
    pub(crate) gpus: Vec<Gpu>,
    pub(crate) gpu_architecture: GpuArchitecture,
    pub(crate) gpu_nonce: GpuNonce,
    pub(crate) services: Option<Services>,
    pub(crate) fabric: Fabric,
    /// Responders' nonces are derived from it, so that reports need no randomness that could fail.
    pub(crate) seed: [u8; 32],
}

#[derive(Clone)]
struct Root {
    der: Vec<u8>,
    spki_sha256: jurat_proto::Digest,
}

impl SimulatedTee {
    /// Mints the ordinary case at `now` with the operating system's randomness: [`Blueprint::new`], minted.
    ///
    /// Its collateral is valid for thirty days from `now`; a process that runs longer mints anew.
    ///
    /// # Errors
    /// If there is no randomness, or `now` is no date.
    pub fn mint(now: UnixSeconds, gpus: NonZeroU32) -> Result<Self, MintError> {
        Blueprint::new(now, gpus).mint()
    }

    /// A source of its quotes.
    pub fn quote_provider(&self) -> SimulatedQuotes {
        SimulatedQuotes::new(Arc::clone(&self.stage))
    }

    /// A source of its GPU evidence.
    pub fn gpu_provider(&self) -> SimulatedGpus {
        SimulatedGpus::new(Arc::clone(&self.stage))
    }

    /// What its quotes verify with: `dcap-qvl`'s `QuoteCollateralV3` as JSON.
    pub fn collateral(&self) -> &str {
        &self.stage.collateral
    }

    /// DER of the certificate at the top of its quotes.
    pub fn intel_root_der(&self) -> &[u8] {
        &self.intel_root.der
    }

    /// DER of the certificate at the top of its GPU evidence.
    pub fn nvidia_root_der(&self) -> &[u8] {
        &self.nvidia_root.der
    }

    /// SHA-256 of the SubjectPublicKeyInfo at the top of its GPU evidence.
    pub fn nvidia_root_spki_sha256(&self) -> jurat_proto::Digest {
        self.nvidia_root.spki_sha256
    }

    /// Evidence of the four switches that its GPUs are linked to in protected-PCIe mode.
    ///
    /// # Errors
    /// If one cannot sign.
    pub fn switches(&self, nonce: &Nonce, form: Switches) -> Result<Vec<SwitchEvidence>, MintError> {
        self.stage.fabric.evidence(nonce, form)
    }

    /// NVIDIA's manifests of reference values: the driver's, then the VBIOS's, each a SWID tag in XML.
    ///
    /// # Errors
    /// If one cannot be signed, or the blueprint leaves the services out.
    pub fn rims(&self, form: Rims) -> Result<Vec<String>, MintError> {
        self.services()?.rims.manifests(form)
    }

    /// DER of an OCSP response for each certificate of each GPU but the root's.
    ///
    /// # Errors
    /// If one cannot be encoded or signed.
    pub fn ocsp(&self, ocsp: Ocsp) -> Result<Vec<Vec<u8>>, MintError> {
        let services = self.services()?;
        let mut all = Vec::new();
        for gpu in &self.stage.gpus {
            all.extend(services.responders.about_chain(&gpu.certificates, ocsp)?);
        }
        // GPUs of one machine share the certificates further up
        all.sort();
        all.dedup();
        Ok(all)
    }

    /// DER of the OCSP response to a request about certificates of these PEM chains, with the request's nonce.
    ///
    /// # Errors
    /// If the request or a chain is none, or the response cannot be encoded or signed.
    pub fn ocsp_about(&self, request: &[u8], chains: &[&str], ocsp: Ocsp) -> Result<Vec<u8>, MintError> {
        self.services()?.responders.about_request(request, chains, ocsp)
    }

    /// What NVIDIA's attestation service answers at `now` to an `nvidia_payload`, with its keys.
    ///
    /// # Errors
    /// If the payload has no GPU evidence, or a token cannot be signed.
    pub fn nras(&self, payload: &str, nras: Nras, now: UnixSeconds) -> Result<NrasExchange, MintError> {
        self.services()?.nras.answer(payload, nras, now)
    }

    fn services(&self) -> Result<&Services, MintError> {
        self.stage.services.as_ref().ok_or(MintError::NoServices)
    }

    pub(crate) fn build<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let intel = IntelPki::mint(blueprint, roots::intel(blueprint.roots, rng)?, rng)?;
        let nvidia = NvidiaPki::mint(blueprint, roots::nvidia(blueprint.roots, rng)?, rng)?;
        // minted in any case, so that the same randomness gives the same GPUs in every mode
        let fabric = Fabric::mint(&nvidia, usize::try_from(blueprint.gpus.get()).unwrap_or(0), rng)?;
        let event_log = EventLog::simulated(blueprint.compose.as_deref())?;
        let stage = Stage {
            enclave: QuotingEnclave::mint(blueprint, &event_log.registers, &intel, rng)?,
            collateral: collateral(blueprint, &intel)?,
            event_log: event_log.json,
            gpus: gpus(blueprint, &nvidia, &fabric, rng)?,
            fabric,
            info: blueprint.compose.as_deref().map(info).transpose()?,
            gpu_architecture: blueprint.gpu_architecture,
            gpu_nonce: blueprint.gpu_nonce,
            services: match blueprint.services {
                true => Some(Services::mint(blueprint, &nvidia.root, rng)?),
                false => None,
            },
            seed: bytes(rng)?,
            intel,
        };
        Ok(Self {
            intel_root: Root::of(&stage.intel.root)?,
            nvidia_root: Root::of(&nvidia.root)?,
            stage: Arc::new(stage),
        })
    }
}

fn gpus<R: TryCryptoRng + ?Sized>(
    blueprint: &Blueprint,
    pki: &NvidiaPki,
    fabric: &Fabric,
    rng: &mut R,
) -> Result<Vec<Gpu>, MintError> {
    let stranger = match blueprint.gpu_chain {
        GpuChain::Strangers => Some(pki.gpu(rng)?.chain),
        _ => None,
    };
    let links = fabric.links();
    let mint = |index| {
        let identity = pki.gpu(rng)?;
        let certificates = stranger.clone().unwrap_or_else(|| identity.chain.clone());
        Ok(Gpu::new(identity, certificates, blueprint, index, &links))
    };
    (0..blueprint.gpus.get()).map(mint).collect()
}

/// The member of dstack's description of a VM that a judge looks at.
fn info(compose: &str) -> Result<Box<RawValue>, MintError> {
    let info = serde_json::json!({ "tcb_info": { "app_compose": compose } });
    serde_json::value::to_raw_value(&info).map_err(MintError::encoding("the description of the VM"))
}

impl Root {
    fn of<K: Key>(root: &Certified<K>) -> Result<Self, MintError> {
        use der::Encode;
        let spki = root.key.spki()?.to_der().map_err(MintError::encoding("a public key"))?;
        Ok(Self { der: root.der()?, spki_sha256: sha256(&spki) })
    }
}

/// Names no key.
impl fmt::Debug for SimulatedTee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedTee").field("gpus", &self.stage.gpus.len()).finish_non_exhaustive()
    }
}
