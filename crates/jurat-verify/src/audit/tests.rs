//! Laws of the audit. `vectors.rs` beside this file runs the published exports, `long.rs` has chains longer
//! than what an audit remembers.

mod long;
mod vectors;

use jurat_proto::{
    Claims, End, Head, PrunePoint, Receipt, ReceiptId, SignatureRecord, SignedHead, SignedPrunePoint,
    UnixMillis, sha256,
};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::{
    Outcome, Status,
    receipt::tests::{claims, key, public, receipt, record, sign, signer},
};

/// A chain as its signer makes it, record by record.
struct Signing {
    key: SigningKey,
    hashes: Vec<Digest>,
}

impl Signing {
    fn new() -> Self {
        Self { key: key(0x11), hashes: vec![claims().chain] }
    }

    fn next(&mut self) -> SignatureRecord {
        let at = u64::try_from(self.hashes.len()).unwrap();
        let made = Receipt {
            id: ReceiptId::new([at.to_be_bytes(), at.to_be_bytes()].concat().try_into().unwrap()),
            // the quick half of the receipts: one signature each
            end: if at.is_multiple_of(2) { End::ClientLeft } else { End::Complete },
            sequence: at,
            previous: *self.hashes.last().unwrap(),
            ..receipt(b"{}", b"{}")
        };
        self.hashes.push(made.struct_hash());
        record(&self.key, made)
    }

    fn lines(&mut self, number: usize) -> Vec<String> {
        (0..number).map(|_| serde_json::to_string(&self.next()).unwrap()).collect()
    }

    fn head(&self, sequence: u64) -> String {
        let head = Head {
            chain: self.hashes[0],
            sequence,
            receipt_hash: self.hashes[usize::try_from(sequence).unwrap()],
            at: UnixMillis(1_795_000_900_000),
        };
        let signature = sign(&self.key, &head.digest());
        let signed = SignedHead { head, signing_address: public(&self.key).address(), signature };
        serde_json::to_string(&signed).unwrap()
    }

    fn prune(&self, first: u64, last: u64, by: &SigningKey) -> String {
        let at = |sequence: u64| self.hashes[usize::try_from(sequence).unwrap()];
        let prune = PrunePoint {
            chain: self.hashes[0],
            first,
            last,
            previous: at(first - 1),
            receipt_hash: at(last),
            at: UnixMillis(1_795_000_900_000),
        };
        let signature = sign(by, &prune.digest());
        serde_json::to_string(&SignedPrunePoint { prune, signing_address: public(by).address(), signature })
            .unwrap()
    }
}

fn policy() -> Policy {
    Policy::named("simulated").unwrap()
}

fn trusting(extent: Extent) -> Audit {
    let mut audit = Audit::new(&policy(), extent);
    audit.trust(&signer(public(&key(0x11)).address(), Some(&claims().to_json())));
    audit
}

fn judged<L: AsRef<str>>(lines: impl IntoIterator<Item = L>) -> AuditVerdict {
    let mut audit = trusting(Extent::Whole);
    lines.into_iter().for_each(|line| audit.line(line.as_ref()));
    audit.finish()
}

fn status(verdict: &AuditVerdict, id: CheckId) -> Status {
    let checks = verdict.checks().iter().chain(verdict.chains().iter().flat_map(|chain| &chain.checks));
    checks.clone().find(|check| check.id == id).unwrap_or_else(|| panic!("{id}\n{verdict}")).status
}

#[test]
fn a_whole_chain_holds_and_says_what_it_cannot_show() {
    let mut signing = Signing::new();
    let mut lines = signing.lines(4);
    let without = judged(&lines);
    assert_eq!(without.outcome(), Outcome::Trusted, "{without}");
    assert_eq!(status(&without, CheckId::ChainHead), Status::Skip);
    assert!(without.chains()[0].notes[0].contains("no signed head"), "{without}");

    lines.push(signing.head(4));
    let verdict = judged(&lines);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    let chain = &verdict.chains()[0];
    assert_eq!((chain.first, chain.last, chain.receipts, chain.pruned), (Some(1), Some(4), 4, 0));
    assert_eq!((verdict.ends().of(End::Complete), verdict.ends().of(End::ClientLeft)), (2, 2));
    assert_eq!(chain.head.map(|head| head.sequence), Some(4));
    assert!(verdict.limits().iter().any(|limit| limit.contains("later head")), "{verdict}");
}

