//! Chains in order, and what is kept beside them.

use super::*;

pub(crate) fn a_chain_is_read_in_pages(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let mut signer = signer();
    let name = signer.chain();
    assert!(store.page(&name, 0, 10).unwrap().links.is_empty());
    let batch = chain(&mut signer, 1, &[End::Complete; 10]);
    store.commit(&batch[..4]).unwrap();
    store.commit(&batch[4..]).unwrap();
    let page = store.page(&name, 0, 4).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(1, 1), (2, 2), (3, 3), (4, 4)], Some(4)));
    let page = store.page(&name, 8, 4).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(9, 9), (10, 10)], None));
    let page = store.page(&name, 6, 4).unwrap();
    assert_eq!((shape(&page).len(), page.next), (4, None), "the last page is known to be it");
    assert!(store.page(&name, 10, 4).unwrap().links.is_empty());
    assert!(store.page(&name, u64::MAX, 4).unwrap().links.is_empty());
    assert!(store.page(&Digest::new([9; 32]), 0, 4).unwrap().links.is_empty());
    // Receipts 1 to 4 outlive their time.
    prune(&*store, 55);
    for after in [0, 1, 3] {
        let page = store.page(&name, after, 2).unwrap();
        assert_eq!(
            (shape(&page), page.next),
            (vec![(1, 4), (5, 5)], Some(5)),
            "a hole reaches across {after}"
        );
    }
    let page = store.page(&name, 0, 1).unwrap();
    assert_eq!((shape(&page), page.next), (vec![(1, 4)], Some(4)));
    assert_eq!(shape(&store.page(&name, 4, 100).unwrap()).first(), Some(&(5, 5)));
    assert_linked(&name, &store.page(&name, 0, 100).unwrap());
}

pub(crate) fn chains_are_told_apart(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    assert!(store.chains().unwrap().is_empty());
    let (mut one, mut two) = (signer(), signer());
    let first = chain(&mut one, 1, &[End::Complete; 3]);
    let second = chain(&mut two, 11, &[End::Complete, End::Refused]);
    store.commit(&[&first[..1], &second].concat()).unwrap();
    store.commit(&first[1..]).unwrap();
    let chains = store.chains().unwrap();
    assert_eq!(chains.len(), 2);
    for (signer, last) in [(&one, 3), (&two, 2)] {
        let summary = chains.iter().find(|summary| summary.chain == signer.chain()).unwrap();
        assert_eq!((summary.signing_address, summary.first, summary.last), (signer.address(), 1, last));
        let page = store.page(&signer.chain(), 0, 100).unwrap();
        assert_eq!(page.links.len() as u64, last);
        assert_linked(&signer.chain(), &page);
    }
    prune(&*store, 52);
    let chains = store.chains().unwrap();
    let firsts: Vec<_> = chains.iter().map(|summary| summary.first).collect();
    assert_eq!(firsts, [2, 2]);
    prune(&*store, 1_000);
    assert!(store.chains().unwrap().is_empty());
    assert_eq!(store.usage().receipts, 0);
}

fn report(signer: &Signer, claims: u8, made_at: u64) -> ArchivedReport {
    ArchivedReport {
        claims_hash: Digest::new([claims; 32]),
        signing_address: signer.address(),
        chain: signer.chain(),
        made_at: UnixMillis(made_at),
        report: format!(r#"{{"report of":{claims},"at":{made_at}}}"#),
    }
}

pub(crate) fn a_report_is_kept_as_long_as_it_is_named(open: Open<'_>) {
    let store = open(Bounds { age: Duration::from_millis(50), ..WIDE });
    let (mut old, mut new) = (signer(), signer());
    let by_claims = |claims: u8| {
        store.report(&ReportKey::Claims(Digest::new([claims; 32]))).unwrap().map(|report| report.made_at.0)
    };
    assert_eq!(by_claims(1), None);
    store.keep_report(&report(&old, 1, 10)).unwrap();
    store.commit(&chain(&mut old, 1, &[End::Complete; 2])).unwrap();
    prune(&*store, 1_000);
    assert_eq!(by_claims(1), Some(10), "the newest report stays, its receipts or not");
    store.commit(&chain(&mut old, 3, &[End::Complete; 2])).unwrap();
    store.keep_report(&report(&old, 1, 20)).unwrap();
    assert_eq!(by_claims(1), Some(20), "in place of the older");
    store.keep_report(&report(&new, 2, 30)).unwrap();
    store.commit(&chain(&mut new, 11, &[End::Complete])).unwrap();
    prune(&*store, 51);
    assert_eq!((by_claims(1), by_claims(2)), (Some(20), Some(30)));
    prune(&*store, 1_000);
    assert_eq!((by_claims(1), by_claims(2)), (None, Some(30)), "the last receipt takes it along");
    assert_eq!(store.report(&ReportKey::Signer(old.address())).unwrap(), None);
}

pub(crate) fn the_newest_report_of_a_signer_is_found(open: Open<'_>) {
    let store = open(WIDE);
    let mut one = signer();
    store.keep_report(&report(&one, 1, 30)).unwrap();
    store.commit(&chain(&mut one, 1, &[End::Complete])).unwrap();
    one.begin_chain(Digest::new([3; 32]), "claims 3");
    store.keep_report(&report(&one, 3, 40)).unwrap();
    store.commit(&chain(&mut one, 11, &[End::Complete])).unwrap();
    let found = store.report(&ReportKey::Signer(one.address())).unwrap().unwrap();
    assert_eq!(*found, report(&one, 3, 40));
    assert_eq!(store.report(&ReportKey::Signer(Address::new([1; 20]))).unwrap(), None);
    let first = store.report(&ReportKey::Claims(Digest::new([1; 32]))).unwrap().unwrap();
    assert_eq!(first.made_at, UnixMillis(30));
}

pub(crate) fn the_newest_head_is_kept(open: Open<'_>) {
    let store = open(WIDE);
    let mut signer = signer();
    let name = signer.chain();
    store.commit(&chain(&mut signer, 1, &[End::Complete; 2])).unwrap();
    assert_eq!(store.page(&name, 0, 10).unwrap().head, None);
    for at in [5, 6] {
        let head = signer.sign_head(UnixMillis(at));
        store.keep_head(&head).unwrap();
        assert_eq!(store.page(&name, 0, 1).unwrap().head, Some(head));
    }
    assert_eq!(store.page(&Digest::new([1; 32]), 0, 1).unwrap().head, None);
}
