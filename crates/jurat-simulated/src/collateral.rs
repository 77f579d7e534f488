//! What the look-alike of Intel says of platforms and quoting enclaves: TCB info version 3 and the identity
//! of the TD quoting enclave version 2, as Intel's *PCS API 4* serves them, signed over their exact text.

use serde::Serialize;

use crate::{
    Blueprint, MintError, Tcb,
    pki::{
        date,
        intel::{FMSPC, IntelPki},
    },
    quote::{QE_ATTRIBUTES, QE_ISV_SVN, QE_MR_SIGNER, QE_PRODUCT, TDX_MODULE_SVN},
};

/// Security version of the provisioning certification enclave.
pub(crate) const PCE_SVN: u8 = 13;
pub(crate) const PCE_ID: [u8; 2] = [0; 2];

const EVALUATION_NUMBER: u32 = 1;
/// Zeroes: the TDX module is Intel's own.
const MODULE_SIGNER: [u8; 48] = [0; 48];
const MODULE_ATTRIBUTES: &str = "0000000000000000";
const ALL_OF_THEM: &str = "FFFFFFFFFFFFFFFF";

/// Levels from the newest: status, date, the security version that reaches it.
const LEVELS: [(Tcb, &str); 5] = [
    (Tcb::UpToDate, "2025-01-01T00:00:00Z"),
    (Tcb::SwHardeningNeeded, "2025-01-01T00:00:00Z"),
    (Tcb::ConfigurationNeeded, "2025-01-01T00:00:00Z"),
    (Tcb::OutOfDate, "2024-01-01T00:00:00Z"),
    (Tcb::Revoked, "2023-01-01T00:00:00Z"),
];

/// An advisory that nobody issued, open on every level but the newest.
const ADVISORY: &str = "SIMULATED-SA-00001";

