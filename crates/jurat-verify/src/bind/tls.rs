//! `bind.tls`: the key of the TLS connection that the caller saw is the one that the quote vouches for.

use jurat_proto::{Binding, Claims, Digest, ReportBody};

use crate::check::Finding;

pub(super) fn judge(
    body: &ReportBody,
    binding: Binding,
    claims: Option<&Claims>,
    seen: Option<Digest>,
) -> Finding {
    let attested = match binding {
        Binding::JuratV1 => claims.and_then(|claims| claims.tls_spki_sha256.as_deref()),
        // bind.address has recomputed the leading half from it
        Binding::DstackV2 => body.tls_cert_fingerprint.as_deref(),
        Binding::DstackV1 => None,
    };
    let Some(attested) = attested else {
        return Finding::skip("no TLS key is attested: TLS, if any, ends elsewhere");
    };
    let Some(seen) = seen else {
        return Finding::skip("a TLS key is attested, and none that was seen is there to compare with");
    };
    match attested.parse::<Digest>() {
        Ok(attested) if attested == seen => Finding::pass("the connection's key is the attested one"),
        Ok(_) => Finding::fail("the connection's key is not the attested one: TLS ends elsewhere"),
        Err(_) => Finding::fail("the attested TLS key is not a SHA-256"),
    }
}
