use dcap_qvl::{
    QuoteCollateralV3, QuotePolicy, TcbStatus, configs::RustCryptoConfig, intel, policy::QuoteClaims,
    quote::Quote, verify::QuoteVerifier,
};
use der::{Decode, DecodePem, Encode};
use jurat_attest::{QuoteProvider, Tee};
use jurat_proto::{QuoteView, ReportData};
use x509_cert::Certificate;

use super::{DAY, NOW, blueprint, quoted};
use crate::{Blueprint, FMSPC, INTEL_ROOT_PEM, QuoteForm, Revoked, Roots, SimulatedTee, Tcb};

fn fixed_root() -> Vec<u8> {
    Certificate::from_pem(INTEL_ROOT_PEM).unwrap().to_der().unwrap()
}

fn collateral(tee: &SimulatedTee) -> QuoteCollateralV3 {
    serde_json::from_str(tee.collateral()).unwrap()
}

/// What a relying party asks of a cloud's host: everything but the three configuration flags.
fn cloud_policy(now: u64) -> QuotePolicy {
    QuotePolicy::strict(now).allow_dynamic_platform(true).allow_cached_keys(true).allow_smt(true)
}

fn verify(root: Vec<u8>, tee: &SimulatedTee, quote: &[u8], now: u64) -> Result<QuoteClaims, String> {
    QuoteVerifier::new(root)
        .with_config::<RustCryptoConfig>()
        .verify_with_policy(quote, collateral(tee), now, &cloud_policy(now))
        .map_err(|error| format!("{error:#}"))
}

#[test]
fn every_form_of_quote_verifies_under_the_fixed_root() {
    for (form, version, length) in
        [(QuoteForm::V4, 4, 584), (QuoteForm::V5, 5, 590), (QuoteForm::V5Td15, 5, 654)]
    {
        let (tee, quote) = quoted(|blueprint| blueprint.quote = form);
        let claims = verify(fixed_root(), &tee, &quote, NOW.0).unwrap();
        let td = claims.report.as_td10().unwrap();
        assert_eq!(claims.tcb.status, TcbStatus::UpToDate);
        assert!(claims.tcb.advisory_ids.is_empty());
        assert_eq!(td.report_data, [7; 64]);
        assert_eq!(td.mr_td, [0xe0; 48]);
        assert_eq!(td.mr_signer_seam, [0; 48]);
        assert_eq!(claims.header.version, version);
        assert_eq!(Quote::parse(&quote).unwrap().signed_length(), 48 + length);

        let view = QuoteView::parse(&quote).unwrap();
        assert_eq!(view.report_data(), ReportData::new([7; 64]));
        assert!(!view.is_debug());
    }
}

#[test]
fn the_platform_looks_like_a_clouds_host_and_like_no_real_one() {
    let (tee, quote) = quoted(|_| ());
    let claims = verify(fixed_root(), &tee, &quote, NOW.0).unwrap();
    assert_eq!(claims.platform.pck.fmspc, FMSPC);
    assert_eq!(FMSPC, [0xee; 6]);
    assert_eq!(claims.platform.pck.platform_instance_id.map(|id| id.len()), Some(16));
    assert_eq!(claims.platform.root_ca_crl_num, 1);

    // all three flags are set: a policy that allows none of them refuses
    let strict = QuotePolicy::strict(NOW.0);
    let verifier = QuoteVerifier::new(fixed_root()).with_config::<RustCryptoConfig>();
    let refusal = verifier.verify_with_policy(&quote, collateral(&tee), NOW.0, &strict).unwrap_err();
    assert!(refusal.to_string().contains("Dynamic platform"), "{refusal}");

    let chain = intel::extract_cert_chain(&Quote::parse(&quote).unwrap()).unwrap();
    assert_eq!(chain.len(), 3);
    for der in chain {
        let subject = Certificate::from_der(&der).unwrap().tbs_certificate().subject().to_string();
        assert!(subject.contains("SIMULATED - NOT INTEL"), "{subject}");
    }
}

#[test]
fn the_production_verifier_refuses_it() {
    let (tee, quote) = quoted(|_| ());
    let verifier = QuoteVerifier::new_prod().with_config::<RustCryptoConfig>();
    verifier.verify(&quote, &collateral(&tee), NOW.0).unwrap_err();
}

#[test]
fn an_impostor_of_the_same_name_verifies_under_its_own_root_alone() {
    let (tee, quote) = quoted(|blueprint| blueprint.roots = Roots::Fresh);
    verify(tee.intel_root_der().to_vec(), &tee, &quote, NOW.0).unwrap();
    let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
    assert!(refusal.contains("Signature"), "{refusal}");
}

