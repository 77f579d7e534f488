//! The judge's answer to a vector.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jurat_proto::UnixSeconds;
use jurat_verify::{NrasAnswer, Policy, Verdict, verify_report};

use crate::format::Inputs;

/// Judges.
///
/// # Errors
/// If the inputs are none: a policy that is refused, a nonce that is no nonce.
pub fn judge(inputs: &Inputs) -> Result<Verdict, String> {
    let policy = Policy::parse(&inputs.policy).map_err(|error| error.to_string())?;
    let now = UnixSeconds(inputs.now);
    let mut given = match inputs.standing.as_str() {
        "live" => jurat_verify::Inputs::live(now),
        "archived" => jurat_verify::Inputs::archived(now),
        other => return Err(format!("unknown standing {other}")),
    };
    if let Some(nonce) = &inputs.nonce {
        given = given.nonce(nonce.parse().map_err(|_| "the nonce is no nonce")?);
    }
    if let Some(spki) = &inputs.peer_spki {
        given = given.peer_spki(spki.parse().map_err(|_| "peer_spki is no SHA-256")?);
    }
    if let Some(collateral) = &inputs.collateral {
        given = given.collateral(collateral);
    }
    let ocsp: Vec<Vec<u8>> = inputs
        .ocsp
        .iter()
        .map(|text| STANDARD.decode(text))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    given = given.rims(&inputs.rims).ocsp(&ocsp);
    if let Some(nras) = &inputs.nras {
        given = given.nras(NrasAnswer { answer: &nras.answer, jwks: &nras.jwks });
    }
    let report = serde_json::to_string(&inputs.report).map_err(|error| error.to_string())?;
    Ok(verify_report(&report, &policy, given))
}
