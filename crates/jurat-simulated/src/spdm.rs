//! GPU attestation reports: an SPDM 1.1 request for all measurements and the signed response (DMTF DSP0274),
//! with NVIDIA's opaque data.

use jurat_proto::Nonce;
use p384::ecdsa::{Signature, SigningKey, signature::Signer};

use crate::{Blueprint, GpuFeature, GpuFirmware, MintError, ProtectedPcie, pki::nvidia::GpuIdentity};

/// Digest of the GPU's firmware, in its certificate and its reports.
pub(crate) const FIRMWARE: [u8; 48] = [0xef; 48];
const OTHER_FIRMWARE: [u8; 48] = [0xe8; 48];

/// The driver's version, in reports and manifests.
pub(crate) const DRIVER: &str = "000.000.00";
/// The VBIOS's version, as manifests have it.
pub(crate) const VBIOS: &str = "EE.EE.EE.EE.EE";

const BLOCKS: u8 = 64;
const SHA384: u16 = 48;
const ON: u8 = 0xaa;
const OFF: u8 = 0x55;

/// Tags of NVIDIA's opaque data that a Hopper report has.
mod tag {
    pub(super) const DRIVER_VERSION: u16 = 3;
    pub(super) const GPU_INFO: u16 = 4;
    pub(super) const VBIOS_VERSION: u16 = 6;
    pub(super) const NVDEC0_STATUS: u16 = 11;
    pub(super) const MEASUREMENT_COUNTS: u16 = 12;
    pub(super) const CPR_INFO: u16 = 13;
    pub(super) const BOARD_ID: u16 = 14;
    pub(super) const CHIP_SKU: u16 = 15;
    pub(super) const CHIP_SKU_MOD: u16 = 16;
    pub(super) const PROJECT: u16 = 17;
    pub(super) const PROJECT_SKU: u16 = 18;
    pub(super) const PROJECT_SKU_MOD: u16 = 19;
    pub(super) const FIRMWARE_ID: u16 = 20;
    pub(super) const PROTECTED_PCIE: u16 = 21;
    pub(super) const SWITCHES: u16 = 22;
    pub(super) const FEATURE_FLAG: u16 = 36;
}

/// One GPU.
pub(crate) struct Gpu {
    pub(crate) identity: GpuIdentity,
    /// The PEM that goes with its reports.
    pub(crate) certificates: String,
    opaque: Vec<u8>,
}

impl Gpu {
    /// A GPU whose reports go with `certificates`, the one at `index` of its machine.
    pub(crate) fn new(
        identity: GpuIdentity,
        certificates: String,
        blueprint: &Blueprint,
        index: u32,
        links: &[u8],
    ) -> Self {
        Self { identity, certificates, opaque: opaque(blueprint, index, links) }
    }

    /// A report over `nonce`.
    pub(crate) fn report(&self, nonce: &Nonce, responder_nonce: &[u8; 32]) -> Result<Vec<u8>, MintError> {
        report(&self.identity.key, nonce, responder_nonce, BLOCKS, &self.opaque)
    }
}

/// The 37 bytes of the request for all measurements, then the response with so many blocks, signed.
pub(crate) fn report(
    key: &SigningKey,
    nonce: &Nonce,
    responder_nonce: &[u8; 32],
    blocks: u8,
    opaque: &[u8],
) -> Result<Vec<u8>, MintError> {
    let mut report = Vec::with_capacity(4200);
    report.extend_from_slice(&[0x11, 0xe0, 0x01, 0xff]); // 1.1, GET_MEASUREMENTS, signed, all
    report.extend_from_slice(nonce.as_bytes());
    report.push(0); // slot

    report.extend_from_slice(&[0x11, 0x60, 0, 0]); // 1.1, MEASUREMENTS
    let record = record(blocks);
    report.push(blocks);
    report.extend_from_slice(&length::<3>(record.len())?);
    report.extend_from_slice(&record);
    report.extend_from_slice(responder_nonce);
    report.extend_from_slice(&length::<2>(opaque.len())?);
    report.extend_from_slice(opaque);

    let signature: Signature = key.try_sign(&report).map_err(MintError::encoding("a signature"))?;
    report.extend_from_slice(&signature.to_bytes());
    Ok(report)
}

