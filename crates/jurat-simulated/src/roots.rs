//! The two roots: public files, private keys included, compiled in.

use getrandom::SysRng;
use jurat_proto::UnixSeconds;
use rand_core::TryCryptoRng;
use x509_cert::{
    Certificate,
    time::{Time, Validity},
};

use crate::{
    MintError,
    blueprint::Roots,
    pki::{Certified, Key, Role, Subject, name, time},
};

/// The certificate that stands in for Intel's SGX Root CA (P-256).
pub const INTEL_ROOT_PEM: &str = include_str!("../../../attestation/insecure/intel-look-alike-root.pem");
/// Its private key, PKCS #8. It is public: nothing under this root proves anything.
pub const INTEL_ROOT_KEY_PEM: &str =
    include_str!("../../../attestation/insecure/intel-look-alike-root.key.pem");
/// The certificate that stands in for NVIDIA's Device Identity CA (P-384).
pub const NVIDIA_ROOT_PEM: &str = include_str!("../../../attestation/insecure/nvidia-look-alike-root.pem");
/// Its private key, PKCS #8. It is public: nothing under this root proves anything.
pub const NVIDIA_ROOT_KEY_PEM: &str =
    include_str!("../../../attestation/insecure/nvidia-look-alike-root.key.pem");

/// In every name of the look-alike of Intel's hierarchy.
pub(crate) const INTEL_ORGANISATION: &str = "O=SIMULATED - NOT INTEL";
/// In every name of the look-alike of NVIDIA's hierarchy.
pub(crate) const NVIDIA_ORGANISATION: &str = "O=SIMULATED - NOT NVIDIA";

/// The four files of `attestation/insecure/`, by name and content.
pub type RootFiles = [(&'static str, String); 4];

/// Draws both roots anew. `cargo run -p jurat-simulated --example mint-roots` writes them, once: whoever
/// pinned the old ones believes the new ones no more.
///
/// # Errors
/// If there is no randomness.
pub fn mint_root_files() -> Result<RootFiles, MintError> {
    let intel = draw_intel(&mut SysRng)?;
    let nvidia = draw_nvidia(&mut SysRng)?;
    Ok([
        ("intel-look-alike-root.pem", intel.pem()?),
        ("intel-look-alike-root.key.pem", intel.key.to_pem()?),
        ("nvidia-look-alike-root.pem", nvidia.pem()?),
        ("nvidia-look-alike-root.key.pem", nvidia.key.to_pem()?),
    ])
}

/// The root of the Intel side.
pub(crate) fn intel<R: TryCryptoRng + ?Sized>(
    roots: Roots,
    rng: &mut R,
) -> Result<Certified<p256::ecdsa::SigningKey>, MintError> {
    match roots {
        Roots::Fixed => read("intel-look-alike-root", INTEL_ROOT_PEM, INTEL_ROOT_KEY_PEM),
        Roots::Fresh => draw_intel(rng),
    }
}

/// The root of the NVIDIA side.
pub(crate) fn nvidia<R: TryCryptoRng + ?Sized>(
    roots: Roots,
    rng: &mut R,
) -> Result<Certified<p384::ecdsa::SigningKey>, MintError> {
    match roots {
        Roots::Fixed => read("nvidia-look-alike-root", NVIDIA_ROOT_PEM, NVIDIA_ROOT_KEY_PEM),
        Roots::Fresh => draw_nvidia(rng),
    }
}

fn read<K: Key>(file: &'static str, certificate: &str, key: &str) -> Result<Certified<K>, MintError> {
    use der::DecodePem;
    let damaged = |reason: String| MintError::Root { file, reason };
    let certificate = Certificate::from_pem(certificate).map_err(|error| damaged(error.to_string()))?;
    let key = K::read(key).map_err(damaged)?;
    if key.spki()? != *certificate.tbs_certificate().subject_public_key_info() {
        return Err(damaged("the key is not the certificate's".into()));
    }
    Ok(Certified { key, certificate })
}

fn draw_intel<R: TryCryptoRng + ?Sized>(
    rng: &mut R,
) -> Result<Certified<p256::ecdsa::SigningKey>, MintError> {
    let name = name(&format!("CN=SIMULATED Look-alike of the SGX Root CA,{INTEL_ORGANISATION}"))?;
    Certified::root(rng, Subject { name, role: Role::Issuer(Some(1)), validity: ever()?, extensions: vec![] })
}

fn draw_nvidia<R: TryCryptoRng + ?Sized>(
    rng: &mut R,
) -> Result<Certified<p384::ecdsa::SigningKey>, MintError> {
    let name = name(&format!("CN=SIMULATED Look-alike of the Device Identity CA,{NVIDIA_ORGANISATION}"))?;
    Certified::root(rng, Subject { name, role: Role::Issuer(None), validity: ever()?, extensions: vec![] })
}

/// From 2020 on, without end: tests mint at times of their own.
fn ever() -> Result<Validity, MintError> {
    const START_OF_2020: UnixSeconds = UnixSeconds(1_577_836_800);
    Ok(Validity::new(time(START_OF_2020)?, Time::INFINITY))
}
