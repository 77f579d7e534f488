//! Claims that the quote commits to, and that must be refused all the same.

use jurat_verify::CheckId::{BindClaims, BindTls, GpuPresent};

use super::{Case, claims, refuse};
use crate::scene::{key, signer, spki, swap};

pub(super) fn cases() -> Vec<Case> {
    let other = key(0x22);
    let (address, others_address) = (signer().address().to_string(), other.address().to_string());
    let (own, others) = (signer().to_string(), other.to_string());
    let seen = spki().to_string();
    let refused = |name: &str, about: &str, from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        refuse(BindClaims, &format!("claims-{name}"), about, claims(move |text| swap(text, &from, &to)))
    };
    vec![
        refused("version", "attested claims of version 2", "\"version\":1", "\"version\":2"),
        refused("address", "attested claims about another address", &address, &others_address),
        refused("key", "attested claims about another key", &own, &others),
        refused(
            "source",
            "attested claims whose model digests were cached, which the policy does not accept",
            "at_start",
            "cached",
        ),
        refused(
            "source-unknown",
            "attested claims with an unknown source of model digests",
            "at_start",
            "at_end",
        ),
        refused("chain", "attested claims whose chain is no SHA-256", "\"chain\":\"", "\"chain\":\"00"),
        refused(
            "twice",
            "attested claims that say their version twice",
            "\"version\":1,",
            "\"version\":1,\"version\":1,",
        ),
        refused("shape", "attested claims that are a number where a text belongs", "\"0.1.0\"", "1"),
        refused("no-json", "attested claims that are no JSON", "\"version\":1,", "\"version\":1;"),
        refuse(
            GpuPresent,
            "claims-gpus-more",
            "attested claims of one GPU more than there is evidence of",
            claims(|text| swap(text, "\"gpus\":1", "\"gpus\":2")),
        ),
        refuse(
            GpuPresent,
            "claims-gpus-none",
            "attested claims of no GPU, beside evidence of one",
            claims(|text| swap(text, "\"gpus\":1", "\"gpus\":0")),
        ),
        refuse(
            BindTls,
            "claims-spki",
            "attested claims of another TLS key than the connection's",
            claims(move |text| swap(text, &seen, &"00".repeat(32))),
        ),
        refuse(
            BindTls,
            "claims-spki-text",
            "attested claims whose TLS key is no SHA-256",
            claims(|text| swap(text, &spki().to_string(), "00")),
        ),
    ]
}
