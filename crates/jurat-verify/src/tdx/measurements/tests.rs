use super::*;
use crate::Status;

fn set(name: &str, rtmr2: u8) -> ReferenceSet {
    let register = |byte| Some(Hex::new([byte; 48]));
    ReferenceSet {
        mrtd: register(1),
        rtmr0: register(2),
        rtmr1: register(3),
        rtmr2: register(rtmr2),
        ..ReferenceSet::named(name)
    }
}

fn policy(measurements: &[ReferenceSet]) -> Policy {
    let mut policy = Policy::named("permissive").unwrap();
    policy.measurements = measurements.to_vec();
    policy
}

#[test]
fn one_set_must_match_wholly() {
    let found = judge(&set("measured", 4), &policy(&[set("old", 5), set("new", 4)]));
    assert_eq!(found.status, Status::Pass, "{found:?}");
    assert_eq!(found.reason, "they are those of `new`: mrtd, rtmr0, rtmr1, rtmr2");
    assert_eq!(judge(&set("measured", 4), &policy(&[])).status, Status::Skip);
}

#[test]
fn the_nearest_set_tells_what_differs() {
    let far = ReferenceSet { mrtd: Some(Hex::new([9; 48])), ..set("far", 5) };
    let found = judge(&set("measured", 4), &policy(&[far, set("near", 5)]));
    assert_eq!(found.status, Status::Fail);
    assert_eq!(
        found.reason,
        "none of 2 reference sets matches, the nearest being `near`: rtmr2 is 04040404…, wanted 05050505…"
    );
    let mut late = [4; 48];
    late[40] = 5;
    let late = ReferenceSet { rtmr2: Some(Hex::new(late)), ..set("late", 4) };
    let found = judge(&set("measured", 4), &policy(&[late]));
    assert_eq!(
        found.reason,
        "it does not match the reference set `late`: rtmr2 is …04040404…, wanted …05040404… (from byte 40)"
    );
}

#[test]
fn a_pinned_application_must_be_established() {
    let app = ReferenceSet { compose_hash: Some(Digest::new([7; 32])), ..set("app", 4) };
    let found = judge(&set("measured", 4), &policy(std::slice::from_ref(&app)));
    assert_eq!(
        found.reason,
        "it does not match the reference set `app`: compose_hash is not established here, wanted 07070707…"
    );
    let measured = ReferenceSet { compose_hash: Some(Digest::new([7; 32])), ..set("measured", 4) };
    assert_eq!(judge(&measured, &policy(&[app])).status, Status::Pass);
}