#[test]
fn the_json_form_is_as_documented() {
    let mut signing = Signing::new();
    let mut lines = signing.lines(2);
    lines.push(signing.head(2));
    let json: serde_json::Value = serde_json::from_str(&judged(&lines).to_json()).unwrap();
    assert_eq!(json["verdict"], "trusted");
    assert_eq!((&json["tee"], &json["policy"]), (&"simulated".into(), &"simulated".into()));
    assert_eq!(json["ends"], serde_json::json!({ "complete": 1, "client_left": 1 }));
    let chain = &json["chains"][0];
    assert_eq!(chain["chain"], format!("0x{}", claims().chain));
    assert_eq!(chain["claims_hash"], sha256(claims().to_json().as_bytes()).to_string());
    assert_eq!((chain["first"].as_u64(), chain["last"].as_u64()), (Some(1), Some(2)));
    assert_eq!(chain["checks"][0]["id"], "chain.signature");
    assert_eq!(chain["head"]["sequence"], 2);
}

#[test]
fn nobody_is_believed_without_a_report() {
    let lines = Signing::new().lines(2);
    let mut audit = Audit::new(&policy(), Extent::Whole);
    lines.iter().for_each(|line| audit.line(line));
    let address = public(&key(0x11)).address();
    let claims_hash = Some(sha256(claims().to_json().as_bytes()));
    assert_eq!(audit.wanted(), [WantedReport { signing_address: address, claims_hash }]);
    let trusted = signer(address, Some(&claims().to_json()));
    let other = TrustedSigner::new(
        address,
        trusted.binding(),
        None,
        &Policy::named("production").unwrap(),
        Standing::Live,
        &[],
    );
    audit.trust(&other);
    assert_eq!(audit.wanted().len(), 1, "another policy's signer counts for nothing");
    audit.trust(&trusted);
    assert!(audit.wanted().is_empty());
    assert_eq!(audit.finish().outcome(), Outcome::Trusted, "trust may come after the lines");

    let mut unknown = Audit::new(&policy(), Extent::Whole);
    lines.iter().for_each(|line| unknown.line(line));
    let verdict = unknown.finish();
    assert_eq!(verdict.outcome(), Outcome::Undecided, "{verdict}");
    assert_eq!(status(&verdict, CheckId::ChainSigner), Status::Skip);
}

#[test]
fn an_archived_report_trusts_the_past_alone() {
    let address = public(&key(0x11)).address();
    let live = signer(address, Some(&claims().to_json()));
    let known = live.claims().cloned().zip(live.claims_hash().copied());
    let then =
        TrustedSigner::new(address, live.binding(), known, &policy(), Standing::Archived, &["old".into()]);
    let lines = Signing::new().lines(2);
    let judge = |signers: &[&TrustedSigner]| {
        let mut audit = Audit::new(&policy(), Extent::Whole);
        signers.iter().for_each(|signer| audit.trust(signer));
        lines.iter().for_each(|line| audit.line(line));
        audit.finish()
    };
    let verdict = judge(&[&then]);
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
    assert!(verdict.limits().iter().any(|limit| limit == "old"), "{verdict}");
    assert_eq!(judge(&[&then, &live]).outcome(), Outcome::Trusted);
    // a key that outlives its process is known now under other claims than those that these receipts name
    let restarted = Claims { chain: sha256(b"the next chain"), ..claims() };
    let restarted = signer(address, Some(&restarted.to_json()));
    let verdict = judge(&[&then, &restarted]);
    assert_eq!(verdict.outcome(), Outcome::TrustedThen, "{verdict}");
}

#[test]
fn a_binding_without_claims_can_be_audited() {
    let mut audit = Audit::new(&policy(), Extent::Whole);
    audit.trust(&signer(public(&key(0x11)).address(), None));
    Signing::new().lines(2).iter().for_each(|line| audit.line(line));
    assert!(audit.wanted().is_empty());
    let verdict = audit.finish();
    assert_eq!(status(&verdict, CheckId::ChainClaims), Status::Skip);
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
}

#[test]
fn a_part_may_begin_anywhere_and_says_so() {
    let lines = Signing::new().lines(5);
    assert_eq!(judged(&lines[2..]).outcome(), Outcome::Refuted);
    let mut audit = trusting(Extent::Part);
    lines[2..].iter().for_each(|line| audit.line(line));
    let verdict = audit.finish();
    assert_eq!(verdict.outcome(), Outcome::Trusted, "{verdict}");
    assert!(verdict.chains()[0].notes.iter().any(|note| note.contains("before its first line")), "{verdict}");

    let mut holed = trusting(Extent::Part);
    lines[1..].iter().enumerate().filter(|(at, _)| *at != 1).for_each(|(_, line)| holed.line(line));
    assert_eq!(holed.finish().outcome(), Outcome::Refuted);
}

#[test]
fn an_empty_export_shows_nothing() {
    for lines in [&[][..], &["", "\r\n"], &["{\"next\":3}"]] {
        assert_eq!(judged(lines).outcome(), Outcome::Undecided, "{lines:?}");
    }
}

