//! Revocation lists. `x509-cert`'s own builder copies the authority key identifier out of the issuer's
//! certificate, where it names the issuer's issuer; these are put together by hand so that it names the
//! list's signer.

use der::{Encode, asn1::BitString};
use p256::ecdsa::{DerSignature, SigningKey, signature::Signer};
use x509_cert::{
    Certificate, Version,
    crl::{CertificateList, RevokedCert, TbsCertList},
    ext::{
        ToExtension,
        pkix::{AuthorityKeyIdentifier, CrlNumber, SubjectKeyIdentifier},
    },
    spki::{DynSignatureAlgorithmIdentifier, SignatureBitStringEncoding, der::referenced::OwnedToRef},
    time::Validity,
};

use super::Certified;
use crate::MintError;

/// DER of a list of `revoked`, valid for `validity`, signed by `issuer`.
pub(super) fn sign(
    issuer: &Certified<SigningKey>,
    validity: &Validity,
    revoked: &[&Certificate],
) -> Result<Vec<u8>, MintError> {
    let encoding = |error: &dyn std::fmt::Display| MintError::Encoding {
        what: "a revocation list",
        reason: error.to_string(),
    };
    let der = |error: der::Error| encoding(&error);
    let spki = |error: x509_cert::spki::Error| encoding(&error);

    let subject = issuer.certificate.tbs_certificate().subject().clone();
    let key = SubjectKeyIdentifier::try_from(
        issuer.certificate.tbs_certificate().subject_public_key_info().owned_to_ref(),
    );
    let authority =
        AuthorityKeyIdentifier { key_identifier: Some(key.map_err(der)?.0), ..Default::default() };
    let number = CrlNumber::try_from(1u8).map_err(der)?;
    let revoked: Vec<_> = revoked
        .iter()
        .map(|certificate| RevokedCert {
            serial_number: certificate.tbs_certificate().serial_number().clone(),
            revocation_date: validity.not_before,
            crl_entry_extensions: None,
        })
        .collect();
    let list = TbsCertList {
        version: Version::V2,
        signature: issuer.key.signature_algorithm_identifier().map_err(spki)?,
        this_update: validity.not_before,
        next_update: Some(validity.not_after),
        // RFC 5280, 5.1.2.6: an empty list is absent
        revoked_certificates: (!revoked.is_empty()).then_some(revoked),
        crl_extensions: Some(vec![
            authority.to_extension(&subject, &[]).map_err(der)?,
            number.to_extension(&subject, &[]).map_err(der)?,
        ]),
        issuer: subject,
    };
    let signature: DerSignature =
        issuer.key.try_sign(&list.to_der().map_err(der)?).map_err(|error| encoding(&error))?;
    let signature: BitString = signature.to_bitstring().map_err(der)?;
    let signature_algorithm = list.signature.clone();
    CertificateList { tbs_cert_list: list, signature_algorithm, signature }.to_der().map_err(der)
}
