use jurat_proto::Address;

use super::*;

#[test]
fn two_replicas_see_each_others_receipts_at_once() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (one, two) = (machine.store(), machine.store());
    let (mut a, mut b) = (signer(1), signer(2));
    for _ in 0..50 {
        let (of_one, of_two) = (more(&mut a, 1, 3, 10), more(&mut b, 2, 2, 10));
        one.commit(&of_one).unwrap();
        assert_eq!(found(&two, &of_one[2].record.receipt.id.to_string()), Some(of_one[2].record.receipt.id));
        two.commit(&of_two).unwrap();
        assert_eq!(found(&one, &of_two[1].record.receipt.response_id), Some(of_two[1].record.receipt.id));
    }
    assert_eq!(outline(&two, 1), (1..=150).map(|n| (n, n)).collect::<Vec<_>>());
    let chains = one.chains().unwrap();
    let expected = [(1, 150, a.address()), (2, 100, b.address())];
    assert_eq!(chains.len(), 2);
    for (summary, (chain, last, signing_address)) in chains.iter().zip(expected) {
        let chain = Digest::new([chain; 32]);
        assert_eq!(*summary, ChainSummary { chain, signing_address, first: 1, last });
    }
    assert_eq!(two.usage().receipts, 250, "for all replicas together");
}

#[test]
fn a_batch_that_is_there_changes_nothing() {
    let Some(machine) = Machine::start(&[]) else { return };
    let store = machine.store();
    let batch = more(&mut signer(1), 1, 5, 10);
    store.commit(&batch).unwrap();
    let usage = store.usage();
    let digest = machine.cli(&["DEBUG", "DIGEST"]);
    store.commit(&batch).unwrap();
    store.commit(&batch[2..4]).unwrap();
    store.commit(&[]).unwrap();
    assert_eq!((store.usage(), machine.cli(&["DEBUG", "DIGEST"])), (usage, digest));
    assert_eq!(usage.receipts, 5);
}

#[test]
fn aliases_go_to_their_first_bearer() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.store(), signer(1));
    let ours = "ab".repeat(16);
    let names = ["Chat-A", "Chat-A", "chat-b", "CHAT-B", &ours, "", "\u{c4}-1 *\n"];
    for (n, name) in (1..).zip(names) {
        store.commit(&[record(&mut signer, id(1, n), name, End::Complete, 10)]).unwrap();
    }
    assert_eq!(found(&store, "Chat-A"), Some(id(1, 1)));
    assert_eq!(found(&store, "cHAT-a"), Some(id(1, 1)), "only one bears it");
    assert_eq!(found(&store, &id(1, 2).to_string()), Some(id(1, 2)));
    assert_eq!((found(&store, "chat-b"), found(&store, "CHAT-B")), (Some(id(1, 3)), Some(id(1, 4))));
    assert_eq!(found(&store, "Chat-B"), None, "two bear it");
    assert_eq!(
        (found(&store, &ours), found(&store, ""), found(&store, &"x".repeat(9999))),
        (None, None, None)
    );
    for n in 0..20 {
        let name: String = (0..5).map(|bit| if n >> bit & 1 == 1 { 'X' } else { 'x' }).collect();
        store.commit(&[record(&mut signer, id(1, 100 + n), &name, End::Complete, 10)]).unwrap();
    }
    assert_eq!(found(&store, "XXXxx"), Some(id(1, 107)));
    assert_eq!(found(&store, "xxxXx"), None, "more than eight: by receipt id only");
    assert_eq!(found(&store, &id(1, 108).to_string()), Some(id(1, 108)));
}

#[test]
fn of_two_replicas_that_race_for_an_alias_one_bears_it() {
    let Some(machine) = Machine::start(&[]) else { return };
    let race = |chain: u8| {
        let (store, mut signer) = (machine.store(), signer(chain));
        move || {
            for n in 1..=100 {
                store
                    .commit(&[record(&mut signer, id(chain, n), &format!("e-{n}"), End::Complete, 10)])
                    .unwrap();
            }
        }
    };
    let threads = [1, 2].map(race);
    std::thread::scope(|scope| {
        threads.map(|thread| scope.spawn(thread)).map(|thread| thread.join().unwrap())
    });
    let (one, two) = (machine.store(), machine.store());
    let mut borne = [0; 2];
    for n in 1..=100 {
        let bearer = found(&one, &format!("e-{n}")).unwrap();
        assert_eq!(found(&two, &format!("E-{n}")), Some(bearer));
        let chain = [1, 2].into_iter().position(|chain| bearer == id(chain, n)).unwrap();
        borne[chain] += 1;
        assert!([1, 2].iter().all(|chain| found(&one, &id(*chain, n).to_string()).is_some()));
    }
    assert_eq!(borne.iter().sum::<u32>(), 100);
}

#[test]
fn pages_reports_and_heads_come_back_as_they_were_kept() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.store(), signer(1));
    let chain = Digest::new([1; 32]);
    assert_eq!(store.chains().unwrap(), []);
    assert!(store.page(&chain, 0, 10).unwrap().links.is_empty());
    let entries = more(&mut signer, 1, 25, 10);
    store.commit(&entries).unwrap();
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = store.page(&chain, after, 10).unwrap();
        seen.extend(page.receipts().cloned());
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!(seen, entries);
    assert!(store.page(&chain, 25, 10).unwrap().links.is_empty());
    assert!(store.page(&chain, u64::MAX, 10).unwrap().links.is_empty());
    assert_eq!(store.page(&chain, 5, 0).unwrap().links.len(), 0);

    assert_eq!(store.page(&chain, 0, 1).unwrap().head, None);
    let head = signer.sign_head(UnixMillis(20));
    store.keep_head(&head).unwrap();
    more(&mut signer, 1, 1, 10);
    let later = signer.sign_head(UnixMillis(30));
    store.keep_head(&later).unwrap();
    store.keep_head(&head).unwrap();
    assert_eq!(store.page(&chain, 0, 1).unwrap().head, Some(later), "an older one does not replace it");

    let report = |claims: u8, made_at: u64, text: &str| ArchivedReport {
        claims_hash: Digest::new([claims; 32]),
        signing_address: Address::new([7; 20]),
        chain,
        made_at: UnixMillis(made_at),
        report: text.to_owned(),
    };
    let by_signer = ReportKey::Signer(Address::new([7; 20]));
    assert_eq!(store.report(&by_signer).unwrap(), None);
    for kept in
        [report(1, 10, "one"), report(2, 30, "two"), report(1, 20, "one, later"), report(1, 15, "late")]
    {
        store.keep_report(&kept).unwrap();
    }
    let text = |key: ReportKey| store.report(&key).unwrap().map(|report| report.report.clone());
    assert_eq!(text(ReportKey::Claims(Digest::new([1; 32]))).as_deref(), Some("one, later"));
    assert_eq!(text(by_signer).as_deref(), Some("two"), "the newest");
    assert_eq!(text(ReportKey::Claims(Digest::new([3; 32]))), None);
}

#[test]
fn an_outlived_receipt_is_expired() {
    let Some(machine) = Machine::start(&[]) else { return };
    let store = machine.bounded(Bounds { bytes: 1 << 30, age: Duration::from_millis(50) });
    store.commit(&more(&mut signer(1), 1, 1, 10)).unwrap();
    assert!(matches!(store.find("1-1", UnixMillis(60)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("1-1", UnixMillis(61)).unwrap(), Found::Expired));
    assert!(matches!(store.find("1-2", UnixMillis(61)).unwrap(), Found::Unknown));
}
