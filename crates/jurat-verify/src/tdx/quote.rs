//! `tdx.quote`: the quote was signed by a genuine quoting enclave on a platform that the root vouches for.

use std::time::Duration;

use dcap_qvl::{
    QuoteCollateralV3, QuotePolicy,
    configs::RustCryptoConfig,
    intel,
    policy::QuoteClaims,
    quote::{Quote, Report, TDReport10},
    tcb_info::TcbInfo,
    verify::QuoteVerifier,
};
use der::{DateTime, Decode, Encode};
use jurat_proto::{QuoteView, UnixSeconds};
use x509_cert::Certificate;

use super::debug;
use crate::{check::Finding, evidence::Evidence, json, policy::Roots, roots};

/// Real collateral is some 20 KiB.
const MAX_COLLATERAL: usize = 1 << 20;

/// A quote that is genuine, or of which that is not known.
pub(crate) struct TdQuote {
    /// The TD's report, the members that every version has.
    pub(crate) td: TDReport10,
    /// The same report with the members that only its own version has.
    pub(crate) report: Report,
    /// What the verification found; `None` if it could not be made.
    pub(crate) claims: Option<QuoteClaims>,
}

/// Verifies the quote. It is handed back whenever it is legible; whether it is genuine, the finding says.
pub(super) fn judge(
    evidence: &Evidence,
    roots: Roots,
    collateral: Option<&str>,
    now: UnixSeconds,
) -> (Finding, Option<TdQuote>) {
    let bytes = match &evidence.quote {
        Ok(bytes) => bytes,
        Err(error) => return (Finding::fail(error.to_string()), None),
    };
    if let Err(error) = QuoteView::parse(bytes) {
        return (Finding::fail(error.to_string()), None);
    }
    let quote = match Quote::parse(bytes) {
        Ok(quote) => quote,
        Err(error) => return (Finding::fail(format!("the quote is not legible: {error:#}")), None),
    };
    let Some(td) = quote.report.as_td10().copied() else {
        return (Finding::fail("the quote is not of a TD"), None);
    };
    if roots != Roots::Simulated && (evidence.says_simulated() || is_simulated(&quote)) {
        let reason = "the quote is simulated: it proves nothing, and only the policy simulated heeds it";
        return (Finding::fail(reason), None);
    }
    let Some(collateral) = collateral else {
        let reason = "no collateral: Intel's statements on this platform are needed to judge the quote";
        return (Finding::skip(reason), Some(TdQuote { td, report: quote.report, claims: None }));
    };
    match verify(bytes, roots, collateral, now) {
        Ok(claims) => {
            let reason = format!("genuine, by collateral that is valid {}", window(&claims));
            let report = claims.report.clone();
            let Some(td) = report.as_td10().copied() else {
                return (Finding::fail("the quote is not of a TD"), None);
            };
            (Finding::pass(reason), Some(TdQuote { td, report, claims: Some(claims) }))
        }
        // attributes of the TD are among what is refused: say them in our words too
        Err(reason) => match debug::objection(&quote.report) {
            Some(objection) => (Finding::fail(format!("{reason}; it says of its TD: {objection}")), None),
            None => (Finding::fail(reason), None),
        },
    }
}

fn verify(quote: &[u8], roots: Roots, collateral: &str, now: UnixSeconds) -> Result<QuoteClaims, String> {
    if collateral.len() > MAX_COLLATERAL {
        return Err(format!("the collateral is longer than {MAX_COLLATERAL} bytes"));
    }
    let collateral: QuoteCollateralV3 =
        json::object(collateral).map_err(|error| format!("the collateral is not legible: {error}"))?;
    let verifier = match roots {
        Roots::Production => QuoteVerifier::new_prod(),
        Roots::Simulated => QuoteVerifier::new(
            roots::simulated_intel()
                .and_then(|root| root.to_der().ok())
                .ok_or("the simulated root is not legible")?,
        ),
    };
    let tcb_info = collateral.tcb_info.clone();
    // Debug TDs and every TCB status but Revoked pass here: tdx.debug and tdx.tcb judge those, each by name.
    let claims = verifier
        .with_config::<RustCryptoConfig>()
        .allow_debug(true)
        .verify_with_policy(quote, collateral, now.0, &QuotePolicy::claims_only(now.0))
        .map_err(|error| format!("{error:#}"))?;
    // dcap-qvl compares the platform's family, and not who provisioned it
    let tcb_info: TcbInfo = json::object(&tcb_info)?;
    if !tcb_info.pce_id.eq_ignore_ascii_case(&hex::encode(&claims.platform.pck.pce_id)) {
        return Err("the TCB info is about another PCE than the platform's".into());
    }
    Ok(claims)
}

/// From the youngest to the first that expires of everything that the judgement rests on: Intel's statements, lists
/// and certificates. `--at` takes the seconds.
fn window(claims: &QuoteClaims) -> String {
    let date = |seconds: u64| match DateTime::from_unix_duration(Duration::from_secs(seconds)) {
        Ok(date) => format!("{date} ({seconds})"),
        Err(_) => seconds.to_string(),
    };
    format!("from {} to {}", date(claims.latest_issue_date), date(claims.earliest_expiration_date))
}

/// Whether the quote's platform certificates were issued under the public look-alike root, whatever the
/// report says of itself.
fn is_simulated(quote: &Quote) -> bool {
    let chain = intel::extract_cert_chain(quote).unwrap_or_default();
    chain.iter().any(|der| {
        Certificate::from_der(der).is_ok_and(|certificate| {
            let issuer = certificate.tbs_certificate().issuer();
            roots::simulated_intel().is_some_and(|root| issuer == root.tbs_certificate().subject())
        })
    })
}
