use jurat_proto::Address;

use super::*;

const DAY: u64 = 24 * 60 * 60 * 1000;

fn aged(millis: u64) -> Bounds {
    Bounds { bytes: 1 << 30, age: Duration::from_millis(millis) }
}

fn holes(store: &SharedStore, chain: u8) -> Vec<SignedPrunePoint> {
    let page = store.page(&Digest::new([chain; 32]), 0, 1000).unwrap();
    page.links
        .into_iter()
        .filter_map(|link| match link {
            Link::Pruned(point) => Some(point),
            Link::Receipt(_) => None,
        })
        .collect()
}

#[test]
fn holes_are_sworn_to_and_joined() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut signer) = (machine.bounded(aged(50)), signer(1));
    let mut entries = more(&mut signer, 1, 3, 10);
    entries.extend(more(&mut signer, 1, 3, 30));
    entries.extend(more(&mut signer, 1, 3, 90));
    store.commit(&entries).unwrap();
    assert_eq!(prune(&store, 60, &signer), Pruned::Enough);
    assert_eq!(outline(&store, 1).len(), 9, "nothing is outlived");
    prune(&store, 61, &signer);
    assert_eq!(outline(&store, 1), [(1, 3), (4, 4), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9)]);
    prune(&store, 100, &signer);
    assert_eq!(outline(&store, 1), [(1, 6), (7, 7), (8, 8), (9, 9)]);
    let hole = &holes(&store, 1)[0].prune;
    assert_eq!(hole.previous, entries[0].record.receipt.previous);
    assert_eq!(hole.receipt_hash, entries[5].record.receipt.struct_hash());
    assert_eq!(hole.receipt_hash, entries[6].record.receipt.previous);
    assert_eq!(store.usage().receipts, 3);
    assert_eq!(store.usage().evicted, 6);
    assert!(matches!(store.find("1-6", UnixMillis(100)).unwrap(), Found::Unknown));
    assert!(matches!(store.find("1-7", UnixMillis(100)).unwrap(), Found::Entry(_)));
    // From inside the hole the reader still learns of it.
    let page = store.page(&Digest::new([1; 32]), 4, 2).unwrap();
    assert!(matches!(&page.links[0], Link::Pruned(point) if point.prune.last == 6));
    assert_eq!(page.next, Some(7));
    // The same batch once more brings nothing back.
    store.commit(&entries).unwrap();
    assert_eq!(outline(&store, 1), [(1, 6), (7, 7), (8, 8), (9, 9)]);
}

#[test]
fn a_living_chain_keeps_its_last_receipt_for_want_of_room_alone_and_goes_on_behind_the_hole() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (tiny, mut one) = (machine.bounded(Bounds { bytes: 1, ..aged(50) }), signer(1));
    tiny.commit(&more(&mut one, 1, 3, 10)).unwrap();
    assert_eq!(prune(&tiny, 60, &one), Pruned::More, "the last is due too");
    assert_eq!(outline(&tiny, 1), [(1, 2), (3, 3)]);
    assert_eq!(prune(&tiny, 60, &one), Pruned::Enough, "but stays");
    tiny.commit(&more(&mut one, 1, 1, 60)).unwrap();
    prune(&tiny, 60, &one);
    assert_eq!(outline(&tiny, 1), [(1, 3), (4, 4)]);
    // Age takes it, and the chain goes on behind the hole.
    let store = machine.bounded(aged(50));
    prune(&store, 1000, &one);
    assert_eq!(outline(&store, 1), [(1, 4)]);
    store.commit(&more(&mut one, 1, 1, 1000)).unwrap();
    assert_eq!(outline(&store, 1), [(1, 4), (5, 5)]);
}

#[test]
fn of_a_dead_chain_nothing_is_left_and_its_report_goes_with_it() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (dead, alive) = (machine.bounded(aged(50)), machine.bounded(aged(50)));
    let (mut old, mut new) = (signer(1), signer(2));
    let report = |chain: u8| ArchivedReport {
        claims_hash: Digest::new([chain; 32]),
        signing_address: Address::new([chain; 20]),
        chain: Digest::new([chain; 32]),
        made_at: UnixMillis(10),
        report: "{}".into(),
    };
    dead.keep_report(&report(1)).unwrap();
    dead.commit(&more(&mut old, 1, 3, 10)).unwrap();
    dead.keep_head(&old.sign_head(UnixMillis(10))).unwrap();
    alive.keep_report(&report(2)).unwrap();
    alive.commit(&more(&mut new, 2, 1, 2 * DAY)).unwrap();
    let archived = |chain: u8| {
        let by_claims = alive.report(&ReportKey::Claims(Digest::new([chain; 32]))).unwrap();
        assert_eq!(by_claims, alive.report(&ReportKey::Signer(Address::new([chain; 20]))).unwrap());
        by_claims.is_some()
    };
    assert!(archived(1) && archived(2));
    prune(&alive, 2 * DAY, &new);
    assert_eq!((outline(&alive, 1).len(), outline(&alive, 2)), (0, vec![(1, 1)]));
    assert_eq!((archived(1), archived(2)), (false, true));
    let one = Digest::new([1; 32]).to_string();
    assert_eq!(machine.cli(&["KEYS", &format!("*{one}*")]), "");
    assert_eq!(alive.chains().unwrap().len(), 1);
}

