use jurat_proto::{Binding, sha256};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    Outcome, Policy, Status, Verdict,
    receipt::tests::{key, receipt, record},
    report::tests::{Attester, NONCE, NOW, blueprint, of, policy},
};

const REQUEST: &[u8] = b"{\"model\":\"m\"}";
const RESPONSE: &[u8] = b"{\"id\":\"chatcmpl-1\"}";

/// An answer under a simulated report, bundled as `jurat bundle` would.
fn bundle() -> Bundle {
    let attester = Attester::new(&blueprint());
    let mut report = attester.report(Binding::JuratV1, &NONCE);
    let collateral = report.as_object_mut().unwrap().remove("collateral").unwrap();
    let mut sworn = receipt(REQUEST, RESPONSE);
    sworn.claims_hash = sha256(attester.claims.to_json().as_bytes());
    (sworn.chain, sworn.previous) = (attester.claims.chain, attester.claims.chain);
    let first = record(&key(0x11), sworn.clone());
    let mut next = sworn.clone();
    (next.sequence, next.previous) = (2, sworn.struct_hash());
    let mut answer = BundledAnswer::new(first, REQUEST, RESPONSE);
    answer.neighbours = vec![record(&key(0x11), next)];
    let mut bundle = Bundle::new(report.to_string(), NOW);
    bundle.nonce = Some(NONCE);
    bundle.collateral = Some(collateral.as_str().unwrap().to_owned());
    bundle.answer = Some(answer);
    bundle
}

fn judge(bundle: &Bundle, held: Held) -> BundleVerdict {
    verify_bundle(&bundle.to_json().unwrap(), &policy("simulated"), held)
}

#[track_caller]
fn assert_refused(verdict: &BundleVerdict, checks: &[&str]) {
    assert_eq!(of(verdict.last(), Status::Fail), checks, "{verdict}");
    assert_eq!(verdict.outcome(), Outcome::Refuted, "{verdict}");
}

fn limit(verdict: &Verdict, words: &str) -> bool {
    verdict.limits().iter().any(|limit| limit.contains(words))
}

#[test]
fn a_bundle_verifies_alone() {
    let bundle = bundle();
    let verdict = judge(&bundle, Held::default());
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert_eq!(verdict.as_of(), NOW);
    let answer = verdict.answer().unwrap();
    assert_eq!(answer.check(crate::CheckId::ReceiptChain).unwrap().status, Status::Pass, "{verdict}");
    for verdict in [answer, verdict.report()] {
        assert!(limit(verdict, "the bundle's own word: whoever made it chose that time"), "{verdict}");
    }
    assert!(limit(answer, "the bodies were not at hand"), "{answer}");
    // nobody here drew the nonce
    let nonce = verdict.report().check(crate::CheckId::BindNonce).unwrap();
    assert_eq!(nonce.status, Status::Skip, "{verdict}");

    let held = Held {
        at: Some(UnixSeconds(NOW.0 + 60)),
        nonce: Some(NONCE),
        bodies: Some(BodyDigests::of(REQUEST, RESPONSE)),
    };
    let verdict = judge(&bundle, held);
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert!(!limit(verdict.last(), "own word"), "{verdict}");
    assert_eq!(verdict.report().check(crate::CheckId::BindNonce).unwrap().status, Status::Pass);
}

#[test]
fn what_is_not_the_bundles_is_refused_by_name() {
    let held = |edit: &dyn Fn(&mut Held)| {
        let mut held = Held::default();
        edit(&mut held);
        held
    };
    let bundle = bundle();
    let other = BodyDigests::of(REQUEST, b"another answer");
    assert_refused(&judge(&bundle, held(&|held| held.bodies = Some(other))), &["receipt.response"]);
    let other = BodyDigests::of(b"another request", RESPONSE);
    assert_refused(&judge(&bundle, held(&|held| held.bodies = Some(other))), &["receipt.request"]);
    let other = Nonce::new([1; 32]);
    assert_refused(&judge(&bundle, held(&|held| held.nonce = Some(other))), &["bind.nonce", "gpu.nonce"]);
    let late = UnixSeconds(NOW.0 + 60 * 86_400);
    assert_refused(&judge(&bundle, held(&|held| held.at = Some(late))), &["tdx.quote"]);
}

type Edit = &'static dyn Fn(&mut Bundle);