#[test]
fn a_flipped_bit_anywhere_in_what_is_signed_is_refused() {
    let (tee, quote) = quoted(|_| ());
    // Header and body by strides that meet every member; then signature, attestation key, the quoting
    // enclave's report, its signature and its authentication data. What types the parts after the key have
    // (764, 1218) is under no signature, and dcap-qvl does not read the first.
    for at in (0..632).step_by(11).chain([568, 631, 636, 699, 700, 763, 770, 1090, 1153, 1154, 1217, 1220]) {
        let mut flipped = quote.clone();
        flipped[at] ^= 1 << (at % 8);
        assert!(verify(fixed_root(), &tee, &flipped, NOW.0).is_err(), "byte {at}");
    }
}

#[test]
fn collateral_is_valid_from_a_day_before_to_thirty_days_after() {
    let (tee, quote) = quoted(|_| ());
    for now in [NOW.0 - DAY, NOW.0, NOW.0 + 30 * DAY - 1] {
        verify(fixed_root(), &tee, &quote, now).unwrap();
    }
    for now in [NOW.0 - 2 * DAY, NOW.0 + 31 * DAY, NOW.0 + 60 * DAY] {
        assert!(verify(fixed_root(), &tee, &quote, now).is_err(), "{now}");
    }

    let (tee, quote) = quoted(|blueprint| blueprint.next_update = blueprint.issued);
    let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
    assert!(refusal.to_lowercase().contains("expired"), "{refusal}");
}

#[test]
fn every_level_of_the_platform_is_told_apart() {
    for (tcb, status) in [
        (Tcb::UpToDate, TcbStatus::UpToDate),
        (Tcb::SwHardeningNeeded, TcbStatus::SWHardeningNeeded),
        (Tcb::ConfigurationNeeded, TcbStatus::ConfigurationNeeded),
        (Tcb::OutOfDate, TcbStatus::OutOfDate),
    ] {
        let (tee, quote) = quoted(|blueprint| blueprint.tcb = tcb);
        let claims = QuoteVerifier::new(fixed_root())
            .with_config::<RustCryptoConfig>()
            .verify_with_policy(&quote, collateral(&tee), NOW.0, &QuotePolicy::claims_only(NOW.0))
            .unwrap();
        assert_eq!(claims.tcb.status, status);
        assert_eq!(claims.tcb.advisory_ids.is_empty(), tcb == Tcb::UpToDate);
        assert_eq!(verify(fixed_root(), &tee, &quote, NOW.0).is_ok(), tcb == Tcb::UpToDate);
    }
    let (tee, quote) = quoted(|blueprint| blueprint.tcb = Tcb::Revoked);
    let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
    assert!(refusal.contains("Revoked"), "{refusal}");
}

#[test]
fn a_debug_td_is_quoted_as_one() {
    let tee = blueprint().debug().mint().unwrap();
    let quote = tee.quote_provider().quote(&ReportData::new([7; 64])).unwrap().bytes;
    assert!(QuoteView::parse(&quote).unwrap().is_debug());
    let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
    assert!(refusal.contains("Debug"), "{refusal}");
}

#[test]
fn what_the_lists_revoke_is_refused() {
    for revoked in [Revoked::Platform, Revoked::PlatformCa, Revoked::TcbSigner] {
        let (tee, quote) = quoted(|blueprint| blueprint.revoked = revoked);
        let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
        assert!(refusal.contains("CertRevoked"), "{revoked:?}: {refusal}");
    }
}

#[test]
fn measurements_are_quoted_as_given() {
    let (tee, quote) = quoted(|blueprint| blueprint.measurements.mr_td = [0x11; 48]);
    let claims = verify(fixed_root(), &tee, &quote, NOW.0).unwrap();
    assert_eq!(claims.report.as_td10().unwrap().mr_td, [0x11; 48]);

    // no collateral allows another signer of the TDX module
    let (tee, quote) = quoted(|blueprint| blueprint.measurements.mr_signer_seam = [0x11; 48]);
    let refusal = verify(fixed_root(), &tee, &quote, NOW.0).unwrap_err();
    assert!(refusal.contains("MRSIGNER"), "{refusal}");
}

#[test]
fn a_quote_verifies_with_its_own_stages_collateral_alone() {
    let (one, _) = quoted(|_| ());
    let (_, quote) = quoted(|_| ());
    // every stage draws its own platform CA, and the other one's list says nothing of it
    assert!(verify(fixed_root(), &one, &quote, NOW.0).is_err());
}

#[test]
fn the_provider_says_that_it_is_simulated() {
    let tee = blueprint().mint().unwrap();
    let provider = tee.quote_provider();
    assert_eq!(provider.tee(), Tee::Simulated);
    assert_eq!(provider.collateral().as_deref(), Some(tee.collateral()));
    assert_eq!(provider.name(), "simulated");
}

#[test]
fn a_time_beyond_the_calendar_is_refused() {
    let blueprint = Blueprint::new(jurat_proto::UnixSeconds(u64::MAX), std::num::NonZeroU32::MIN);
    let refusal = blueprint.mint().unwrap_err();
    assert!(matches!(refusal, crate::MintError::Clock(_)), "{refusal}");
}
