//! TDX quotes, versions 4 and 5: Intel, *TDX DCAP Quoting Library API*, appendix A.3 and A.4.

use jurat_proto::{ReportData, TEE_TYPE_TDX, sha256};
use p256::ecdsa::SigningKey;
use rand_core::TryCryptoRng;

use crate::{
    Blueprint, MintError, QuoteForm,
    collateral::platform_svns,
    event_log::Register,
    pki::{
        Key as _,
        intel::{IntelPki, sign},
    },
};

/// Security version of the TDX module, first byte of `TEE_TCB_SVN`.
pub(crate) const TDX_MODULE_SVN: u8 = 6;
/// `TEE_TCB_SVN`: module 6 of major version 1, late microcode 1.
const TEE_TCB_SVN: [u8; 16] = [TDX_MODULE_SVN, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The quoting enclave's signer: none of Intel's.
pub(crate) const QE_MR_SIGNER: [u8; 32] = [0xe5; 32];
const QE_MR_ENCLAVE: [u8; 32] = [0xe6; 32];
pub(crate) const QE_PRODUCT: u16 = 2;
pub(crate) const QE_ISV_SVN: u16 = 4;
/// INIT and PROVISION_KEY; not DEBUG.
pub(crate) const QE_ATTRIBUTES: [u8; 16] = [0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// 32 bytes that the quoting enclave may choose.
const QE_AUTHENTICATION: &[u8; 32] = b"SIMULATED - NOT INTEL\0\0\0\0\0\0\0\0\0\0\0";

/// Every quote must name Intel's quoting enclave by this number, so this one does too.
const INTEL_QE_VENDOR: [u8; 16] =
    [0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07];
const USER_DATA: [u8; 20] = [0xee; 20];
const ECDSA_P256: u16 = 2;
const PCK_CHAIN: u16 = 5;
const QE_REPORT: u16 = 6;
/// x87, SSE, AVX, AVX-512 and AMX state.
const XFAM: u64 = 0x0006_02e7;

/// What a TD is said to consist of. The run-time registers follow from the event log instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TdMeasurements {
    /// The TDX module.
    pub mr_seam: [u8; 48],
    /// The TDX module's signer: zero for Intel's, and collateral allows no other.
    pub mr_signer_seam: [u8; 48],
    /// The TD as it was built.
    pub mr_td: [u8; 48],
    /// Identity given at launch.
    pub mr_config_id: [u8; 48],
    /// Owner given at launch.
    pub mr_owner: [u8; 48],
    /// Owner's configuration given at launch.
    pub mr_owner_config: [u8; 48],
}

impl TdMeasurements {
    /// One repeated byte each, from `E0` up: no code hashes to that.
    pub const SIMULATED: Self = Self {
        mr_seam: [0xed; 48],
        mr_signer_seam: [0; 48],
        mr_td: [0xe0; 48],
        mr_config_id: [0xe1; 48],
        mr_owner: [0xe2; 48],
        mr_owner_config: [0xe3; 48],
    };
}

/// A quoting enclave with an attestation key of its own, and the one TD it quotes.
pub(crate) struct QuotingEnclave {
    pub(crate) key: SigningKey,
    /// Header, body type and TD report up to the report data.
    before: Vec<u8>,
    /// The members of a TD 1.5 report that follow the report data.
    after: Vec<u8>,
    /// From the attestation key to the end.
    certification: Vec<u8>,
}

impl QuotingEnclave {
    pub(crate) fn mint<R: TryCryptoRng + ?Sized>(
        blueprint: &Blueprint,
        registers: &[Register; 4],
        pki: &IntelPki,
        rng: &mut R,
    ) -> Result<Self, MintError> {
        let key = SigningKey::draw(rng).map_err(|error| MintError::Random(error.to_string()))?;
        let (before, after) = fixed_members(blueprint, registers);
        Ok(Self {
            certification: certification(&key, pki, platform_svns(blueprint.tcb))?,
            key,
            before,
            after,
        })
    }

    /// A quote that carries `report_data`.
    pub(crate) fn quote(&self, report_data: &ReportData) -> Result<Vec<u8>, MintError> {
        let mut quote = [&self.before[..], report_data.as_bytes(), &self.after].concat();
        let signature = sign(&self.key, &quote)?;
        let length = signature.len() + self.certification.len();
        quote.extend_from_slice(&length_u32(length)?);
        quote.extend_from_slice(&signature);
        quote.extend_from_slice(&self.certification);
        Ok(quote)
    }
}

fn fixed_members(blueprint: &Blueprint, registers: &[Register; 4]) -> (Vec<u8>, Vec<u8>) {
    // version, then for version 5 the body's type and size
    let (version, body): (u16, Option<(u16, u32)>) = match blueprint.quote {
        QuoteForm::V4 => (4, None),
        QuoteForm::V5 => (5, Some((2, 584))),
        QuoteForm::V5Td15 => (5, Some((3, 648))),
    };
    let mut before = Vec::with_capacity(54 + 520);
    before.extend_from_slice(&version.to_le_bytes());
    before.extend_from_slice(&ECDSA_P256.to_le_bytes());
    before.extend_from_slice(&TEE_TYPE_TDX.to_le_bytes());
    before.extend_from_slice(&[0; 4]); // QE SVN and PCE SVN: the certificates say them
    before.extend_from_slice(&INTEL_QE_VENDOR);
    before.extend_from_slice(&USER_DATA);
    if let Some((kind, size)) = body {
        before.extend_from_slice(&kind.to_le_bytes());
        before.extend_from_slice(&size.to_le_bytes());
    }

    let td = &blueprint.measurements;
    before.extend_from_slice(&TEE_TCB_SVN);
    before.extend_from_slice(&td.mr_seam);
    before.extend_from_slice(&td.mr_signer_seam);
    before.extend_from_slice(&[0; 8]); // SEAM attributes
    before.extend_from_slice(&blueprint.td_attributes.to_le_bytes());
    before.extend_from_slice(&XFAM.to_le_bytes());
    let mr_config_id = blueprint.compose.as_deref().map_or(td.mr_config_id, config_id);
    for register in [&td.mr_td, &mr_config_id, &td.mr_owner, &td.mr_owner_config] {
        before.extend_from_slice(register);
    }
    before.extend_from_slice(registers.as_flattened());

    let mut after = Vec::new();
    if blueprint.quote == QuoteForm::V5Td15 {
        after.extend_from_slice(&TEE_TCB_SVN); // as it is now: no update since the launch
        after.extend_from_slice(&[0; 48]); // no service TD
    }
    (before, after)
}

/// MRCONFIGID as dstack's host fills it: 1, the hash of the compose file, zeros.
fn config_id(compose: &str) -> [u8; 48] {
    let mut id = [0; 48];
    id[0] = 1;
    id[1..33].copy_from_slice(sha256(compose.as_bytes()).as_bytes());
    id
}

/// Attestation key, then type 6: the quoting enclave's report, which vouches for the key, and the platform's
/// certificates, which vouch for the report.
fn certification(key: &SigningKey, pki: &IntelPki, cpu_svn: [u8; 16]) -> Result<Vec<u8>, MintError> {
    let point = key.verifying_key().to_sec1_point(false);
    // invariant: an uncompressed P-256 point is 04, x, y
    let Some((_, public)) = point.as_bytes().split_first() else {
        return Err(MintError::Encoding { what: "the attestation key", reason: "no point".into() });
    };
    let report = qe_report(public, cpu_svn);
    // NUL-terminated, as Intel's library writes it
    let chain = pki.platform_chain()? + "\0";

    let mut inner = Vec::new();
    inner.extend_from_slice(&report);
    inner.extend_from_slice(&pki.sign_as_platform(&report)?);
    inner.extend_from_slice(&32u16.to_le_bytes());
    inner.extend_from_slice(QE_AUTHENTICATION);
    inner.extend_from_slice(&PCK_CHAIN.to_le_bytes());
    inner.extend_from_slice(&length_u32(chain.len())?);
    inner.extend_from_slice(chain.as_bytes());

    let mut outer = public.to_vec();
    outer.extend_from_slice(&QE_REPORT.to_le_bytes());
    outer.extend_from_slice(&length_u32(inner.len())?);
    outer.extend_from_slice(&inner);
    Ok(outer)
}

/// An SGX enclave report, 384 bytes.
fn qe_report(attestation_key: &[u8], cpu_svn: [u8; 16]) -> Vec<u8> {
    let mut report = Vec::with_capacity(384);
    report.extend_from_slice(&cpu_svn);
    report.extend_from_slice(&[0; 4 + 28]); // MISCSELECT, reserved
    report.extend_from_slice(&QE_ATTRIBUTES);
    report.extend_from_slice(&QE_MR_ENCLAVE);
    report.extend_from_slice(&[0; 32]);
    report.extend_from_slice(&QE_MR_SIGNER);
    report.extend_from_slice(&[0; 96]);
    report.extend_from_slice(&QE_PRODUCT.to_le_bytes());
    report.extend_from_slice(&QE_ISV_SVN.to_le_bytes());
    report.extend_from_slice(&[0; 60]);
    let vouched = sha256(&[attestation_key, QE_AUTHENTICATION].concat());
    report.extend_from_slice(vouched.as_bytes());
    report.extend_from_slice(&[0; 32]);
    report
}

fn length_u32(length: usize) -> Result<[u8; 4], MintError> {
    u32::try_from(length).map(u32::to_le_bytes).map_err(MintError::encoding("a length"))
}
