//! Bytes that nobody wrote: what is served is right, or it is an error.

use proptest::prelude::*;

use super::*;

/// A file with everything in it, and the entries that it must give back.
struct Original {
    bytes: Vec<u8>,
    entries: Vec<Arc<Entry>>,
    chain: Digest,
}

fn original() -> Original {
    let folder = Folder::new();
    let bounds = Bounds { age: Duration::from_millis(50), ..WIDE };
    let mut signer = signer();
    let store = FileStore::open(folder.path(), bounds).unwrap();
    let ends = [End::Complete, End::ClientLeft].repeat(40);
    let entries = chain(&mut signer, 1, &ends);
    for batch in entries.chunks(7) {
        store.commit(batch).unwrap();
    }
    store.keep_head(&signer.sign_head(UnixMillis(80))).unwrap();
    store
        .keep_report(&ArchivedReport {
            claims_hash: Digest::new([1; 32]),
            signing_address: signer.address(),
            chain: signer.chain(),
            made_at: UnixMillis(1),
            report: "report".repeat(500),
        })
        .unwrap();
    prune_with(&store, &signer, 61);
    drop(store);
    let bytes = std::fs::read(folder.file()).unwrap();
    Original { bytes, entries: entries[10..].to_vec(), chain: signer.chain() }
}

/// Opens such bytes and asks for everything. Says whether anything was refused.
fn judge(original: &Original, bytes: &[u8]) -> Verdict {
    let folder = Folder::new();
    std::fs::create_dir(folder.path()).unwrap();
    std::fs::write(folder.file(), bytes).unwrap();
    let store = match FileStore::open(folder.path(), WIDE) {
        Ok(store) => store,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return Verdict::Refused;
        }
    };
    let mut verdict = Verdict::Whole;
    for entry in original.entries.iter().step_by(6) {
        for key in [entry.record.receipt.id.to_string(), entry.record.receipt.response_id.clone()] {
            match store.find(&key, UnixMillis(100)) {
                Ok(Found::Entry(found)) => assert_eq!(found, *entry, "a wrong receipt"),
                Ok(_) => verdict = Verdict::Lost,
                Err(_) => verdict = verdict.max(Verdict::Refused),
            }
        }
    }
    match store.page(&original.chain, 0, 1000) {
        Ok(page) => {
            assert!(page.receipts().all(|entry| original.entries.contains(entry)));
            if page.receipts().count() < original.entries.len() {
                verdict = Verdict::Lost;
            }
        }
        Err(_) => verdict = verdict.max(Verdict::Refused),
    }
    let _ = store.chains();
    let _ = store.report(&ReportKey::Claims(Digest::new([1; 32])));
    // Nor may what comes next be stopped by a panic.
    let signer = signer();
    for _ in 0..3 {
        let _ = store.prune(UnixMillis(10_000), &mut |point| signer.sign_prune_point(point));
    }
    let _ = store.commit(&entries(3, End::Complete));
    let _ = store.recover();
    verdict
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Whole,
    Refused,
    Lost,
}

#[test]
fn a_truncated_file_is_refused_or_whole() {
    let original = original();
    assert_eq!(judge(&original, &original.bytes), Verdict::Whole);
    let length = original.bytes.len();
    let mut refused = 0;
    for cut in (0..length).step_by(length / 60).chain([1, 100, 4095, 4096, 4097, length - 1, length - 4096]) {
        let verdict = judge(&original, &original.bytes[..cut]);
        assert_ne!(verdict, Verdict::Lost, "cut at {cut} of {length}");
        refused += u32::from(verdict == Verdict::Refused);
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn flipped_bits_are_refused_or_harmless() {
    let original = original();
    let offsets = 0..original.bytes.len();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 150,
        failure_persistence: None,
        ..Default::default()
    });
    let refused = std::cell::Cell::new(0);
    runner
        .run(&(offsets, 0..8u8, 1..=64usize), |(offset, bit, run)| {
            let mut bytes = original.bytes.clone();
            for byte in bytes.iter_mut().skip(offset).take(run / 8 + 1) {
                *byte ^= 1 << bit;
            }
            let verdict = judge(&original, &bytes);
            prop_assert_ne!(verdict, Verdict::Lost);
            refused.set(refused.get() + u32::from(verdict == Verdict::Refused));
            Ok(())
        })
        .unwrap();
    assert!(refused.get() > 20, "{}", refused.get());
}

/// The header and the roots, where a flip does most.
#[test]
fn every_byte_of_the_first_page_may_be_wrong() {
    let original = original();
    for offset in 0..400 {
        let mut bytes = original.bytes.clone();
        bytes[offset] ^= 0x81;
        assert_ne!(judge(&original, &bytes), Verdict::Lost, "{offset}");
    }
}

/// Pages that were true once: what a disk gives that kept an old version of them.
#[test]
fn old_pages_are_refused_or_harmless() {
    let original = original();
    let pages = original.bytes.len() / 4096;
    for n in 0..120 {
        let (from, to) = (n * 7 % pages, n * 13 % pages);
        let mut bytes = original.bytes.clone();
        bytes.copy_within(from * 4096..(from + 1) * 4096, to * 4096);
        assert_ne!(judge(&original, &bytes), Verdict::Lost, "{from} over {to}");
    }
}
