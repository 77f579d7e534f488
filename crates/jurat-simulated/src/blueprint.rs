//! What to mint: the ordinary case by default, and the deviations that tests of a judge need.

use std::num::NonZeroU32;

use getrandom::SysRng;
use jurat_attest::GpuArchitecture;
use jurat_proto::{Nonce, TD_ATTRIBUTE_DEBUG, TD_ATTRIBUTE_SEPT_VE_DISABLE, UnixSeconds};
use rand_core::TryCryptoRng;

use crate::{MintError, SimulatedTee, TdMeasurements};

const DAY: u64 = 24 * 60 * 60;

/// A simulated TEE before it is minted. [`Blueprint::new`] gives one that a judge of simulated reports
/// accepts; every member may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blueprint {
    /// When the collateral and all certificates below the roots begin to be valid. A day before now.
    pub issued: UnixSeconds,
    /// When collateral and revocation lists stop being valid. Thirty days from now.
    pub next_update: UnixSeconds,
    /// When GPU certificates stop being valid. `None`, as in NVIDIA's: never.
    pub gpus_valid_until: Option<UnixSeconds>,
    /// Who stands at the top.
    pub roots: Roots,
    /// Layout of the quotes.
    pub quote: QuoteForm,
    /// `TDATTRIBUTES`. `SEPT_VE_DISABLE` alone.
    pub td_attributes: u64,
    /// What the TD is said to consist of.
    pub measurements: TdMeasurements,
    /// Text of the compose file that the TD is said to run, as a dstack VM's: its hash is an event of RTMR3 and takes
    /// MRCONFIGID. `None`: no application is measured.
    pub compose: Option<String>,
    /// The state of the platform's firmware.
    pub tcb: Tcb,
    /// What the revocation lists name.
    pub revoked: Revoked,
    /// How many GPUs there are.
    pub gpus: NonZeroU32,
    /// Of which generation they are. Hopper.
    pub gpu_architecture: GpuArchitecture,
    /// Which nonce the GPUs sign.
    pub gpu_nonce: GpuNonce,
    /// Which certificates go with a GPU's report.
    pub gpu_chain: GpuChain,
    /// Which firmware the GPUs report.
    pub gpu_firmware: GpuFirmware,
    /// Which confidential mode the GPUs report.
    pub protected_pcie: ProtectedPcie,
    /// Which of the three modes they name, as newer drivers do.
    pub gpu_feature: GpuFeature,
    /// Whether NVIDIA's services are there to be asked. `true`; their keys take most of a minting.
    pub services: bool,
}

impl Blueprint {
    /// The ordinary case: an up-to-date platform under the fixed roots, nothing revoked, `gpus` GPUs that
    /// sign what they are asked to.
    pub fn new(now: UnixSeconds, gpus: NonZeroU32) -> Self {
        Self {
            issued: UnixSeconds(now.0.saturating_sub(DAY)),
            next_update: UnixSeconds(now.0.saturating_add(30 * DAY)),
            gpus_valid_until: None,
            roots: Roots::Fixed,
            quote: QuoteForm::V4,
            td_attributes: TD_ATTRIBUTE_SEPT_VE_DISABLE,
            measurements: TdMeasurements::SIMULATED,
            compose: None,
            tcb: Tcb::UpToDate,
            revoked: Revoked::Nothing,
            gpus,
            gpu_architecture: GpuArchitecture::Hopper,
            gpu_nonce: GpuNonce::Asked,
            gpu_chain: GpuChain::Own,
            gpu_firmware: GpuFirmware::Certified,
            protected_pcie: ProtectedPcie::Off,
            gpu_feature: GpuFeature::Unnamed,
            services: true,
        }
    }

    /// Makes the TD one that its host can read and write.
    pub fn debug(mut self) -> Self {
        self.td_attributes |= TD_ATTRIBUTE_DEBUG;
        self
    }

    /// Mints it with the operating system's randomness.
    ///
    /// # Errors
    /// If there is no randomness, or the times are no dates.
    pub fn mint(&self) -> Result<SimulatedTee, MintError> {
        self.mint_with(&mut SysRng)
    }

    /// Mints it with the caller's randomness: the same stream gives the same certificates, collateral,
    /// quotes and GPU reports to the byte.
    ///
    /// # Errors
    /// If `rng` fails, or the times are no dates.
    pub fn mint_with<R: TryCryptoRng + ?Sized>(&self, rng: &mut R) -> Result<SimulatedTee, MintError> {
        SimulatedTee::build(self, rng)
    }
}

/// Who stands at the top of both hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// The public files of `attestation/insecure/`.
    Fixed,
    /// Impostors: the same names, keys drawn at the minting.
    Fresh,
}

/// Layout of the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteForm {
    /// Version 4.
    V4,
    /// Version 5 with a TD 1.0 report in it.
    V5,
    /// Version 5 with a TD 1.5 report in it.
    V5Td15,
}

/// The state of the platform's firmware. The collateral has a level for each; the platform's security
/// versions decide which one it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tcb {
    /// `UpToDate`.
    UpToDate,
    /// `SWHardeningNeeded`, with an open advisory.
    SwHardeningNeeded,
    /// `ConfigurationNeeded`, with an open advisory.
    ConfigurationNeeded,
    /// `OutOfDate`, with an open advisory.
    OutOfDate,
    /// `Revoked`: `dcap-qvl` refuses it under every policy.
    Revoked,
}

/// What the revocation lists name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// Nothing.
    Nothing,
    /// The platform's own certificate, in the platform CA's list.
    Platform,
    /// The platform CA's certificate, in the root's list.
    PlatformCa,
    /// The certificate that signs the collateral, in the root's list.
    TcbSigner,
}

/// Which nonce the GPUs sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuNonce {
    /// The one they are asked to.
    Asked,
    /// This one, whatever they are asked: evidence of another caller's nonce.
    Other(Nonce),
}

/// Which certificates go with a GPU's report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuChain {
    /// Those of the key that signed it.
    Own,
    /// Those of one more GPU under the same root, which signs nothing.
    Strangers,
    /// The boot ROM's certificate, which issued the leaf, is no issuer's.
    NoIssuer,
    /// The identity's certificate allows no issuer below it, and there are two.
    PathLength,
    /// The leaf is an issuer's and may sign no reports.
    NoSigner,
    /// The leaf has a critical extension that nobody knows.
    UnknownExtension,
}

/// Which firmware the GPUs report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuFirmware {
    /// The one in their certificate.
    Certified,
    /// Another one.
    Other,
    /// None at all, like drivers before 550.
    Unnamed,
}

/// Which confidential mode the GPUs report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectedPcie {
    /// Confidential computing of single GPUs.
    Off,
    /// Protected PCIe: traffic over NVLink is not encrypted.
    On,
    /// The second GPU protected PCIe, the others not.
    Mixed,
}

/// Which of three modes GPUs name, as newer drivers have them do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuFeature {
    /// None, as older drivers.
    Unnamed,
    /// Single-GPU pass-through.
    Single,
    /// Multi-GPU pass-through: traffic over NVLink is encrypted.
    Multiple,
    /// Protected PCIe.
    ProtectedPcie,
    /// The second GPU multi-GPU pass-through, the others single.
    Mixed,
}
