//! The look-alike of NVIDIA's device hierarchy: root, GPU identity, provisioner; then for each GPU its boot
//! ROM and the attestation key that the boot ROM vouches for.

use der::{
    Encode, Tag,
    asn1::{ObjectIdentifier, OctetString},
};
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
use crate::{Blueprint, MintError, spdm::FIRMWARE};

/// TCG's `CompositeDeviceID`, which Hopper's leafs carry.
const FWID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.133.5.4.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");

/// What all GPUs of one machine have above them.
pub(crate) struct NvidiaPki {
    pub(crate) root: Certified<SigningKey>,
    identity: Certified<SigningKey>,
    provisioner: Certified<SigningKey>,
    validity: Validity,
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
        let issuer = |common_name: &str| subject(common_name, Role::Issuer(None), validity, vec![]);
        let identity = root.issue(rng, issuer("SIMULATED GH100 Identity")?)?;
        let provisioner = identity.issue(rng, issuer("SIMULATED GH100 Provisioner ICA 1")?)?;
        Ok(Self { root, identity, provisioner, validity })
    }

    /// A GPU with keys of its own.
    pub(crate) fn gpu<R: TryCryptoRng + ?Sized>(&self, rng: &mut R) -> Result<GpuIdentity, MintError> {
        // as in NVIDIA's, a device's certificates are told apart by the serial number in their subject
        let device = hex::encode_upper(bytes::<9, R>(rng)?);
        let named = |common_name: &str| format!("{common_name},serialNumber={device}");
        let brom = subject(&named("GH100 A01 GSP BROM"), Role::Issuer(None), self.validity, vec![])?;
        let brom = self.provisioner.issue(rng, brom)?;
        let firmware = firmware_id(&brom)?;
        let leaf = subject(&named("GH100 A01 GSP FMC LF"), Role::Signer, self.validity, vec![firmware])?;
        let leaf = brom.issue(rng, leaf)?;
        let chain = chain(&[&leaf, &brom, &self.provisioner, &self.identity, &self.root])?;
        Ok(GpuIdentity { key: leaf.key, chain })
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
