//! The look-alike of NVIDIA's device hierarchy: root, GPU identity, provisioner; then for each GPU its boot
//! ROM and the attestation key that the boot ROM vouches for.

use der::{
    Encode, Tag, TagNumber,
    asn1::{ObjectIdentifier, OctetString},
};
use jurat_attest::GpuArchitecture;
use p384::ecdsa::SigningKey;
use rand_core::TryCryptoRng;
use x509_cert::{
    ext::Extension,
    time::{Time, Validity},
};

use super::{
    Certified, Key as _, Role, Subject, bytes, chain,
    encoding::{sequence, tagged},
    name, time,
};
use crate::{Blueprint, GpuChain, MintError, spdm::FIRMWARE};

/// TCG's `CompositeDeviceID`, which Hopper's leafs carry.
const FWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.1");
/// TCG's `DiceTcbInfo`, which Blackwell's leafs carry.
const TCB_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.1.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");

/// No registered extension: an arc for documentation.
const UNKNOWN: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.1");

/// What all GPUs of one machine have above them.
pub(crate) struct NvidiaPki {
    pub(crate) root: Certified<SigningKey>,
    identity: Certified<SigningKey>,
    provisioner: Certified<SigningKey>,
    validity: Validity,
    architecture: GpuArchitecture,
    deviation: GpuChain,
}

/// One GPU's attestation key and the five certificates above it, leaf first.
pub(crate) struct GpuIdentity {
    pub(crate) key: SigningKey,
    pub(crate) chain: String,
}

impl NvidiaPki {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let end = blueprint.gpus_valid_until.map_or(Ok(Time::INFINITY), time)?;
        let validity = Validity::new(time(blueprint.issued)?, end);
        let deviation = blueprint.gpu_chain;
        let below = |role| if deviation == GpuChain::PathLength { Role::Issuer(Some(0)) } else { role };
        let issuer = |common_name: &str, role| subject(common_name, role, validity, vec![]);
        let architecture = blueprint.gpu_architecture;
        let chip = chip(architecture);
        let identity =
            root.issue(rng, issuer(&format!("SIMULATED {chip} Identity"), below(Role::Issuer(None)))?)?;
        let provisioner = issuer(&format!("SIMULATED {chip} Provisioner ICA 1"), Role::Issuer(None))?;
        let provisioner = identity.issue(rng, provisioner)?;
        Ok(Self { root, identity, provisioner, validity, architecture, deviation })
    }

    /// A switch with keys of its own, and its number in the fabric.
    pub(crate) fn switch<R: TryCryptoRng + ?Sized>(
        &self,
        rng: &mut R,
    ) -> Result<(GpuIdentity, [u8; 8]), MintError> {
        let number = bytes::<8, R>(rng)?;
        let device = format!("50{}", hex::encode_upper(number));
        let named = |part: &str| format!("LS_10 A01 FSP {part},serialNumber={device}");
        let brom = subject(&named("BROM"), Role::Issuer(None), self.validity, vec![])?;
        let brom = self.provisioner.issue(rng, brom)?;
        let leaf = brom.issue(rng, subject(&named("FMC LF"), Role::Signer, self.validity, vec![])?)?;
        let chain = chain(&[&leaf, &brom, &self.provisioner, &self.identity, &self.root])?;
        Ok((GpuIdentity { key: leaf.key, chain }, number))
    }

    /// A GPU with keys of its own.
    pub(crate) fn gpu<R: TryCryptoRng + ?Sized>(&self, rng: &mut R) -> Result<GpuIdentity, MintError> {
        // as in NVIDIA's, a device's certificates are told apart by the serial number in their subject
        let device = hex::encode_upper(bytes::<9, R>(rng)?);
        let chip = chip(self.architecture);
        let named = |part: &str| format!("{chip} A01 GSP {part},serialNumber={device}");
        let issuer = if self.deviation == GpuChain::NoIssuer { Role::Signer } else { Role::Issuer(None) };
        let signer = if self.deviation == GpuChain::NoSigner { Role::Issuer(None) } else { Role::Signer };
        let brom = subject(&named("BROM"), issuer, self.validity, vec![])?;
        let brom = self.provisioner.issue(rng, brom)?;
        let firmware = match self.architecture {
            GpuArchitecture::Blackwell => tcb_info()?,
            _ => firmware_id(&brom)?,
        };
        let mut extensions = vec![firmware];
        if self.deviation == GpuChain::UnknownExtension {
            let nothing = OctetString::new([0x05, 0]).map_err(MintError::encoding("an extension"))?;
            extensions.push(Extension { extn_id: UNKNOWN, critical: true, extn_value: nothing });
        }
        let leaf = subject(&named("FMC LF"), signer, self.validity, extensions)?;
        let leaf = brom.issue(rng, leaf)?;
        let chain = chain(&[&leaf, &brom, &self.provisioner, &self.identity, &self.root])?;
        Ok(GpuIdentity { key: leaf.key, chain })
    }
}

pub(crate) fn chip(architecture: GpuArchitecture) -> &'static str {
    match architecture {
        GpuArchitecture::Blackwell => "GB100",
        _ => "GH100",
    }
}

fn subject(
    common_name: &str,
    role: Role,
    validity: Validity,
    extensions: Vec<Extension>,
) -> Result<Subject, MintError> {
    let name = name(&format!("CN={common_name},{}", crate::roots::NVIDIA_ORGANISATION))?;
    Ok(Subject { name, role, validity, extensions })
}

/// `CompositeDeviceID { version, deviceID, fwid { algorithm, digest } }`: the digest ends it.
fn firmware_id(device: &Certified<SigningKey>) -> Result<Extension, MintError> {
    let key = device.key.spki()?;
    let encode = || -> der::Result<Extension> {
        let fwid = sequence(&[SHA384.to_der()?, tagged(Tag::OctetString, &FIRMWARE)?])?;
        let value = sequence(&[1u8.to_der()?, key.to_der()?, fwid])?;
        Ok(Extension { extn_id: FWID, critical: false, extn_value: OctetString::new(value)? })
    };
    encode().map_err(MintError::encoding("the firmware extension"))
}

/// `DiceTcbInfo { fwids [6] { { algorithm, digest } } }`, and nothing of its other members.
fn tcb_info() -> Result<Extension, MintError> {
    let encode = || -> der::Result<Extension> {
        let fwid = sequence(&[SHA384.to_der()?, tagged(Tag::OctetString, &FIRMWARE)?])?;
        let fwids = Tag::ContextSpecific { constructed: true, number: TagNumber(6) };
        let value = sequence(&[tagged(fwids, &fwid)?])?;
        Ok(Extension { extn_id: TCB_INFO, critical: false, extn_value: OctetString::new(value)? })
    };
    encode().map_err(MintError::encoding("the firmware extension"))
}
