//! `bind.address`: the leading half of the report data names the signer, under a binding that the policy allows.

use jurat_proto::{Address, Binding, Digest, Layout, Nonce, PublicKey, ReportBody, report_data};

use super::Named;
use crate::Policy;

/// The signer and the binding under which the quote names it, or why it does not.
///
/// The bindings to try come from the policy. The report's own word on its binding can only speak against it.
pub(super) fn judge(
    body: &ReportBody,
    policy: &Policy,
    quoted: &[u8; 64],
) -> Result<(Named, Binding), String> {
    let named = signer(body)?;
    let own_word: Option<Binding> = match body.binding.as_deref().map(str::parse) {
        None => None,
        Some(Ok(binding)) => Some(binding),
        Some(Err(_)) => return Err("the report names an unknown binding".into()),
    };
    let (leading, _) = quoted.split_at(32);
    let names =
        |binding: &Binding| leading_half(&named.address, *binding, body).is_some_and(|half| half == leading);

    let Some(binding) = policy.bindings.iter().copied().find(names) else {
        return Err(why_not(&named.address, policy, leading, Binding::ALL.into_iter().find(names)));
    };
    if let Some(own_word) = own_word.filter(|own_word| *own_word != binding) {
        return Err(format!(
            "the report calls its binding {own_word}, but the quote does not bear that domain separator: \
             its layout is {binding}'s"
        ));
    }
    if binding == Binding::JuratV1 && named.key.is_none() {
        return Err("the report names no public key, which jurat-v1 needs".into());
    }
    Ok((named, binding))
}

fn signer(body: &ReportBody) -> Result<Named, String> {
    if !body.signing_algo.is_empty() && !body.signing_algo.eq_ignore_ascii_case("ecdsa") {
        return Err("the signer's algorithm is not ecdsa, the only one that this version judges".into());
    }
    let address: Address =
        body.signing_address.parse().map_err(|_| "signing_address is not an address".to_owned())?;
    let key = body.signing_public_key.as_deref().map(str::parse::<PublicKey>).transpose();
    let key = key.map_err(|_| "signing_public_key is not a public key".to_owned())?;
    if key.is_some_and(|key| key.address() != address) {
        return Err("the public key's hash is not the address".into());
    }
    Ok(Named { address, key })
}

/// What the quote must begin with. `None` if the report lacks what the binding needs.
fn leading_half(address: &Address, binding: Binding, body: &ReportBody) -> Option<[u8; 32]> {
    let spki: Digest;
    let layout = match binding {
        Binding::JuratV1 => Layout::JuratV1 { claims: "", nvidia_payload: "", nvswitch_payload: "" },
        Binding::DstackV1 => Layout::DstackV1,
        Binding::DstackV2 => {
            spki = body.tls_cert_fingerprint.as_deref()?.parse().ok()?;
            Layout::DstackV2 { spki: &spki }
        }
    };
    // neither the nonce nor what a jurat-v1 quote commits to shows in this half
    let data = report_data(address, &Nonce::new([0; 32]), layout);
    data.as_bytes().first_chunk().copied()
}

fn why_not(address: &Address, policy: &Policy, leading: &[u8], other: Option<Binding>) -> String {
    let allowed = policy.bindings.iter().map(|binding| binding.as_str()).collect::<Vec<_>>().join(", ");
    match other {
        Some(other) => format!(
            "the quote does not bear the domain separator of {allowed}, which the policy demands: its layout \
             is {other}'s"
        ),
        None if leading.starts_with(address.as_bytes()) => {
            format!("the quote names the address, but without the domain separator of {allowed}")
        }
        None => "the quote names another signer".into(),
    }
}
