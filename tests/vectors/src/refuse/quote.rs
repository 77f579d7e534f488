//! The quote's bytes, edited after they were signed.

use jurat_verify::CheckId::TdxQuote;

use super::{Case, quote, refuse, report};

/// One bit of a member of the quote (version 4): its place in the bytes, its name, and what it is.
const BITS: [(usize, &str, &str); 32] = [
    (0, "version", "the version"),
    (2, "key-type", "the attestation key's type"),
    (4, "tee-type", "the TEE's type"),
    (8, "qe-svn", "the quoting enclave's security version, in the header"),
    (12, "qe-vendor", "the quoting enclave's vendor"),
    (28, "user-data", "the header's user data"),
    (48, "tee-tcb-svn", "TEE_TCB_SVN"),
    (64, "mrseam", "MRSEAM"),
    (112, "mrsignerseam", "MRSIGNERSEAM"),
    (160, "seam-attributes", "the SEAM's attributes"),
    (168, "td-attributes", "the TD's attributes"),
    (176, "xfam", "XFAM"),
    (184, "mrtd", "MRTD"),
    (232, "mrconfigid", "MRCONFIGID"),
    (280, "mrowner", "MROWNER"),
    (328, "mrownerconfig", "MROWNERCONFIG"),
    (376, "rtmr0", "RTMR0"),
    (424, "rtmr1", "RTMR1"),
    (472, "rtmr2", "RTMR2"),
    (520, "rtmr3", "RTMR3"),
    (568, "data-address", "the report data's leading half"),
    (631, "data-nonce", "the report data's trailing half"),
    (632, "signature-length", "the length of what follows the TD's report"),
    (636, "signature", "the signature over the TD's report"),
    (700, "key", "the attestation key"),
    (770, "enclave-cpusvn", "CPUSVN of the quoting enclave's report"),
    (898, "enclave-mrsigner", "MRSIGNER of the quoting enclave's report"),
    (1090, "enclave-data", "the hash of the attestation key in the quoting enclave's report"),
    (1154, "enclave-signature", "the signature over the quoting enclave's report"),
    (1218, "authentication-length", "the length of the quoting enclave's authentication data"),
    (1220, "authentication", "the quoting enclave's authentication data"),
    (1252, "chain-type", "the type of the platform's certificates"),
];

pub(super) fn cases() -> Vec<Case> {
    let bits = BITS.map(|(at, name, about)| {
        let about = format!("one bit of {about} is flipped");
        refuse(TdxQuote, &format!("quote-{name}"), &about, quote(move |quote, _| quote[at] ^= 1))
    });
    let whole = [
        refuse(
            TdxQuote,
            "quote-cut",
            "the quote ends in its certificates",
            quote(|quote, _| {
                let half = quote.len() - 100;
                quote.truncate(half);
            }),
        ),
        refuse(TdxQuote, "quote-empty", "the quote has no bytes", quote(|quote, _| quote.clear())),
        refuse(
            TdxQuote,
            "quote-absent",
            "the report has no quote",
            report(|report| {
                report.remove("intel_quote");
            }),
        ),
        refuse(
            TdxQuote,
            "quote-text",
            "the quote is neither hexadecimal nor base64",
            report(|report| {
                report.insert("intel_quote".into(), "not a quote".into());
            }),
        ),
        refuse(
            TdxQuote,
            "quote-two",
            "quote and intel_quote differ in one bit",
            report(|report| {
                let other = report["intel_quote"].as_str().unwrap_or_default().replacen("04", "05", 1);
                report.insert("quote".into(), other.into());
            }),
        ),
        refuse(
            TdxQuote,
            "quote-platform-other",
            "the platform's certificates are another platform's",
            quote(|quote, _| {
                let other = crate::bases::Name::OneGpu.setting();
                let other = crate::scene::Setting { seed: 2, ..other }.machine(|_| ());
                let chain = jurat_attest::QuoteProvider::quote(
                    &mut other.tee.quote_provider(),
                    &jurat_proto::ReportData::new([0; 64]),
                );
                let chain = chain.expect("the stage quotes").bytes.split_off(1258);
                quote.truncate(1258);
                quote.extend(chain);
            }),
        ),
    ];
    bits.into_iter().chain(whole).collect()
}
