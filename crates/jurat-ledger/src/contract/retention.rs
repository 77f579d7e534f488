//! What is given up, when, and what is sworn in its place.

use super::*;

pub(crate) fn incomplete_receipts_have_a_quota_and_a_floor(open: Open<'_>) {
    let complete = entries(60, End::Complete);
    let size = {
        let store = open(WIDE);
        store.commit(&complete[..1]).unwrap();
        store.usage().bytes
    };
    // Holes cost something too: enough room that they don't matter.
    let store = open(Bounds { bytes: 32 * size, ..WIDE });
    let mut other = signer();
    let left: Vec<_> = (61..=120)
        .map(|n| entry(other.sign(statement(&format!("l-{n}"), End::ClientLeft, 1), id(n))))
        .collect();
    store.commit(&left).unwrap();
    prune(&*store, 1_000);
    let quota = store.usage().receipts;
    assert!((2..=12).contains(&quota), "a quota of their own: a quarter, not {quota}");
    assert_eq!(found(&*store, &id(120).to_string()), Some(id(120)), "the newest is kept");
    assert_eq!(found(&*store, &id(61).to_string()), None);
    store.commit(&complete).unwrap();
    prune(&*store, 1_000);
    assert_eq!(found(&*store, &id(120).to_string()), Some(id(120)), "the floor holds");
    assert_eq!(
        found(&*store, &id(61 + 60 - quota as u8).to_string()),
        None,
        "down to the floor, oldest first"
    );
    assert_eq!(found(&*store, &id(60).to_string()), Some(id(60)));
    assert_eq!(found(&*store, &id(1).to_string()), None);
    assert!(store.usage().bytes <= 32 * size);
    assert_eq!(store.usage().evicted + store.usage().receipts, 120);
}

pub(crate) fn new_receipts_are_never_refused(open: Open<'_>) {
    let tiny = open(Bounds { bytes: 1, ..WIDE });
    tiny.commit(&entries(40, End::Complete)).unwrap();
    assert_eq!(found(&*tiny, "c-1"), Some(id(1)), "a commit gives nothing up");
    prune(&*tiny, 1);
    assert_eq!((found(&*tiny, "c-40"), found(&*tiny, "c-39")), (Some(id(40)), None));
    assert_eq!((tiny.usage().receipts, tiny.usage().evicted), (1, 39));
}

pub(crate) fn age_ends_a_receipt_and_its_alias(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let records = chain(&mut signer, 1, &[End::Complete, End::ClientLeft]);
    store.commit(&records[..1]).unwrap();
    assert!(matches!(store.find("c-1", UnixMillis(51)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Expired));
    assert!(matches!(store.find(&id(1).to_string(), UnixMillis(52)).unwrap(), Found::Expired));
    store.commit(&records[1..]).unwrap();
    prune(&*store, 52);
    for key in ["c-1".to_owned(), id(1).to_string()] {
        assert!(matches!(store.find(&key, UnixMillis(52)).unwrap(), Found::Unknown));
    }
    assert!(matches!(store.find("c-2", UnixMillis(52)).unwrap(), Found::Entry(_)));
    assert_eq!((store.usage().evicted, store.usage().receipts), (1, 1));
}

pub(crate) fn holes_are_sworn_to_and_joined(open: Open<'_>) {
    let complete = entries(1, End::Complete);
    let size = {
        let store = open(WIDE);
        store.commit(&complete).unwrap();
        store.usage().bytes
    };
    // Incomplete ones go from between complete ones: the quota gives them up down to a quarter.
    let store = open(Bounds { bytes: 8 * size, age: Duration::from_millis(50) });
    let mut signer = signer();
    let name = signer.chain();
    use End::{ClientLeft, Complete};
    let ends = [Complete, ClientLeft, ClientLeft, Complete, ClientLeft, ClientLeft, ClientLeft];
    let batch = chain(&mut signer, 1, &ends);
    store.commit(&batch).unwrap();
    prune_with(&*store, &signer, 10);
    let page = store.page(&name, 0, 100).unwrap();
    assert_linked(&name, &page);
    assert!(shape(&page).contains(&(2, 3)), "two neighbours make one hole: {:?}", shape(&page));
    assert!(shape(&page).contains(&(1, 1)) && shape(&page).contains(&(4, 4)));
    // Now age takes everything up to the sixth: one hole is left of three.
    let late = {
        let mut later = |n: u8| entry(signer.sign(statement(&format!("c-{n}"), Complete, 100), id(n)));
        [later(8), later(9)]
    };
    store.commit(&late).unwrap();
    prune_with(&*store, &signer, 100);
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 7), (8, 8), (9, 9)]);
    assert_linked(&name, &page);
    let Some(Link::Pruned(point)) = page.links.first() else { panic!("a hole") };
    assert_eq!((point.signing_address, point.prune.at), (signer.address(), UnixMillis(100)));
    assert_eq!(store.usage().receipts, 2);
}

/// Whoever holds the store could have made another's prune point: joining it would put this signature to it.
/// (Memory is nobody else's.)
pub(crate) fn anothers_hole_is_left_as_it_is(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let name = signer.chain();
    store.commit(&chain(&mut signer, 1, &[End::Complete; 2])).unwrap();
    let late = |signer: &mut jurat_witness::Signer, n: u8, at| {
        entry(signer.sign(statement(&format!("c-{n}"), End::Complete, at), id(n)))
    };
    store.commit(&[late(&mut signer, 3, 100), late(&mut signer, 4, 200)]).unwrap();
    prune_with(&*store, &signer, 100);
    let second = crate::samples::signer();
    prune_with(&*store, &second, 180);
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 2), (3, 3), (4, 4)]);
    assert_linked(&name, &page);
    let signers: Vec<_> = page
        .links
        .iter()
        .filter_map(|link| match link {
            Link::Pruned(point) => Some(point.signing_address),
            Link::Receipt(_) => None,
        })
        .collect();
    assert_eq!(signers, [signer.address(), second.address()]);
}

/// A store that joins what somebody else altered has this process swear to it. (Memory is nobody else's.)
pub(crate) fn a_forged_neighbour_is_not_joined(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let name = signer.chain();
    store.commit(&chain(&mut signer, 1, &[End::Complete; 3])).unwrap();
    let mut forge = |point: PrunePoint| -> SignedPrunePoint {
        let mut point = signer.sign_prune_point(point);
        point.prune.previous = Digest::new([66; 32]);
        point
    };
    assert_eq!(store.prune(UnixMillis(52), &mut forge).unwrap(), Pruned::Enough);
    prune(&*store, 53);
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!(shape(&page), [(1, 1), (2, 2), (3, 3)]);
    let honest = page.links.iter().filter(|link| match link {
        Link::Pruned(point) => {
            point.signature.recover(&point.prune.digest()).map(|key| key.address())
                == Ok(point.signing_address)
                && point.prune.previous == Digest::new([66; 32])
        }
        Link::Receipt(_) => false,
    });
    assert_eq!(honest.count(), 0, "nobody swore to the forged part: {:?}", shape(&page));
}
