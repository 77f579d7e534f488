//! The pinned roots. Every chain that is believed ends at one of these four.

use std::sync::LazyLock;

use der::{DecodePem, Encode};
use jurat_proto::{Digest, sha256};
use x509_cert::Certificate;

use crate::{gpu::nras::Service, policy::Roots};

/// SHA-256 of the SubjectPublicKeyInfo of NVIDIA's Device Identity CA (`attestation/roots/`). The certificate
/// itself comes with the evidence. Intel's SGX Root CA is in `dcap-qvl`, whole.
const NVIDIA_DEVICE_IDENTITY_CA: Digest = Digest::new([
    0xa9, 0x0c, 0x4e, 0xb5, 0xac, 0xfd, 0x3e, 0x3d, 0x03, 0xa2, 0x5d, 0xb6, 0xa2, 0x6b, 0x84, 0xf7, 0x20,
    0xad, 0x05, 0x03, 0x19, 0x6c, 0x62, 0x7c, 0x21, 0xdd, 0xd4, 0x8d, 0xd8, 0x5b, 0x06, 0xa4,
]);

/// The same of the root that NVIDIA's reference integrity manifests are signed under, "NVIDIA CoRIM signing
/// Root CA". The certificate comes with each manifest.
const NVIDIA_RIM_ROOT: Digest = Digest::new([
    0xde, 0xc1, 0xdc, 0x31, 0x64, 0x77, 0xaa, 0x85, 0x1e, 0xeb, 0xdf, 0x51, 0x32, 0x7a, 0xe9, 0xf8, 0x64,
    0xbc, 0x8d, 0x89, 0x25, 0x46, 0x57, 0xed, 0x1e, 0x7e, 0xb9, 0x16, 0x8a, 0xf1, 0xe1, 0xa3,
]);

/// The same of "NVIDIA Attestation Service GPU Intermediate 004", which certifies the keys of NVIDIA's
/// attestation service. The root above it is nowhere published.
const NVIDIA_NRAS_INTERMEDIATE: Digest = Digest::new([
    0xfd, 0x32, 0x83, 0x7f, 0x95, 0x4e, 0x2c, 0x45, 0xdb, 0x07, 0x31, 0x05, 0x16, 0x6d, 0xfe, 0x69, 0x85,
    0xae, 0x04, 0x80, 0xbb, 0x11, 0x3f, 0xba, 0x63, 0xb0, 0x91, 0xa7, 0x5a, 0xff, 0xe8, 0x96,
]);

/// The look-alike of Intel's root: heeded under [`Roots::Simulated`] alone.
pub(crate) fn simulated_intel() -> Option<&'static Certificate> {
    static ROOT: LazyLock<Option<Certificate>> = LazyLock::new(|| {
        certificate(include_str!("../../../attestation/insecure/intel-look-alike-root.pem"))
    });
    ROOT.as_ref()
}

/// SHA-256 of the key of the root that GPU certificates must chain to.
pub(crate) fn nvidia(roots: Roots) -> Digest {
    pinned(roots, NVIDIA_DEVICE_IDENTITY_CA)
}

/// SHA-256 of the key of the root that signers of manifests must chain to.
pub(crate) fn nvidia_rim(roots: Roots) -> Digest {
    pinned(roots, NVIDIA_RIM_ROOT)
}

/// Who answers as NVIDIA's attestation service.
pub(crate) fn nvidia_nras(roots: Roots) -> Service {
    let issuer = match roots {
        Roots::Production => "https://nras.attestation.nvidia.com",
        Roots::Simulated => "https://nras.simulated.invalid",
    };
    Service { pin: pinned(roots, NVIDIA_NRAS_INTERMEDIATE), issuer }
}

/// The pin, or the one look-alike that stands in for all of NVIDIA's roots.
fn pinned(roots: Roots, production: Digest) -> Digest {
    static SIMULATED: LazyLock<Option<Digest>> = LazyLock::new(|| {
        let root = certificate(include_str!("../../../attestation/insecure/nvidia-look-alike-root.pem"))?;
        root.tbs_certificate().subject_public_key_info().to_der().ok().map(|der| sha256(&der))
    });
    match roots {
        Roots::Production => production,
        // no key hashes to zero: without its root, nothing is believed
        Roots::Simulated => SIMULATED.unwrap_or(Digest::ZERO),
    }
}

fn certificate(pem: &str) -> Option<Certificate> {
    Certificate::from_pem(pem).ok()
}
