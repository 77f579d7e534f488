//! Errands to the vendors' stand-ins: all of it holds, each service fails, and the cache is nobody's friend.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cache;
mod stage;

use jurat_client::{Reach, Service};
use jurat_standin_vendors::{Fault, Place};
use jurat_verify::{CheckId, Outcome, Status};

use stage::{Stage, VENDORS, assert_status, status};

const PLACES: [(Place, Service, CheckId); 4] = [
    (Place::Pcs, Service::Pcs, CheckId::TdxQuote),
    (Place::Rim, Service::Rim, CheckId::GpuMeasurements),
    (Place::Ocsp, Service::Ocsp, CheckId::GpuRevocation),
    (Place::Nras, Service::Nras, CheckId::GpuNras),
];

#[test]
fn with_every_vendor_asked_every_check_passes() {
    let stage = Stage::new();
    let judged = stage.judge(&stage.errands());
    assert_eq!(judged.verdict.outcome(), Outcome::Trusted, "{}", judged.verdict);
    for id in VENDORS {
        assert_status(&judged, id, Status::Pass);
    }
    assert!(judged.material.missed.is_empty(), "{:?}", judged.material.missed);
    let asked = stage.vendors.asked();
    for words in [
        "GET /pcs/tdx/certification/v4/tcb?fmspc=",
        "GET /pcs/tdx/certification/v4/qe/identity",
        "GET /pcs/sgx/certification/v4/pckcrl?ca=",
        "GET /pcs/sgx/certification/v4/rootcacrl",
        "GET /rim/v1/rim/NV_GPU_DRIVER_GH100_",
        "GET /rim/v1/rim/NV_GPU_VBIOS_",
        "POST /ocsp",
        "POST /nras/v3/attest/gpu",
        "GET /nras/.well-known/jwks.json",
    ] {
        assert!(asked.iter().any(|line| line.starts_with(words)), "{words} is not in {asked:#?}");
    }
}

/// Whatever a service does, its check is not passed, and whoever is at fault is named.
#[test]
fn services_that_fail_leave_skips_and_are_named() {
    let stage = Stage::new();
    for fault in [
        Fault::Broken,
        Fault::Busy,
        Fault::Empty,
        Fault::Mute,
        Fault::Slow,
        Fault::Cut,
        Fault::Page,
        Fault::Huge,
        Fault::Elsewhere,
    ] {
        PLACES.iter().for_each(|(place, ..)| stage.vendors.behave(*place, fault));
        let judged = stage.judge(&stage.errands());
        assert_eq!(judged.verdict.outcome(), Outcome::Undecided, "{fault:?}\n{}", judged.verdict);
        for (place, service, check) in PLACES {
            assert_eq!(status(&judged, check), Status::Skip, "{place:?} {fault:?}\n{}", judged.verdict);
            let named = judged.material.missed.iter().any(|missed| missed.service == service);
            assert!(named, "{place:?} {fault:?}: {:?}", judged.material.missed);
        }
    }
}

#[test]
fn one_service_down_leaves_one_check_undone() {
    let stage = Stage::new();
    for (place, _, check) in PLACES {
        stage.vendors.heal();
        stage.vendors.behave(place, Fault::Empty);
        let judged = stage.judge(&stage.errands());
        assert_eq!(status(&judged, check), Status::Skip, "{place:?}\n{}", judged.verdict);
        assert_eq!(judged.verdict.outcome(), Outcome::Undecided, "{place:?}\n{}", judged.verdict);
        for other in VENDORS.into_iter().filter(|other| *other != check && *other != CheckId::TdxTcb) {
            assert_eq!(status(&judged, other), Status::Pass, "{place:?}\n{}", judged.verdict);
        }
    }
}

/// A lie that is well-formed is the judge's: refused by name, or of no use to anybody. Never a pass.
#[test]
fn services_that_lie_gain_nothing() {
    let stage = Stage::new();
    for fault in [Fault::Other, Fault::Stale, Fault::Altered] {
        PLACES.iter().for_each(|(place, ..)| stage.vendors.behave(*place, fault));
        let judged = stage.judge(&stage.errands());
        assert!(!judged.verdict.outcome().is_trusted(), "{fault:?}\n{}", judged.verdict);
        for (place, service, check) in PLACES {
            let found = judged.verdict.check(check).unwrap();
            assert_ne!(found.status, Status::Pass, "{place:?} {fault:?}\n{}", judged.verdict);
            let missed = judged.material.missed.iter().any(|missed| missed.service == service);
            let told = missed || !found.reason.contains("not asked");
            assert!(told, "{place:?} {fault:?}: {} {:?}", found.reason, judged.material.missed);
        }
    }
}

#[test]
fn keys_that_rotated_away_verify_nothing() {
    let stage = Stage::new();
    stage.vendors.behave(Place::Keys, Fault::Other);
    let judged = stage.judge(&stage.errands());
    assert_ne!(status(&judged, CheckId::GpuNras), Status::Pass, "{}", judged.verdict);
    assert!(!judged.verdict.outcome().is_trusted());
}

#[test]
fn a_stumble_is_asked_again() {
    let stage = Stage::new();
    for (place, _, check) in PLACES {
        stage.vendors.behave(place, Fault::BrokenOnce);
        let judged = stage.judge(&stage.errands());
        assert_eq!(status(&judged, check), Status::Pass, "{place:?}\n{}", judged.verdict);
    }
}

/// NVIDIA's refusal comes as 200: what counts is what it says.
#[test]
fn nvidias_refusal_is_a_refusal() {
    let stage = Stage::new();
    let judged = stage.judge_other_nonce();
    assert_eq!(status(&judged, CheckId::GpuNras), Status::Fail, "{}", judged.verdict);
    let reason = &judged.verdict.check(CheckId::GpuNras).unwrap().reason;
    assert!(reason.contains("NONCE_NOT_MATCHING"), "{reason}");
}

#[test]
fn nobody_is_asked_about_what_is_refuted_already() {
    let stage = Stage::new();
    let forged = stage.report.replacen("\"signing_address\":\"0x", "\"signing_address\":\"0xff", 1);
    let judged = stage.judge_text(&stage.errands(), forged);
    assert_eq!(judged.verdict.outcome(), Outcome::Refuted, "{}", judged.verdict);
    assert_eq!(stage.vendors.asked(), Vec::<String>::new());
}

#[test]
fn offline_nobody_is_asked() {
    let stage = Stage::new();
    let judged = stage.judge(&stage.errands().reach(Reach::Offline));
    assert_eq!(judged.verdict.outcome(), Outcome::Undecided);
    assert_status(&judged, CheckId::TdxQuote, Status::Skip);
    assert_eq!(stage.vendors.asked(), Vec::<String>::new());
    assert!(judged.material.missed.iter().any(|missed| missed.to_string().contains("offline")));
}

/// Of an earlier time vendors are not asked what they can only say of today.
#[test]
fn todays_words_are_not_used_about_the_past() {
    let stage = Stage::new();
    let judged = stage.judge_as_of(&stage.errands(), stage.now.0 - 20 * 3600);
    assert_eq!(judged.verdict.outcome(), Outcome::Undecided, "{}", judged.verdict);
    for id in [CheckId::GpuRevocation, CheckId::GpuNras] {
        assert_status(&judged, id, Status::Skip);
    }
    assert_status(&judged, CheckId::TdxQuote, Status::Pass);
    let said: Vec<_> = judged.material.missed.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("nobody is asked today about the time")), "{said:?}");
    assert!(!stage.vendors.asked().iter().any(|line| line.starts_with("POST")), "OCSP and NRAS");
}