#[test]
fn room_is_made_from_the_oldest_and_first_from_the_incomplete() {
    let Some(machine) = Machine::start(&[]) else { return };
    let mut one = signer(1);
    let batch = more(&mut one, 1, 40, 10);
    let probe = machine.store();
    probe.commit(&batch).unwrap();
    let size = probe.usage().bytes / 40;
    let bounds = Bounds { bytes: 32 * size, age: BOUNDS.age };
    let store = machine.bounded(bounds);
    let mut left = signer(2);
    let left_batch: Vec<_> =
        (1..=20).map(|n| record(&mut left, id(2, n), &format!("2-{n}"), End::ClientLeft, 20)).collect();
    store.commit(&left_batch).unwrap();
    while prune(&store, 100, &one) == Pruned::More {}
    let usage = store.usage();
    assert!(usage.bytes <= bounds.bytes && usage.bytes > bounds.bytes * 9 / 10, "{usage:?} of {bounds:?}");
    assert_eq!(found(&store, "1-1"), None, "the oldest went");
    assert_eq!((found(&store, "1-40"), found(&store, "2-20")), (Some(id(1, 40)), Some(id(2, 20))));
    let (complete, incomplete) = (outline(&store, 1), outline(&store, 2));
    assert!(incomplete.len() <= 9 && incomplete.len() >= 2, "a quarter at most: {incomplete:?}");
    assert!(complete.len() > 20, "{complete:?}");
    assert_eq!((complete[0].0, incomplete[0].0), (1, 1), "the holes begin where the chains do");
    let counted: u64 = machine.cli(&["HGET", "jurat:n", "receipts"]).parse().unwrap();
    assert_eq!(counted, usage.receipts);
    let held = machine.eval("return #redis.call('KEYS', 'jurat:r:*')");
    assert_eq!(held, counted.to_string());
    let bytes = machine.eval(
        "local n = 0 for _, k in ipairs(redis.call('KEYS', 'jurat:r:*')) do n = n + redis.call('STRLEN', k) end return n",
    );
    let aliases: u64 =
        complete[1..].iter().chain(&incomplete[1..]).map(|(n, _)| 2 * format!("1-{n}").len() as u64).sum();
    assert_eq!(bytes.parse::<u64>().unwrap() + aliases + OVERHEAD * counted, usage.bytes);
}

#[test]
fn another_signers_prune_points_are_never_made_ours() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut one) = (machine.bounded(aged(50)), signer(1));
    store.commit(&more(&mut one, 1, 3, 10)).unwrap();
    store.commit(&more(&mut one, 1, 3, 30)).unwrap();
    store.commit(&more(&mut one, 1, 1, 500)).unwrap();
    let stranger = signer(9);
    prune(&store, 61, &stranger);
    prune(&store, 100, &one);
    assert_eq!(outline(&store, 1), [(1, 3), (4, 6), (7, 7)]);
    let points = holes(&store, 1);
    assert_eq!(points[0].signing_address, stranger.address());
    assert_eq!(points[1].signing_address, one.address());
    assert_eq!(points[0].prune.receipt_hash, points[1].prune.previous);
}

#[test]
fn one_replica_prunes_at_a_time_and_no_hole_is_sworn_to_twice() {
    let Some(machine) = Machine::start(&[]) else { return };
    let stores: Vec<_> = (0..4).map(|_| machine.bounded(aged(50))).collect();
    let mut one = signer(1);
    for _ in 0..10 {
        stores[0].commit(&more(&mut one, 1, 200, 10)).unwrap();
    }
    stores[0].commit(&more(&mut one, 1, 1, 1000)).unwrap();
    std::thread::scope(|scope| {
        for store in &stores {
            let one = &one;
            scope.spawn(move || {
                for _ in 0..30 {
                    let mut sign = |point: PrunePoint| one.sign_prune_point(point);
                    // Late by a lock that went to another: nothing was done.
                    let _ = store.prune(UnixMillis(1000), &mut sign);
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
    });
    while prune(&stores[0], 1000, &one) == Pruned::More {}
    assert_eq!(outline(&stores[0], 1), [(1, 2000), (2001, 2001)]);
    let evicted: u64 = stores.iter().map(|store| store.usage().evicted).sum();
    assert_eq!(evicted, 2000, "each once");
    assert_eq!(machine.cli(&["EXISTS", "jurat:lock"]), "0");
    assert_eq!(machine.cli(&["DBSIZE"]), machine.eval("return #redis.call('KEYS', 'jurat:*')"));
}

#[test]
fn an_altered_record_is_left_where_it_is_and_retention_goes_on() {
    let Some(machine) = Machine::start(&[]) else { return };
    let (store, mut one) = (machine.bounded(aged(50)), signer(1));
    store.commit(&more(&mut one, 1, 5, 10)).unwrap();
    store.commit(&more(&mut one, 1, 1, 500)).unwrap();
    machine.cli(&["SETRANGE", &format!("jurat:r:{}", id(1, 3)), "60", "zz"]);
    prune(&store, 100, &one);
    assert_eq!((found(&store, "1-2"), found(&store, "1-4")), (None, None));
    assert!(store.find("1-3", NOW).is_err(), "still refused, not unknown");
    assert_eq!(machine.cli(&["EXISTS", &format!("jurat:r:{}", id(1, 3))]), "1");
}
