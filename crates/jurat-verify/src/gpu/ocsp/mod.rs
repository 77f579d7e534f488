//! `gpu.revocation`: no certificate of a GPU is revoked, as NVIDIA's OCSP responder says (RFC 6960).

mod response;

use der::{asn1::ObjectIdentifier, oid::AssociatedOid};
use jurat_proto::{Digest, UnixSeconds};
use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier};
use x509_cert::ext::pkix::{CrlReason, ExtendedKeyUsage};

use self::response::{CertStatus, Response, SingleResponse};
pub use self::response::{OcspAnswerError, ocsp_window};
use super::{
    Gpu,
    certificates::{Chain, ECDSA_WITH_SHA384, Issuer, Link},
};
use crate::check::Finding;

/// Four certificates for each GPU, should none be shared, and those of who signed manifests.
pub(crate) const MAX_RESPONSES: usize = 192;
const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");

/// Judges GPUs whose chains hold. `manifests` are the chains of who signed reference values: nobody need speak
/// of those, and whatever is said is heeded.
pub(super) fn judge<'a>(
    gpus: &[Gpu<'_>],
    manifests: impl Iterator<Item = &'a Chain>,
    responses: &[Vec<u8>],
    now: UnixSeconds,
) -> Finding {
    if responses.is_empty() {
        return Finding::skip("NVIDIA's OCSP service was not asked");
    }
    if responses.len() > MAX_RESPONSES {
        return Finding::fail(format!("{} OCSP responses, more than {MAX_RESPONSES}", responses.len()));
    }
    let mut answers = Vec::new();
    for (at, der) in responses.iter().enumerate() {
        match Response::read(der) {
            Ok(Some(response)) => answers.push(Answer { at, response, verified: Vec::new() }),
            // nobody answered, so nothing is said
            Ok(None) => (),
            Err(error) => return Finding::fail(format!("OCSP response {at}: {error}")),
        }
    }
    let mut uncovered = None;
    let chains = gpus.iter().filter_map(|gpu| gpu.chain.as_ref().ok()).enumerate();
    for (gpu, chain) in chains {
        for at in 0..chain.issuers.len() {
            match covered(chain, at, &mut answers, now) {
                Ok(true) => (),
                // a leaf is made on its GPU at every start: NVIDIA's responder does not know it
                Ok(false) if at == 0 => (),
                Ok(false) => uncovered = uncovered.or(Some((gpu, at))),
                Err(reason) => return Finding::fail(format!("GPU {gpu}, certificate {at}: {reason}")),
            }
        }
    }
    for chain in manifests {
        for at in 0..chain.issuers.len() {
            if let Err(reason) = covered(chain, at, &mut answers, now) {
                return Finding::fail(format!("a manifest's signer, certificate {at}: {reason}"));
            }
        }
    }
    match uncovered {
        Some((gpu, at)) => Finding::skip(format!("GPU {gpu}: nobody vouches for certificate {at}")),
        None => Finding::pass("no certificate above the GPUs' own is revoked"),
    }
}

/// Whether an answer vouches for the certificate at `at`, from the leaf: or why one refutes it.
fn covered(chain: &Chain, at: usize, answers: &mut [Answer], now: UnixSeconds) -> Result<bool, String> {
    let above = chain.issuers.get(at..).unwrap_or_default();
    let Some((issuer, certificate)) = above.first().zip(chain.certificate(at)) else { return Ok(false) };
    let mut good = false;
    for answer in answers {
        let about = |single: &&SingleResponse| single.is_about(certificate, &issuer.certificate);
        if !answer.response.answers.iter().any(|single| about(&single)) {
            continue;
        }
        let number = answer.at;
        let named = |reason: &str| format!("{reason} (OCSP response {number})");
        answer.verify(above, now).map_err(|error| named(&error.to_string()))?;
        for single in answer.response.answers.iter().filter(about) {
            match &single.status {
                CertStatus::Revoked(info) if info.reason == Some(CrlReason::CertificateHold) => {
                    return Err(named("it is on hold"));
                }
                CertStatus::Revoked(_) => return Err(named("it is revoked")),
                _ if !single.is_current(now) => {
                    return Err(named(&format!("what is said of it does not hold at {now}")));
                }
                CertStatus::Good(_) => good = true,
                CertStatus::Unknown(_) if at == 0 => (),
                CertStatus::Unknown(_) => return Err(named("the responder does not know it")),
            }
        }
    }
    Ok(good)
}

/// A response, and under which issuers it was found authentic.
struct Answer {
    at: usize,
    response: Response,
    verified: Vec<Digest>,
}

/// Why a response is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum AuthorityError {
    #[error("who answers was not authorised to by anybody above it")]
    Responder,
    #[error("the answer's signature is wrong")]
    Signature,
    #[error("the answer is not signed with ECDSA on P-384 with SHA-384")]
    Algorithm,
}

impl Answer {
    /// Verifies the signature: by the certificate's issuer, or by whom that issuer or one above it has
    /// certified for OCSP.
    ///
    /// RFC 6960 has the issuer alone delegate. NVIDIA's own verifier takes a responder from anywhere above,
    /// and whoever is above could certify an issuer that delegates: nothing is believed that could not be.
    fn verify(&mut self, above: &[Issuer], now: UnixSeconds) -> Result<(), AuthorityError> {
        let Some(issuer) = above.first() else { return Err(AuthorityError::Responder) };
        if self.verified.contains(&issuer.spki) {
            return Ok(());
        }
        let Response { algorithm, signature, signed, certificates, .. } = &self.response;
        if *algorithm != ECDSA_WITH_SHA384 {
            return Err(AuthorityError::Algorithm);
        }
        let signature = Signature::from_der(signature).map_err(|_| AuthorityError::Signature)?;
        let verifies = |key: &VerifyingKey| key.verify(signed, &signature).is_ok();
        let mut delegates = certificates.iter().filter_map(|der| delegate(der, above, now)).peekable();
        let authorised = delegates.peek().is_some();
        if !delegates.any(|key| verifies(&key)) && !verifies(&issuer.key) {
            let delegated = authorised || certificates.is_empty();
            return Err(if delegated { AuthorityError::Signature } else { AuthorityError::Responder });
        }
        self.verified.push(issuer.spki);
        Ok(())
    }
}

/// The key of a certificate for OCSP, if one of `above` issued it.
fn delegate(der: &[u8], above: &[Issuer], now: UnixSeconds) -> Option<VerifyingKey> {
    let link = Link::read(0, der, now, &[ExtendedKeyUsage::OID]).ok()?;
    let tbs = link.certificate.tbs_certificate();
    let (_, usage) = tbs.get_extension::<ExtendedKeyUsage>().ok()??;
    let named = |issuer: &&Issuer| issuer.certificate.tbs_certificate().subject() == tbs.issuer();
    let issuer = above.iter().find(named)?;
    let fit = usage.0.contains(&OCSP_SIGNING) && link.may_sign().is_ok();
    let issued = fit && issuer.key.verify(link.signed, &link.signature).is_ok();
    issued.then_some(link.key)
}

#[cfg(test)]
mod tests;