#[test]
fn edits_are_refused_by_name() {
    let cases: [(Edit, &[&str]); 9] = [
        (&|bundle| bundle.nonce = Some(Nonce::new([1; 32])), &["bind.nonce", "gpu.nonce"]),
        (&|bundle| bundle.verified_at = UnixSeconds(NOW.0 + 60 * 86_400), &["tdx.quote"]),
        (&|bundle| bundle.collateral = Some("{}".into()), &["tdx.quote"]),
        (&|bundle| answer(bundle).request_sha256 = sha256(b"x"), &["receipt.request"]),
        (&|bundle| answer(bundle).response_sha256 = sha256(b"x"), &["receipt.response"]),
        (&|bundle| answer(bundle).response_length += 1, &["receipt.response"]),
        (
            &|bundle| {
                let bodies = BundledBodies { request: REQUEST.to_vec(), response: b"edited".to_vec() };
                answer(bundle).bodies = Some(bodies);
            },
            &["receipt.response"],
        ),
        (&|bundle| answer(bundle).record.receipt.status = 500, &["receipt.signature", "receipt.chain"]),
        (&|bundle| answer(bundle).neighbours[0].receipt.model = "other".into(), &["receipt.chain"]),
    ];
    for (edit, checks) in cases {
        let mut bundle = bundle();
        edit(&mut bundle);
        assert_refused(&judge(&bundle, Held::default()), checks);
    }
}

fn answer(bundle: &mut Bundle) -> &mut BundledAnswer {
    bundle.answer.as_mut().unwrap()
}

#[test]
fn bodies_in_the_bundle_lift_the_limit() {
    let mut bundle = bundle();
    let bodies = BundledBodies { request: REQUEST.to_vec(), response: RESPONSE.to_vec() };
    answer(&mut bundle).bodies = Some(bodies);
    let verdict = judge(&bundle, Held::default());
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert!(!limit(verdict.last(), "not at hand"), "{verdict}");
}

#[test]
fn without_trust_in_the_report_no_answer_is_judged() {
    let mut bundle = bundle();
    bundle.collateral = None;
    let verdict = judge(&bundle, Held::default());
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert!(verdict.answer().is_none());
    let verdict = verify_bundle(&bundle.to_json().unwrap(), &policy("permissive"), Held::default());
    assert_refused(&verdict, &["tdx.quote", "gpu.chain"]);
}

/// A machine that is trusted is no receipt: whoever holds bodies asks whether these were sworn to.
#[test]
fn a_bundle_without_an_answer_says_nothing_of_bodies() {
    let mut bundle = bundle();
    bundle.answer = None;
    let verdict = judge(&bundle, Held::at(Some(NOW)));
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "about the report alone\n{verdict}");
    assert!(verdict.answer().is_none() && limit(verdict.last(), "the bundle has no receipt"), "{verdict}");

    let bodies = Some(BodyDigests::of(REQUEST, RESPONSE));
    let verdict = judge(&bundle, Held { at: Some(NOW), bodies, ..Held::default() });
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    let check = verdict.last().check(crate::CheckId::ReceiptSignature).unwrap();
    assert_eq!(
        (check.status, check.reason.as_str()),
        (Status::Skip, "the bundle has no receipt"),
        "{verdict}"
    );
}

#[test]
fn what_is_no_bundle_is_refuted() {
    let whole = bundle().to_json().unwrap();
    let unknown = whole.replacen('{', "{\"more\":1,", 1);
    let twice = whole.replacen('{', "{\"verified_at\":1,", 1);
    let other = whole.replacen("jurat-bundle-v1", "jurat-bundle-v2", 1);
    for text in ["", "[]", "{}", "null", &whole[..whole.len() - 1], &unknown, &twice, &other] {
        let verdict = verify_bundle(text, &policy("simulated"), Held::default());
        assert_refused(&verdict, &["tdx.quote"]);
        assert!(verdict.answer().is_none());
    }
    let too_many = |edit: Edit| {
        let mut crowded = bundle();
        edit(&mut crowded);
        crowded.to_json().unwrap_err()
    };
    let ocsp = too_many(&|bundle| bundle.ocsp = vec![Vec::new(); 193]);
    assert_eq!(ocsp, BundleError::TooMany("OCSP responses", 193, 192));
    let rims = too_many(&|bundle| bundle.rims = vec![String::new(); 65]);
    assert_eq!(rims, BundleError::TooMany("manifests", 65, 64));
}

