//! What Intel is to be asked about a platform, and Intel's answers put together as collateral.
//!
//! Nothing here is believed: collateral is judged where the quote is. The endpoints are those of Intel's *PCS API 4*.

use std::{borrow::Cow, fmt, ops::RangeInclusive};

use dcap_qvl::{QuoteCollateralV3, intel, quote::Quote};
use der::{DateTime, Decode};
use jurat_proto::UnixSeconds;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::value::RawValue;
use x509_cert::crl::CertificateList;

use crate::{evidence::Evidence, json};

/// The platform whose collateral is wanted: hexadecimal digits and one of two words, fit for a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    fmspc: [u8; 6],
    ca: &'static str,
}

impl Platform {
    /// Of the quote's platform certificate; `None` where the quote carries none that is legible.
    pub(crate) fn of(evidence: &Evidence) -> Option<Self> {
        let quote = Quote::parse(evidence.quote.as_ref().ok()?).ok()?;
        let fmspc = intel::quote_fmspc(&quote).ok()?;
        let ca = intel::quote_ca(&quote).ok()?;
        Some(Self { fmspc, ca: ca.as_id_str() })
    }

    /// The family, model, stepping, platform and custom SKU, 12 hexadecimal digits in upper case.
    pub fn fmspc(&self) -> String {
        hex::encode_upper(self.fmspc)
    }

    /// Who issued its certificate: `platform` or `processor`.
    pub fn ca(&self) -> &'static str {
        self.ca
    }
}

/// An answer of Intel's with the chain of its signer.
#[derive(Clone, PartialEq, Eq)]
pub struct IntelAnswer {
    /// The body.
    pub body: Vec<u8>,
    /// The issuer chain as the header has it, percent-encoded PEM.
    pub issuer_chain: String,
}

/// Intel's four answers on a platform.
#[derive(Clone, PartialEq, Eq)]
pub struct IntelAnswers {
    /// `tdx/certification/v4/tcb`
    pub tcb_info: IntelAnswer,
    /// `tdx/certification/v4/qe/identity`
    pub qe_identity: IntelAnswer,
    /// `sgx/certification/v4/pckcrl`, DER.
    pub pck_crl: IntelAnswer,
    /// The root's revocation list, DER; or that in hexadecimal, as a PCCS has it.
    pub root_ca_crl: Vec<u8>,
}

/// Why answers are no collateral.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CollateralError {
    /// An answer is not what that endpoint gives.
    #[error("its {0} is not legible: {1}")]
    Illegible(&'static str, String),
    /// A chain is not percent-encoded text.
    #[error("the issuer chain of its {0} is not legible")]
    IssuerChain(&'static str),
}

impl IntelAnswers {
    /// The collateral, as `dcap-qvl`'s `QuoteCollateralV3` in JSON. What Intel signed is kept to the byte.
    ///
    /// # Errors
    /// If an answer has not the shape that its endpoint gives. Whether it is genuine is for the judge.
    pub fn collateral(&self) -> Result<String, CollateralError> {
        #[derive(Deserialize)]
        struct TcbInfo<'a> {
            #[serde(borrow, rename = "tcbInfo")]
            signed: &'a RawValue,
            signature: String,
        }
        #[derive(Deserialize)]
        struct QeIdentity<'a> {
            #[serde(borrow, rename = "enclaveIdentity")]
            signed: &'a RawValue,
            signature: String,
        }

        let (tcb_info, qe_identity) = ("TCB info", "QE identity");
        let info: TcbInfo<'_> = read(tcb_info, &self.tcb_info.body)?;
        let identity: QeIdentity<'_> = read(qe_identity, &self.qe_identity.body)?;
        let collateral = QuoteCollateralV3 {
            pck_crl_issuer_chain: chain("PCK revocation list", &self.pck_crl)?,
            root_ca_crl: list("root revocation list", &self.root_ca_crl)?,
            pck_crl: list("PCK revocation list", &self.pck_crl.body)?,
            tcb_info_issuer_chain: chain(tcb_info, &self.tcb_info)?,
            tcb_info: info.signed.get().to_owned(),
            tcb_info_signature: signature(tcb_info, &info.signature)?,
            qe_identity_issuer_chain: chain(qe_identity, &self.qe_identity)?,
            qe_identity: identity.signed.get().to_owned(),
            qe_identity_signature: signature(qe_identity, &identity.signature)?,
            pck_certificate_chain: None,
        };
        serde_json::to_string(&collateral).map_err(|error| illegible(tcb_info, error))
    }
}

/// Of strangers' bytes only how many there are.
impl fmt::Debug for IntelAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntelAnswer").field("length", &self.body.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for IntelAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntelAnswers").finish_non_exhaustive()
    }
}

/// From when to when all of the collateral is valid by its own dates; `None` if it is not legible. Unproven: it tells
/// when to ask again, and nothing else.
pub fn collateral_window(collateral: &str) -> Option<RangeInclusive<UnixSeconds>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Dated {
        issue_date: String,
        next_update: String,
    }

    let collateral: QuoteCollateralV3 = json::object(collateral).ok()?;
    let seconds = |text: &str| Some(text.parse::<DateTime>().ok()?.unix_duration().as_secs());
    let mut window = (0, u64::MAX);
    let mut within = |from: u64, until: u64| window = (window.0.max(from), window.1.min(until));
    for text in [&collateral.tcb_info, &collateral.qe_identity] {
        let dated: Dated = json::object(text).ok()?;
        within(seconds(&dated.issue_date)?, seconds(&dated.next_update)?);
    }
    for der in [&collateral.root_ca_crl, &collateral.pck_crl] {
        let list = <CertificateList>::from_der(der).ok()?.tbs_cert_list;
        let from = list.this_update.to_unix_duration().as_secs();
        within(from, list.next_update.map_or(u64::MAX, |time| time.to_unix_duration().as_secs()));
    }
    Some(UnixSeconds(window.0)..=UnixSeconds(window.1))
}

fn read<'a, T: Deserialize<'a>>(what: &'static str, body: &'a [u8]) -> Result<T, CollateralError> {
    json::object_in(body).map_err(|error| illegible(what, error))
}

fn illegible(what: &'static str, error: impl fmt::Display) -> CollateralError {
    CollateralError::Illegible(what, error.to_string())
}

fn signature(what: &'static str, text: &str) -> Result<Vec<u8>, CollateralError> {
    hex::decode(text).map_err(|error| illegible(what, error))
}

fn chain(what: &'static str, answer: &IntelAnswer) -> Result<String, CollateralError> {
    let text = percent_decode_str(&answer.issuer_chain).decode_utf8();
    match text.map(Cow::into_owned) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(CollateralError::IssuerChain(what)),
    }
}

/// As DER, or as the hexadecimal digits of it.
fn list(what: &'static str, body: &[u8]) -> Result<Vec<u8>, CollateralError> {
    let der = match std::str::from_utf8(body).ok().and_then(|text| hex::decode(text.trim()).ok()) {
        Some(der) => Cow::Owned(der),
        None => Cow::Borrowed(body),
    };
    <CertificateList>::from_der(&der).map_err(|error| illegible(what, error))?;
    Ok(der.into_owned())
}

#[cfg(test)]
mod tests;
