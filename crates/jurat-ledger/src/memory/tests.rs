use super::*;
use crate::samples::*;

#[test]
fn the_first_bearer_keeps_an_alias() {
    let store = MemoryStore::new(MEMORY_BOUNDS);
    let mut signer = signer();
    for (n, alias) in
        [(1, "Chat-A"), (2, "Chat-A"), (3, "chat-b"), (4, "CHAT-B"), (5, &"ab".repeat(16)), (6, "")]
    {
        store.commit(&[entry(signer.sign(statement(alias, End::Complete, 1), id(n)))]).unwrap();
    }
    assert_eq!(found(&store, "Chat-A"), Some(id(1)));
    assert_eq!(found(&store, "chat-a"), Some(id(1)), "lower-cased, and only one bears it");
    assert_eq!(found(&store, &id(2).to_string()), Some(id(2)), "the later bearer is reachable by its own id");
    assert_eq!((found(&store, "chat-b"), found(&store, "CHAT-B")), (Some(id(3)), Some(id(4))));
    assert_eq!(found(&store, "Chat-B"), None, "two bear it");
    assert_eq!(found(&store, &"ab".repeat(16)), None, "an engine's id of our own form is no alias");
    assert_eq!(found(&store, ""), None);
    assert_eq!(found(&store, &format!("0x{}", id(2))), None);
}

#[test]
fn incomplete_receipts_go_first_and_new_ones_are_never_refused() {
    let complete = entries(40, End::Complete);
    let size = {
        let store = MemoryStore::new(MEMORY_BOUNDS);
        store.commit(&complete[..1]).unwrap();
        store.usage().bytes
    };
    let store = MemoryStore::new(Bounds { bytes: 16 * size, age: Duration::from_secs(3600) });
    let left = entries(40, End::ClientLeft);
    store.commit(&left[30..]).unwrap();
    prune(&store, 1_000);
    assert!(store.usage().receipts <= 5, "a quota of their own: a quarter");
    assert_eq!(found(&store, &id(40).to_string()), Some(id(40)), "the newest is kept");
    store.commit(&complete[..16]).unwrap();
    prune(&store, 1_000);
    assert_eq!(found(&store, &id(40).to_string()), Some(id(40)), "the floor holds");
    assert_eq!(found(&store, &id(39).to_string()), None);
    assert_eq!(found(&store, &id(16).to_string()), Some(id(16)));
    assert!(store.usage().bytes <= 16 * size);
    let tiny = MemoryStore::new(Bounds { bytes: 1, age: Duration::from_secs(3600) });
    tiny.commit(&complete).unwrap();
    prune(&tiny, 1);
    assert_eq!((tiny.usage().receipts, found(&tiny, "c-40"), found(&tiny, "c-39")), (1, Some(id(40)), None));
}

#[test]
fn age_ends_a_receipt_and_its_alias() {
    let store = MemoryStore::new(Bounds { bytes: 1 << 20, age: Duration::from_millis(50) });
    let records = entries(2, End::Complete);
    store.commit(&records[..1]).unwrap();
    assert!(matches!(store.find("c-1", UnixMillis(51)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Expired));
    store.commit(&records[1..]).unwrap();
    prune(&store, 52);
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Unknown));
    assert_eq!(store.usage().evicted, 1);
}

#[test]
fn pages_name_what_retention_took() {
    let store = MemoryStore::new(Bounds { bytes: 1 << 30, age: Duration::from_millis(5) });
    let mut signer = signer();
    let ends = [End::Complete, End::ClientLeft, End::Complete, End::Complete, End::Complete];
    let batch: Vec<_> = (1..=5u8)
        .zip(ends)
        .map(|(n, end)| entry(signer.sign(statement("", end, if n == 4 { 50 } else { 100 }), id(n))))
        .collect();
    store.commit(&batch).unwrap();
    store.commit(&batch).unwrap();
    assert_eq!(store.usage().receipts, 5, "a batch again changes nothing");
    let chain = batch[0].record.receipt.chain;
    let links = |after, limit| {
        let page = store.page(&chain, after, limit).unwrap();
        let text: Vec<_> = page
            .links
            .iter()
            .map(|link| match link {
                Link::Receipt(entry) => entry.record.receipt.sequence.to_string(),
                Link::Pruned(point) => format!("{}-{}", point.prune.first, point.prune.last),
            })
            .collect();
        (text.join(" "), page.next)
    };
    assert_eq!(links(0, 2), ("1 2".into(), Some(2)));
    // The oldest goes first, and none behind it before its time.
    let sign = &mut |point| signer.sign_prune_point(point);
    store.prune(UnixMillis(60), sign).unwrap();
    assert_eq!(links(0, 9).0, "1 2 3 4 5");
    store.prune(UnixMillis(106), sign).unwrap();
    assert_eq!(links(0, 9), (String::new(), None), "nothing is left of the chain");
}