/// The measurement blocks: no digests but text that says so, zero where real GPUs have nothing.
fn record(blocks: u8) -> Vec<u8> {
    let mut record = Vec::with_capacity(usize::from(blocks) * 55);
    for index in 1..=blocks {
        record.push(index);
        record.push(1); // DMTF's form
        record.extend_from_slice(&(SHA384 + 3).to_le_bytes());
        record.push(1); // of hardware configuration or firmware
        record.extend_from_slice(&SHA384.to_le_bytes());
        record.extend_from_slice(&measurement(index));
    }
    record
}

/// What the block at `index`, from 1, holds: 40 bytes and eight zeroes.
pub(crate) fn measurement(index: u8) -> [u8; 48] {
    let text = format!("SIMULATED - NOT NVIDIA - MEASUREMENT  {index:02}");
    let mut out = [0; 48];
    for (to, from) in out.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    out
}

/// In the order in which GPUs send it. Versions and SKUs are none that NVIDIA issues.
fn opaque(blueprint: &Blueprint, index: u32, links: &[u8]) -> Vec<u8> {
    let firmware = match blueprint.gpu_firmware {
        GpuFirmware::Certified => Some(&FIRMWARE),
        GpuFirmware::Other => Some(&OTHER_FIRMWARE),
        GpuFirmware::Unnamed => None,
    };
    let protected_pcie = match blueprint.protected_pcie {
        ProtectedPcie::Off => OFF,
        ProtectedPcie::On => ON,
        ProtectedPcie::Mixed => [OFF, ON][usize::from(index == 1)],
    };
    let feature = match blueprint.gpu_feature {
        GpuFeature::Unnamed => None,
        GpuFeature::Single => Some([0, 0]),
        GpuFeature::Multiple => Some([1, 0]),
        GpuFeature::ProtectedPcie => Some([2, 0]),
        GpuFeature::Mixed => Some([u8::from(index == 1), 0]),
    };
    let mut out = Vec::with_capacity(423);
    let mut member = |tag, value: &[u8]| member(&mut out, tag, value);
    member(tag::VBIOS_VERSION, &[0xee; 8]);
    member(tag::BOARD_ID, &[0xee; 4]);
    member(tag::CHIP_SKU, b"000\0\0\0\0\0\0");
    member(tag::CHIP_SKU_MOD, b"0\0\0\0\0");
    member(tag::PROJECT, b"SIM0\0");
    member(tag::PROJECT_SKU, b"0000\0");
    member(tag::PROJECT_SKU_MOD, b"\0\0");
    member(tag::DRIVER_VERSION, format!("{DRIVER}\0").as_bytes());
    member(tag::GPU_INFO, &[0; 8]);
    member(tag::MEASUREMENT_COUNTS, &[0; 256]);
    member(tag::CPR_INFO, &[0; 4]);
    member(tag::NVDEC0_STATUS, &[OFF]);
    if let Some(firmware) = firmware {
        member(tag::FIRMWARE_ID, firmware);
        member(tag::PROTECTED_PCIE, &[protected_pcie]);
        if protected_pcie == ON {
            member(tag::SWITCHES, links);
        }
    }
    if let Some(feature) = feature {
        member(tag::FEATURE_FLAG, &feature);
    }
    out
}

/// Adds a member of opaque data.
pub(crate) fn member(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    // invariant: the longest value has 256 bytes
    let length = u16::try_from(value.len()).unwrap_or(0);
    out.extend_from_slice(&tag.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
}

/// A length in `N` bytes, little-endian.
fn length<const N: usize>(length: usize) -> Result<[u8; N], MintError> {
    let bytes = length.to_le_bytes();
    match bytes.split_first_chunk::<N>() {
        Some((low, high)) if high.iter().all(|byte| *byte == 0) => Ok(*low),
        _ => Err(MintError::Encoding { what: "a length", reason: format!("{length} is too long") }),
    }
}