/// Security versions of a platform's sixteen SGX components that reach the level of `tcb` and no newer.
pub(crate) fn platform_svns(tcb: Tcb) -> [u8; 16] {
    let microcode = match tcb {
        Tcb::UpToDate => 5,
        Tcb::SwHardeningNeeded => 4,
        Tcb::ConfigurationNeeded => 3,
        Tcb::OutOfDate => 2,
        Tcb::Revoked => 1,
    };
    [microcode, microcode, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// The collateral as `dcap-qvl`'s `QuoteCollateralV3` in JSON.
pub(crate) fn collateral(blueprint: &Blueprint, pki: &IntelPki) -> Result<String, MintError> {
    let issue_date = date(blueprint.issued)?.to_string();
    let next_update = date(blueprint.next_update)?.to_string();
    let tcb_info = text(&TcbInfo::of(&issue_date, &next_update))?;
    let qe_identity = text(&QeIdentity::of(&issue_date, &next_update))?;
    let (root_ca_crl, pck_crl) = pki.revocation_lists(blueprint)?;
    text(&Collateral {
        pck_crl_issuer_chain: pki.platform_ca_chain()?,
        root_ca_crl: hex::encode(root_ca_crl),
        pck_crl: hex::encode(pck_crl),
        tcb_info_issuer_chain: pki.tcb_chain()?,
        tcb_info_signature: hex::encode(pki.sign_as_tcb_signer(&tcb_info)?),
        tcb_info,
        qe_identity_issuer_chain: pki.tcb_chain()?,
        qe_identity_signature: hex::encode(pki.sign_as_tcb_signer(&qe_identity)?),
        qe_identity,
    })
}

fn text(value: &impl Serialize) -> Result<String, MintError> {
    serde_json::to_string(value).map_err(MintError::encoding("the collateral"))
}

/// Without `pck_certificate_chain`: the quote carries it.
#[derive(Serialize)]
struct Collateral {
    pck_crl_issuer_chain: String,
    root_ca_crl: String,
    pck_crl: String,
    tcb_info_issuer_chain: String,
    tcb_info: String,
    tcb_info_signature: String,
    qe_identity_issuer_chain: String,
    qe_identity: String,
    qe_identity_signature: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TcbInfo<'a> {
    id: &'static str,
    version: u8,
    issue_date: &'a str,
    next_update: &'a str,
    fmspc: String,
    pce_id: String,
    tcb_type: u8,
    tcb_evaluation_data_number: u32,
    tdx_module: TdxModule,
    tdx_module_identities: [TdxModuleIdentity; 1],
    tcb_levels: Vec<TcbLevel<PlatformTcb>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TdxModule {
    mrsigner: String,
    attributes: &'static str,
    attributes_mask: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TdxModuleIdentity {
    id: &'static str,
    #[serde(flatten)]
    module: TdxModule,
    tcb_levels: [TcbLevel<IsvSvn>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TcbLevel<T> {
    tcb: T,
    tcb_date: &'static str,
    tcb_status: &'static str,
    #[serde(rename = "advisoryIDs", skip_serializing_if = "<[_]>::is_empty")]
    advisory_ids: &'static [&'static str],
}

#[derive(Serialize)]
struct PlatformTcb {
    sgxtcbcomponents: [Component; 16],
    pcesvn: u8,
    tdxtcbcomponents: [Component; 16],
}

#[derive(Serialize)]
struct Component {
    svn: u8,
}

#[derive(Serialize)]
struct IsvSvn {
    isvsvn: u16,
}

impl<'a> TcbInfo<'a> {
    fn of(issue_date: &'a str, next_update: &'a str) -> Self {
        Self {
            id: "TDX",
            version: 3,
            issue_date,
            next_update,
            fmspc: hex::encode_upper(FMSPC),
            pce_id: hex::encode_upper(PCE_ID),
            tcb_type: 0,
            tcb_evaluation_data_number: EVALUATION_NUMBER,
            tdx_module: TdxModule::simulated(),
            tdx_module_identities: [TdxModuleIdentity {
                // the second byte of TEE_TCB_SVN, in the quotes too
                id: "TDX_01",
                module: TdxModule::simulated(),
                tcb_levels: [TcbLevel {
                    tcb: IsvSvn { isvsvn: TDX_MODULE_SVN.into() },
                    tcb_date: "2025-01-01T00:00:00Z",
                    tcb_status: "UpToDate",
                    advisory_ids: &[],
                }],
            }],
            tcb_levels: LEVELS.map(|(tcb, date)| TcbLevel::of(tcb, date)).into(),
        }
    }
}

impl TdxModule {
    fn simulated() -> Self {
        Self {
            mrsigner: hex::encode_upper(MODULE_SIGNER),
            attributes: MODULE_ATTRIBUTES,
            attributes_mask: ALL_OF_THEM,
        }
    }
}

impl TcbLevel<PlatformTcb> {
    fn of(tcb: Tcb, tcb_date: &'static str) -> Self {
        let (tcb_status, advisory_ids): (_, &[&str]) = match tcb {
            Tcb::UpToDate => ("UpToDate", &[]),
            Tcb::SwHardeningNeeded => ("SWHardeningNeeded", &[ADVISORY]),
            Tcb::ConfigurationNeeded => ("ConfigurationNeeded", &[ADVISORY]),
            Tcb::OutOfDate => ("OutOfDate", &[ADVISORY]),
            Tcb::Revoked => ("Revoked", &[ADVISORY]),
        };
        let components = |svns: [u8; 16]| svns.map(|svn| Component { svn });
        // what the TDX module's own identity does not judge: late microcode
        let tdx = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let tcb = PlatformTcb {
            sgxtcbcomponents: components(platform_svns(tcb)),
            pcesvn: PCE_SVN,
            tdxtcbcomponents: components(tdx),
        };
        Self { tcb, tcb_date, tcb_status, advisory_ids }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QeIdentity<'a> {
    id: &'static str,
    version: u8,
    issue_date: &'a str,
    next_update: &'a str,
    tcb_evaluation_data_number: u32,
    miscselect: &'static str,
    miscselect_mask: &'static str,
    attributes: String,
    attributes_mask: &'static str,
    mrsigner: String,
    isvprodid: u16,
    tcb_levels: [TcbLevel<IsvSvn>; 1],
}

impl<'a> QeIdentity<'a> {
    fn of(issue_date: &'a str, next_update: &'a str) -> Self {
        Self {
            id: "TD_QE",
            version: 2,
            issue_date,
            next_update,
            tcb_evaluation_data_number: EVALUATION_NUMBER,
            miscselect: "00000000",
            miscselect_mask: "FFFFFFFF",
            attributes: hex::encode_upper(QE_ATTRIBUTES),
            // neither MODE64BIT nor XFRM matters, as in Intel's
            attributes_mask: "FBFFFFFFFFFFFFFF0000000000000000",
            mrsigner: hex::encode_upper(QE_MR_SIGNER),
            isvprodid: QE_PRODUCT,
            tcb_levels: [TcbLevel {
                tcb: IsvSvn { isvsvn: QE_ISV_SVN },
                tcb_date: "2025-01-01T00:00:00Z",
                tcb_status: "UpToDate",
                advisory_ids: &[],
            }],
        }
    }
}