#[test]
fn hostile_lines_are_told_and_nothing_else() {
    let long = format!("{{\"next\":1,\"x\":\"{}\"}}", "x".repeat(MAX_LINE));
    for line in
        [&long, "null", "{}", "{\"next\":-1}", "{\"next\":1,\"next\":2}", "{\"receipt\":{}}", "\u{1b}[2J"]
    {
        let verdict = judged([line]);
        assert_eq!(status(&verdict, CheckId::ChainLines), Status::Fail, "{line}");
        assert!(!verdict.to_string().contains('\u{1b}'), "no stranger's control characters");
    }
    // serde would take them by their order
    let mut record = serde_json::to_value(Signing::new().next()).unwrap();
    let names = "id responseId endpoint model status end requestHash forwardedHash responseHash responseLength receivedAt \
                 finishedAt clientNonce claimsHash extrasHash chain sequence previous";
    record["receipt"] = names.split_whitespace().map(|name| record["receipt"][name].clone()).collect();
    let record = record.to_string();
    serde_json::from_str::<SignatureRecord>(&record).expect("serde itself takes it");
    assert!(crate::read_record(&record).is_err());
    for line in [&record, "[null,null,null,3]"] {
        assert_eq!(status(&judged([line]), CheckId::ChainLines), Status::Fail, "{line}");
    }
    assert_eq!(judged([" {\"next\":3}"]).outcome(), Outcome::Undecided, "blanks are JSON's");
    let verdict = judged(["[]", "x", "[]"]);
    assert_eq!(verdict.checks()[0].reason, "line 1: not a JSON object; 3 such lines in all");
}

#[test]
fn numbers_at_their_ends_stop_nothing() {
    let mut signing = Signing::new();
    let lines = signing.lines(2);
    let far = record(&key(0x11), Receipt { sequence: u64::MAX, ..receipt(b"", b"") });
    let far = serde_json::to_string(&far).unwrap();
    let verdict = judged([&lines[0], &far, &lines[1], &far]);
    assert_eq!(status(&verdict, CheckId::ChainGap), Status::Fail);
    let prune = |first, last| {
        let at = UnixMillis(u64::MAX);
        let prune = PrunePoint {
            chain: signing.hashes[0],
            first,
            last,
            previous: signing.hashes[0],
            receipt_hash: Digest::ZERO,
            at,
        };
        let signature = sign(&signing.key, &prune.digest());
        let signing_address = public(&signing.key).address();
        serde_json::to_string(&SignedPrunePoint { prune, signing_address, signature }).unwrap()
    };
    let all = judged([prune(1, u64::MAX)]);
    assert_eq!(all.chains()[0].pruned, u64::MAX);
    for (first, last) in [(0, 1), (0, u64::MAX), (2, 1)] {
        assert_eq!(status(&judged([prune(first, last)]), CheckId::ChainPrune), Status::Fail);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is left out, repeated or moved: an export is trusted only if it has every receipt, in order.
    #[test]
    fn only_all_of_it_in_order_is_trusted(order in prop::collection::vec(0usize..6, 0..12)) {
        let mut signing = Signing::new();
        let mut lines = signing.lines(6);
        lines.push(signing.head(6));
        let verdict = judged(order.iter().chain(&[6]).map(|at| &lines[*at]));
        let mut next = 0;
        let ordered = order.iter().all(|at| {
            let fits = *at <= next;
            next = next.max(at + 1);
            fits
        });
        prop_assert_eq!(verdict.outcome() == Outcome::Trusted, ordered && next == 6, "{:?}\n{}", order, verdict);
    }

    /// A flipped bit leaves the same line (the case of a hexadecimal digit), or an export that is not trusted.
    #[test]
    fn any_flipped_bit_is_noticed(line in 0usize..5, bit in any::<prop::sample::Index>()) {
        let mut signing = Signing::new();
        let made = signing.lines(4);
        let mut lines = vec![signing.prune(1, 2, &key(0x11))];
        lines.extend_from_slice(&made[2..]);
        lines.push(signing.head(4));
        lines.push("{\"next\":4}".into());
        let genuine = judged(&lines);
        prop_assert_eq!(genuine.outcome(), Outcome::Trusted, "{}", genuine);
        let mut bytes = lines[line].clone().into_bytes();
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok(altered) = String::from_utf8(bytes) {
            let same = Line::read(&altered) == Line::read(&lines[line])
                || matches!(Line::read(&altered).kind(), LineKind::Next { .. } | LineKind::Blank);
            lines[line] = altered;
            let verdict = judged(&lines);
            prop_assert!(same || verdict.outcome() != Outcome::Trusted, "{}", verdict);
        }
    }
}
