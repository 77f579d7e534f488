//! Where the vendors' services are.

use std::fmt;

use jurat_verify::{CheckId, Roots, Status, Verdict};

use crate::BaseUrl;

/// A service that an errand goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Intel's Provisioning Certification Service, or a cache of it.
    Pcs,
    /// NVIDIA's reference integrity manifests.
    Rim,
    /// NVIDIA's OCSP responder.
    Ocsp,
    /// NVIDIA's attestation service.
    Nras,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Pcs, Self::Rim, Self::Ocsp, Self::Nras];

    /// Whether every check that rests on what this service says passed.
    pub(crate) fn holds(self, verdict: &Verdict) -> bool {
        let checks: &[CheckId] = match self {
            Self::Pcs => &[CheckId::TdxQuote, CheckId::TdxTcb],
            Self::Rim => &[CheckId::GpuMeasurements],
            Self::Ocsp => &[CheckId::GpuRevocation],
            Self::Nras => &[CheckId::GpuNras],
        };
        let passed = |id: &CheckId| verdict.check(*id).is_some_and(|check| check.status == Status::Pass);
        checks.iter().all(passed)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pcs => "Intel's collateral service",
            Self::Rim => "NVIDIA's manifest service",
            Self::Ocsp => "NVIDIA's OCSP responder",
            Self::Nras => "NVIDIA's attestation service",
        })
    }
}

/// Where to ask. `None`: nowhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sources {
    /// For collateral.
    pub pcs: Option<BaseUrl>,
    /// For manifests.
    pub rim: Option<BaseUrl>,
    /// For the state of certificates.
    pub ocsp: Option<BaseUrl>,
    /// For NVIDIA's own verdict: it is sent the whole GPU evidence.
    pub nras: Option<BaseUrl>,
}

impl Sources {
    /// Intel's own address.
    pub const PCS: &'static str = "https://api.trustedservices.intel.com";
    /// Where Intel serves the root's revocation list, which its service does not.
    pub(crate) const INTEL_ROOT_CRL: &'static str =
        "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
    /// NVIDIA's own address.
    pub const RIM: &'static str = "https://rim.attestation.nvidia.com";
    /// NVIDIA's own address.
    pub const OCSP: &'static str = "https://ocsp.ndis.nvidia.com";
    /// NVIDIA's own address.
    pub const NRAS: &'static str = "https://nras.attestation.nvidia.com";

    /// The vendors' public addresses, as far as they know anything of machines under these roots: of simulated ones
    /// they don't. NVIDIA's attestation service is never among them, as it is asked only by name.
    pub fn of(roots: Roots) -> Self {
        match roots {
            Roots::Production => {
                Self { pcs: public(Self::PCS), rim: public(Self::RIM), ocsp: public(Self::OCSP), nras: None }
            }
            Roots::Simulated => Self::default(),
        }
    }

    /// These, and where there is none the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            pcs: self.pcs.or(other.pcs),
            rim: self.rim.or(other.rim),
            ocsp: self.ocsp.or(other.ocsp),
            nras: self.nras.or(other.nras),
        }
    }

    pub(crate) fn base(&self, service: Service) -> Option<&BaseUrl> {
        match service {
            Service::Pcs => self.pcs.as_ref(),
            Service::Rim => self.rim.as_ref(),
            Service::Ocsp => self.ocsp.as_ref(),
            Service::Nras => self.nras.as_ref(),
        }
    }
}

/// A constant's URL; a test parses each.
fn public(address: &str) -> Option<BaseUrl> {
    address.parse().ok()
}

#[cfg(test)]
mod tests;
