use std::num::NonZeroU32;

use jurat_simulated::{Blueprint, FMSPC};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
const DAY: u64 = 86_400;

fn minted() -> String {
    Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap().collateral().to_owned()
}

/// What Intel's endpoints would have answered for this collateral.
fn answers(collateral: &str) -> IntelAnswers {
    let parts: Value = serde_json::from_str(collateral).unwrap();
    let text = |member: &str| parts[member].as_str().unwrap().to_owned();
    let chain = |member: &str| utf8_percent_encode(&text(member), NON_ALPHANUMERIC).to_string();
    let signed = |name: &str, member: &str| {
        let (body, signature) = (text(member), text(&format!("{member}_signature")));
        format!("{{\"{name}\":{body},\"signature\":\"{signature}\"}}").into_bytes()
    };
    let der = |member: &str| hex::decode(text(member)).unwrap();
    IntelAnswers {
        tcb_info: IntelAnswer {
            body: signed("tcbInfo", "tcb_info"),
            issuer_chain: chain("tcb_info_issuer_chain"),
        },
        qe_identity: IntelAnswer {
            body: signed("enclaveIdentity", "qe_identity"),
            issuer_chain: chain("qe_identity_issuer_chain"),
        },
        pck_crl: IntelAnswer { body: der("pck_crl"), issuer_chain: chain("pck_crl_issuer_chain") },
        root_ca_crl: der("root_ca_crl"),
    }
}

#[test]
fn answers_become_the_collateral_that_they_were_cut_from() {
    let minted = minted();
    let put_together = answers(&minted).collateral().unwrap();
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(value(&put_together), value(&minted));
}

#[test]
fn a_pccs_may_answer_in_hexadecimal() {
    let minted = minted();
    let mut given = answers(&minted);
    given.root_ca_crl = format!("{}\n", hex::encode_upper(&given.root_ca_crl)).into_bytes();
    assert_eq!(given.collateral().unwrap(), answers(&minted).collateral().unwrap());
}

/// serde would take it by the order of its members.
#[test]
fn collateral_is_an_object() {
    let minted = minted();
    let parts: Value = serde_json::from_str(&minted).unwrap();
    let names = "pck_crl_issuer_chain root_ca_crl pck_crl tcb_info_issuer_chain tcb_info tcb_info_signature \
                 qe_identity_issuer_chain qe_identity qe_identity_signature pck_certificate_chain";
    let listed: Value = names.split_whitespace().map(|name| parts[name].clone()).collect();
    serde_json::from_value::<QuoteCollateralV3>(listed.clone()).expect("serde itself takes it");
    assert!(collateral_window(&minted).is_some());
    assert_eq!(collateral_window(&listed.to_string()), None);
    let mut given = answers(&minted);
    given.tcb_info.body = br#"[{},"00"]"#.to_vec();
    let error = given.collateral().unwrap_err();
    assert_eq!(error, CollateralError::Illegible("TCB info", "not a JSON object".into()));
}

#[test]
fn what_is_no_answer_is_named() {
    let minted = minted();
    let refused = |spoil: &dyn Fn(&mut IntelAnswers)| {
        let mut given = answers(&minted);
        spoil(&mut given);
        given.collateral().unwrap_err().to_string()
    };
    type Spoil<'a> = &'a dyn Fn(&mut IntelAnswers);
    let cases: [(Spoil<'_>, &str); 7] = [
        (&|given| given.tcb_info.body = b"<html>".to_vec(), "its TCB info is not legible"),
        (
            &|given| given.tcb_info.body = given.qe_identity.body.clone(),
            "its TCB info is not legible: missing field `tcbInfo`",
        ),
        (&|given| given.qe_identity.body = Vec::new(), "its QE identity is not legible"),
        (
            &|given| given.tcb_info.issuer_chain = "%ff".into(),
            "the issuer chain of its TCB info is not legible",
        ),
        (
            &|given| given.pck_crl.issuer_chain = String::new(),
            "the issuer chain of its PCK revocation list is not legible",
        ),
        (&|given| given.pck_crl.body.truncate(20), "its PCK revocation list is not legible"),
        (&|given| given.root_ca_crl = b"404".to_vec(), "its root revocation list is not legible"),
    ];
    for (spoil, words) in cases {
        let found = refused(spoil);
        assert!(found.starts_with(words), "{found}");
    }
}

#[test]
fn the_window_is_the_one_in_which_everything_is_valid() {
    let window = collateral_window(&minted()).unwrap();
    assert_eq!(window, UnixSeconds(NOW.0 - DAY)..=UnixSeconds(NOW.0 + 30 * DAY));
    assert_eq!(collateral_window("{}"), None);
    assert_eq!(collateral_window(&minted().replace("nextUpdate", "lastUpdate")), None);
}

#[test]
fn a_quote_names_its_platform() {
    use jurat_attest::QuoteProvider as _;
    let tee = Blueprint::new(NOW, NonZeroU32::MIN).mint().unwrap();
    let quote = tee.quote_provider().quote(&jurat_proto::ReportData::new([1; 64])).unwrap();
    let report = |quote: &[u8]| format!("{{\"quote\":\"{}\"}}", hex::encode(quote));
    let platform = |quote: &[u8]| Platform::of(&Evidence::read(&report(quote)).unwrap());
    let found = platform(&quote.bytes).unwrap();
    assert_eq!(found.fmspc(), hex::encode_upper(FMSPC));
    assert!(["platform", "processor"].contains(&found.ca()));
    assert_eq!(platform(&quote.bytes[..800]), None);
}
