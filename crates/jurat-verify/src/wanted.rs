//! What the vendors must be asked to judge a report.

use std::fmt;

use crate::{CertificateQuestion, Platform, RimId, evidence::Evidence, gpu::wanted::WantedOfNvidia};

/// What a report's evidence makes one ask. It is read from bytes that nobody vouches for yet: each part has a shape
/// that can do no harm in a URL or a request, and a wrong one is only a wrong question.
#[derive(Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Wanted {
    /// Whose collateral to ask Intel for.
    pub platform: Option<Platform>,
    /// The manifests to ask NVIDIA for.
    pub rims: Vec<RimId>,
    /// The certificates to ask NVIDIA's OCSP responder about.
    pub certificates: Vec<CertificateQuestion>,
    /// The GPU evidence as it stands in the report, which is what NVIDIA's attestation service takes.
    pub gpu_evidence: Option<String>,
}

impl Wanted {
    /// Of a report. What is not legible asks for nothing, as the judge refuses it anyway.
    pub fn of(report: &str) -> Self {
        let Ok(evidence) = Evidence::read(report) else { return Self::default() };
        let nvidia = WantedOfNvidia::of(&evidence.body.nvidia_payload);
        Self {
            platform: Platform::of(&evidence),
            rims: nvidia.rims,
            certificates: nvidia.certificates,
            gpu_evidence: nvidia.evidence.then_some(evidence.body.nvidia_payload),
        }
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted")
            .field("platform", &self.platform)
            .field("rims", &self.rims)
            .field("certificates", &self.certificates.len())
            .finish_non_exhaustive()
    }
}