/// What the format allows, the judge reads.
#[test]
fn a_full_bundle_is_judged() {
    let mut full = bundle();
    full.rims = (0..64).map(|at| format!("<rim at='{at}'/>")).collect();
    full.ocsp = vec![vec![0x30, 0x03, 0x0a, 0x01, 0x06]; 192];
    let verdict = judge(&full, Held::default());
    let reason = |id| &verdict.report().check(id).unwrap().reason;
    let (rims, ocsp) = (crate::CheckId::GpuMeasurements, crate::CheckId::GpuRevocation);
    assert!(reason(rims).starts_with("manifest 0: it has 0 signatures"), "{verdict}");
    assert!(reason(ocsp).contains("nobody vouches for certificate"), "{verdict}");
}

#[test]
fn a_bundle_is_as_its_schema_says() {
    let mut whole = bundle();
    let bodies = BundledBodies { request: REQUEST.to_vec(), response: RESPONSE.to_vec() };
    answer(&mut whole).bodies = Some(bodies);
    whole.rims = vec!["<xml/>".into()];
    whole.ocsp = vec![vec![0x30]];
    whole.nras = Some(BundledNras { answer: "[]".into(), jwks: "{}".into() });
    let written: Value = serde_json::from_str(&whole.to_json().unwrap()).unwrap();
    let schema = include_str!("../../../../attestation/schemas/bundle.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let has = |value: &Value| {
        let mut names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    let named = |schema: &Value| has(&schema["properties"]);
    assert_eq!(named(&schema), has(&written));
    let (answer, of_answer) = (&written["answer"], &schema["properties"]["answer"]);
    assert_eq!(named(of_answer), has(answer));
    assert_eq!(named(&of_answer["properties"]["bodies"]), has(&answer["bodies"]));
    assert_eq!(named(&schema["properties"]["nras"]), has(&written["nras"]));
    for (list, most) in [
        (&schema["properties"]["rims"], MAX_MANIFESTS),
        (&schema["properties"]["ocsp"], MAX_RESPONSES),
        (&of_answer["properties"]["neighbours"], MAX_NEIGHBOURS),
    ] {
        assert_eq!(list["maxItems"], most);
    }
    for (schema, value) in [(&schema, &written), (of_answer, answer)] {
        for member in schema["required"].as_array().unwrap() {
            let mut without = written.clone();
            let place = if value == &written { &mut without } else { &mut without["answer"] };
            place.as_object_mut().unwrap().remove(member.as_str().unwrap());
            assert!(Bundle::read(&without.to_string()).is_err(), "{member} is required");
        }
        assert_eq!(schema["additionalProperties"], false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A flipped bit is refused, or without effect on whom and what is trusted.
    #[test]
    fn a_flipped_bit_gains_nothing(at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        thread_local! {
            static WHOLE: (String, Policy, Verdict, Verdict) = {
                let (text, policy) = (bundle().to_json().unwrap(), policy("simulated"));
                let verdict = verify_bundle(&text, &policy, Held::default());
                (text, policy, verdict.report().clone(), verdict.answer().unwrap().clone())
            };
        }
        WHOLE.with(|(text, policy, report, answer)| {
            let mut bytes = text.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let Ok(flipped) = String::from_utf8(bytes) else { return };
            let verdict = verify_bundle(&flipped, policy, Held::default());
            if !verdict.outcome().is_trusted() {
                return;
            }
            let claims = |verdict: &Verdict| verdict.trusted_signer().unwrap().claims().cloned();
            assert_eq!(verdict.report().signing_address(), report.signing_address(), "byte {at}");
            assert_eq!(claims(verdict.report()), claims(report), "byte {at}");
            let statuses = |verdict: &Verdict| {
                verdict.checks().iter().map(|check| (check.id, check.status)).collect::<Vec<_>>()
            };
            // receipts beside the bundle's own may be lost to a flip of their place: then receipt.chain is a skip
            if let Some(judged) = verdict.answer() {
                let lost = |(id, status): &(crate::CheckId, Status)| {
                    *id == crate::CheckId::ReceiptChain && *status == Status::Skip
                };
                let kept: Vec<_> = statuses(judged).into_iter().filter(|one| !lost(one)).collect();
                let before = statuses(answer);
                assert!(kept.iter().all(|one| before.contains(one)), "byte {at}\n{verdict}");
            }
        });
    }
}
