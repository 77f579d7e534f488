//! What is filed whatever a report says of itself: every check, where collateral is from, that a quote is simulated.

use super::*;

#[test]
fn every_check_is_filed_of_every_report() {
    let all: Vec<_> = CheckId::ALL.iter().filter(|id| !id.is_about_receipts()).collect();
    let edits: [(&str, Value); 5] = [
        ("something", json!("else")),
        ("signing_address", json!("0x")),
        ("intel_quote", json!("?")),
        ("collateral", Value::Null),
        ("nvidia_payload", json!("?")),
    ];
    for (member, value) in edits {
        let mut report = minted();
        report[member] = value;
        let verdict = judge(&report);
        let filed: Vec<_> = verdict.checks().iter().map(|check| &check.id).collect();
        assert_eq!(filed, all, "{member}\n{verdict}");
    }
    assert_eq!(judge(&Value::Null).checks().len(), all.len());
}

/// Collateral is bounded, taken from the caller before the report, and its reason names its dates.
#[test]
fn collateral_is_the_callers_and_has_its_dates() {
    let blueprint = blueprint();
    let attester = Attester::new(&blueprint);
    let mut report = attester.report(Binding::JuratV1, &NONCE);
    let collateral = attester.tee.collateral();
    report["collateral"] = "?".into();
    let judged = |collateral: &str| {
        let verdict =
            verify_report(&report.to_string(), &policy("simulated"), inputs().collateral(collateral));
        let check = verdict.check(CheckId::TdxQuote).unwrap();
        (check.status, check.reason.clone())
    };
    let (status, reason) = judged(collateral);
    assert_eq!(status, Status::Pass, "{reason}");
    let dates = reason.strip_prefix("genuine, by collateral that is valid from ").unwrap();
    let (from, to) = dates.split_once(" to ").unwrap();
    for (date, seconds) in [(from, blueprint.issued.0), (to, blueprint.next_update.0)] {
        assert!(date.starts_with("2026-") && date.ends_with(&format!("Z ({seconds})")), "{date} {seconds}");
    }
    let padded = |length: usize| judged(&format!("{collateral}{}", " ".repeat(length - collateral.len())));
    assert_eq!(padded(1 << 20).0, Status::Pass);
    let longer = padded((1 << 20) + 1);
    assert_eq!(longer, (Status::Fail, "the collateral is longer than 1048576 bytes".into()));
    assert_eq!(judge(&report).check(CheckId::TdxQuote).unwrap().status, Status::Fail, "the report's own");
}

/// Whatever a report says of itself: its certificates tell.
#[test]
fn a_simulated_quote_is_told_by_its_certificates_or_its_word() {
    let mut report = minted();
    let simulated = |report: &Value, name: &str| {
        let verdict = verify_report(&report.to_string(), &policy(name), inputs());
        verdict.check(CheckId::TdxQuote).unwrap().reason.starts_with("the quote is simulated")
    };
    assert!(simulated(&report, "permissive") && !simulated(&report, "simulated"));
    report["tee"] = "tdx".into();
    assert!(simulated(&report, "permissive"));
    // without the certificates that the look-alike root issued, who issued the rest is a stranger
    let mut quote = hex::decode(report["quote"].as_str().unwrap()).unwrap();
    let begin = b"-----BEGIN CERTIFICATE-----";
    let starts: Vec<_> =
        quote.windows(begin.len()).enumerate().filter(|(_, window)| window == begin).collect();
    let (second, last) = (starts[1].0, starts.last().unwrap().0);
    let end = b"-----END CERTIFICATE-----";
    let length = quote[last..].windows(end.len()).position(|window| window == end).unwrap() + end.len();
    quote[second..last + length].fill(b'\n');
    report["quote"] = hex::encode(&quote).into();
    report["intel_quote"] = report["quote"].clone();
    assert!(!simulated(&report, "permissive"));
    let verdict = verify_report(&report.to_string(), &policy("permissive"), inputs());
    let check = verdict.check(CheckId::TdxQuote).unwrap();
    assert!(check.reason.starts_with("no collateral"), "{verdict}");
}
