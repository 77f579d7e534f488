//! By which ids a record is found, and that a batch may come twice.

use super::*;

pub(crate) fn a_record_comes_back_as_it_was(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let ends = [
        End::Complete,
        End::EngineFailed,
        End::EngineTruncated,
        End::TimedOut,
        End::ClientLeft,
        End::Refused,
    ];
    let mut batch = chain(&mut signer, 1, &ends);
    let mut odd = (*batch[0]).clone();
    odd.owner = Some(Digest::new([7; 32]));
    batch[0] = Arc::new(odd);
    store.commit(&batch).unwrap();
    for entry in &batch {
        let receipt = &entry.record.receipt;
        for key in [receipt.id.to_string(), receipt.response_id.clone()] {
            let Found::Entry(found) = store.find(&key, UnixMillis(1)).unwrap() else {
                panic!("{key} is lost")
            };
            assert_eq!(found, *entry);
        }
    }
    assert_eq!(store.usage().receipts, 6);
    assert!(store.usage().bytes > 0);
    assert_eq!(found(&*store, &ReceiptId::new([99; 16]).to_string()), None);
    store.recover().unwrap();
    assert_eq!(found(&*store, "c-1"), Some(id(1)), "getting well loses nothing");
}

pub(crate) fn the_first_bearer_keeps_an_alias(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let ours = "ab".repeat(16);
    for (n, alias) in [(1, "Chat-A"), (2, "Chat-A"), (3, "chat-b"), (4, "CHAT-B"), (5, &*ours), (6, "")] {
        store.commit(&[entry(signer.sign(statement(alias, End::Complete, 1), id(n)))]).unwrap();
    }
    // In one batch, too.
    let mut pair = |n, alias| entry(signer.sign(statement(alias, End::Complete, 1), id(n)));
    store.commit(&[pair(7, "d"), pair(8, "d"), pair(9, "E"), pair(10, "e")]).unwrap();
    let found = |key: &str| found(&*store, key);
    assert_eq!((found("Chat-A"), found("chat-a")), (Some(id(1)), Some(id(1))));
    assert_eq!(found(&id(2).to_string()), Some(id(2)), "the later bearer is reachable by its own id");
    assert_eq!((found("chat-b"), found("CHAT-B")), (Some(id(3)), Some(id(4))));
    assert_eq!(found("Chat-B"), None, "two bear it");
    assert_eq!((found(&ours), found("")), (None, None), "an engine's id of our own form is no alias");
    assert_eq!((found(&format!("0x{}", id(2))), found("c")), (None, None));
    assert_eq!((found("d"), found("E"), found("e")), (Some(id(7)), Some(id(9)), Some(id(10))));
    assert_eq!(found(&id(8).to_string()), Some(id(8)));
}

pub(crate) fn an_alias_dies_with_its_first_bearer(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 1), id(1)))]).unwrap();
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 100), id(2)))]).unwrap();
    prune(&*store, 100);
    assert_eq!(found(&*store, "a"), None, "the second bearer never had it");
    assert_eq!(store.usage().receipts, 1);
    store.commit(&[entry(signer.sign(statement("a", End::Complete, 100), id(3)))]).unwrap();
    let Found::Entry(third) = store.find("a", UnixMillis(100)).unwrap() else { panic!("free again") };
    assert_eq!(third.record.receipt.id, id(3));
}

pub(crate) fn a_fold_has_few_bearers(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let spelt = |n: u8| -> String { (0..4).map(|bit| if n >> bit & 1 == 0 { 'a' } else { 'A' }).collect() };
    for n in 0..12 {
        store.commit(&[entry(signer.sign(statement(&spelt(n), End::Complete, 1), id(n + 1)))]).unwrap();
    }
    for n in 0..12 {
        let bearer = (n < 8).then(|| id(n + 1));
        assert_eq!(found(&*store, &spelt(n)), bearer, "{n}");
        assert_eq!(found(&*store, &id(n + 1).to_string()), Some(id(n + 1)));
    }
}

pub(crate) fn the_same_batch_again_changes_nothing(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let batch = chain(&mut signer, 1, &[End::Complete, End::ClientLeft, End::Complete]);
    store.commit(&batch).unwrap();
    let (usage, chains) = (store.usage(), store.chains().unwrap());
    store.commit(&batch).unwrap();
    store.commit(&batch[1..]).unwrap();
    assert_eq!((store.usage(), store.chains().unwrap()), (usage, chains));
    // Half of it new, as after an outcome that nobody knew.
    let more = chain(&mut signer, 4, &[End::Complete; 2]);
    store.commit(&[&batch[2..], &more].concat()).unwrap();
    assert_eq!(store.usage().receipts, 5);
    assert_eq!(store.usage().evicted, 0);
    let page = store.page(&signer.chain(), 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]);
    assert_linked(&signer.chain(), &page);
    store.commit(&[]).unwrap();
}
