//! The look-alike of Intel's hierarchy: root, platform CA, one platform; root, signer of collateral.

use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use rand_core::TryCryptoRng;
use x509_cert::{Certificate, time::Validity};

use super::{Certified, Role, Subject, bytes, chain, crl, name, sgx_extension::Platform, time};
use crate::{
    Blueprint, MintError, Revoked,
    collateral::{PCE_ID, PCE_SVN, platform_svns},
};

/// Family, model and so on of the platform: none that Intel makes.
pub const FMSPC: [u8; 6] = [0xee; 6];

/// As long as Intel's certificates of platforms live.
const SEVEN_YEARS: u64 = 7 * 365 * 24 * 60 * 60;

/// The hierarchy, down to what signs.
pub(crate) struct IntelPki {
    pub(crate) root: Certified<SigningKey>,
    platform_ca: Certified<SigningKey>,
    /// Signs the quoting enclave's report.
    platform: Certified<SigningKey>,
    /// Signs the collateral.
    tcb_signer: Certified<SigningKey>,
}

impl IntelPki {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        root: Certified<SigningKey>,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let end = jurat_proto::UnixSeconds(blueprint.issued.0.saturating_add(SEVEN_YEARS));
        let validity = Validity::new(time(blueprint.issued)?, time(end)?);
        let subject = |common_name: &str, role, extensions| -> Result<Subject, MintError> {
            let name = name(&format!("CN={common_name},{}", crate::roots::INTEL_ORGANISATION))?;
            Ok(Subject { name, role, validity, extensions })
        };

        // "Platform" in the CA's name is what tells it from Intel's other one, "Processor"
        let platform_ca =
            root.issue(rng, subject("SIMULATED PCK Platform CA", Role::Issuer(Some(0)), vec![])?)?;
        let platform = Platform {
            ppid: bytes(rng)?,
            components: platform_svns(blueprint.tcb),
            pce_svn: PCE_SVN,
            pce_id: PCE_ID,
            fmspc: FMSPC,
            instance: bytes(rng)?,
        };
        let extensions = vec![platform.extension()?];
        let platform =
            platform_ca.issue(rng, subject("SIMULATED PCK Certificate", Role::Signer, extensions)?)?;
        let tcb_signer = root.issue(rng, subject("SIMULATED TCB Signing", Role::Signer, vec![])?)?;
        Ok(Self { root, platform_ca, platform, tcb_signer })
    }

    /// The platform's certificates, leaf first, root last.
    pub(crate) fn platform_chain(&self) -> Result<String, MintError> {
        chain(&[&self.platform, &self.platform_ca, &self.root])
    }

    /// The certificates of who issues the platform's revocation list.
    pub(crate) fn platform_ca_chain(&self) -> Result<String, MintError> {
        chain(&[&self.platform_ca, &self.root])
    }

    /// The certificates of who signs the collateral.
    pub(crate) fn tcb_chain(&self) -> Result<String, MintError> {
        chain(&[&self.tcb_signer, &self.root])
    }

    /// Signs a report of the quoting enclave: `r‖s`.
    pub(crate) fn sign_as_platform(&self, report: &[u8]) -> Result<[u8; 64], MintError> {
        sign(&self.platform.key, report)
    }

    /// Signs the text of a statement of the collateral: `r‖s`.
    pub(crate) fn sign_as_tcb_signer(&self, text: &str) -> Result<[u8; 64], MintError> {
        sign(&self.tcb_signer.key, text.as_bytes())
    }

    /// The root's revocation list and the platform CA's, DER.
    pub(crate) fn revocation_lists(&self, blueprint: &Blueprint) -> Result<(Vec<u8>, Vec<u8>), MintError> {
        let validity = Validity::new(time(blueprint.issued)?, time(blueprint.next_update)?);
        let nothing: &[&Certificate] = &[];
        let (by_root, by_ca) = match blueprint.revoked {
            Revoked::Nothing => (nothing, nothing),
            Revoked::Platform => (nothing, &[&self.platform.certificate][..]),
            Revoked::PlatformCa => (&[&self.platform_ca.certificate][..], nothing),
            Revoked::TcbSigner => (&[&self.tcb_signer.certificate][..], nothing),
        };
        Ok((crl::sign(&self.root, &validity, by_root)?, crl::sign(&self.platform_ca, &validity, by_ca)?))
    }
}

/// `r‖s` under P-256 and SHA-256.
pub(crate) fn sign(key: &SigningKey, bytes: &[u8]) -> Result<[u8; 64], MintError> {
    let signature: Signature = key.try_sign(bytes).map_err(MintError::encoding("a signature"))?;
    Ok(signature.to_bytes().into())
}
