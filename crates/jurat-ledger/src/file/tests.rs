mod damage;
mod faults;
mod model;

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use jurat_proto::End;
use jurat_witness::Signer;

use super::*;
use crate::{
    contract::{WIDE, chain, prune_with, shape},
    samples::{entries, entry, found, id, signer, statement},
};

/// A folder of this test's own, removed with it.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("jurat-file-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        // In memory where there is such a folder: these tests are about what is written, not how fast.
        let memory = Path::new("/dev/shm");
        let path = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() }.join(name);
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self) -> PathBuf {
        self.0.join("receipts.redb")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Leaves its folder to the operating system: the contract's tests keep only the store.
fn opened(bounds: Bounds) -> Arc<dyn Store> {
    let folder = Folder::new();
    let store = FileStore::open(folder.path(), bounds).unwrap();
    // Unlinked already, gone with the process.
    drop(folder);
    Arc::new(store)
}

mod by_contract {
    crate::contract::contract!(super::opened);

    #[test]
    fn a_forged_neighbour_is_not_joined() {
        crate::contract::a_forged_neighbour_is_not_joined(&super::opened);
    }

    #[test]
    fn anothers_hole_is_left_as_it_is() {
        crate::contract::anothers_hole_is_left_as_it_is(&super::opened);
    }
}

#[test]
fn everything_is_there_again_after_a_reopening() {
    let folder = Folder::new();
    let bounds = Bounds { age: Duration::from_millis(50), ..WIDE };
    let mut signer = signer();
    let name = signer.chain();
    let head = {
        let store = FileStore::open(folder.path(), bounds).unwrap();
        store.commit(&chain(&mut signer, 1, &[End::Complete; 5])).unwrap();
        store.commit(&chain(&mut signer, 6, &[End::ClientLeft, End::Complete])).unwrap();
        let head = signer.sign_head(UnixMillis(9));
        store.keep_head(&head).unwrap();
        prune_with(&store, &signer, 52);
        head
    };
    let store = FileStore::open(folder.path(), bounds).unwrap();
    // The first of each commit was finished at 1.
    assert_eq!((store.usage().receipts, store.usage().evicted), (5, 0));
    assert_eq!((found(&store, "c-1"), found(&store, "c-2")), (None, None), "both are older than a second");
    assert!(matches!(store.find("c-2", UnixMillis(52)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("c-7", UnixMillis(52)).unwrap(), Found::Entry(_)));
    assert!(matches!(store.find("c-1", UnixMillis(52)).unwrap(), Found::Unknown));
    let page = store.page(&name, 0, 100).unwrap();
    assert_eq!((page.links.len(), page.head), (7, Some(head)));
    let bytes = store.usage().bytes;
    drop(store);
    assert_eq!(FileStore::open(folder.path(), bounds).unwrap().usage().bytes, bytes);
}

#[test]
fn nobody_else_may_read_it_and_nobody_else_may_have_it() {
    let folder = Folder::new();
    let deep = folder.path().join("a").join("b");
    let store = FileStore::open(&deep, WIDE).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&deep), mode(&deep.join("receipts.redb"))), (0o700, 0o600));
    let names: Vec<_> = std::fs::read_dir(&deep).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["receipts.redb"]);
    let second = FileStore::open(&deep, WIDE).err().unwrap();
    assert!(matches!(second, OpenError::InUse { .. }), "{second}");
    assert!(second.to_string().contains("another process"), "{second}");
    store.commit(&entries(1, End::Complete)).unwrap();
    drop(store);
    assert_eq!(FileStore::open(&deep, WIDE).unwrap().usage().receipts, 1);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = Folder::new();
    let refused = || FileStore::open(folder.path(), WIDE).err().unwrap();
    std::fs::create_dir(folder.path()).unwrap();
    for content in [&b""[..], b"notes", &[0; 8192], &[0xff; 70_000]] {
        std::fs::write(folder.file(), content).unwrap();
        let error = refused();
        assert!(matches!(error, OpenError::Damaged { .. }), "{} bytes: {error:?}", content.len());
        assert_eq!(std::fs::read(folder.file()).unwrap(), content, "nothing is written over it");
    }
    std::fs::remove_file(folder.file()).unwrap();
    let database = Database::create(folder.file()).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(META).unwrap().insert(tables::FORMAT_KEY, &b"jurat receipts 2"[..]).unwrap();
    txn.commit().unwrap();
    drop(database);
    let error = refused();
    assert!(matches!(&error, OpenError::Format { found, .. } if found == "jurat receipts 2"), "{error:?}");
    std::fs::remove_file(folder.file()).unwrap();
    drop(Database::create(folder.file()).unwrap());
    assert!(matches!(refused(), OpenError::Damaged { .. } | OpenError::Format { .. }), "{:?}", refused());
    // A folder that is none.
    let error = FileStore::open(&folder.file(), WIDE).err().unwrap();
    assert!(matches!(error, OpenError::Folder { .. }), "{error:?}");
}

#[test]
fn a_file_that_was_never_finished_is_begun_anew() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path()).unwrap();
    std::fs::write(folder.path().join("receipts.redb.new"), b"half of a fil").unwrap();
    let store = FileStore::open(folder.path(), WIDE).unwrap();
    store.commit(&entries(1, End::Complete)).unwrap();
    assert_eq!(found(&store, "c-1"), Some(id(1)));
}

/// More than waits in memory: through the tree, and through openings in between.
#[test]
fn the_index_settles_slice_by_slice() {
    let folder = Folder::new();
    let mut waiting = index::Waiting::empty();
    let store = FileStore::open(folder.path(), WIDE).unwrap();
    store.commit(&entries(3, End::Complete)).unwrap();
    {
        let database = store.database();
        let txn = database.as_ref().unwrap().begin_write().unwrap();
        let mut tree = txn.open_table(tables::INDEX).unwrap();
        for n in 0..300_000u64 {
            let fingerprint = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            waiting.push(fingerprint, RowKey(n));
            for slice in waiting.due() {
                waiting.settle(slice, &mut tree).unwrap();
                waiting.forget(slice);
            }
        }
        for n in (0..300_000u64).step_by(7) {
            let fingerprint = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let held = waiting.of(fingerprint).collect();
            assert_eq!(index::candidates(fingerprint, held, &tree).unwrap(), [RowKey(n)]);
        }
        let settled = redb::ReadableTableMetadata::len(&tree).unwrap();
        assert!((100_000..200_000).contains(&settled), "some wait, some are settled: {settled}");
        drop(tree);
        txn.abort().unwrap();
    }
    assert_eq!(found(&store, "c-3"), Some(id(3)));
}

/// Receipts of one chain that ended at these times, and a store that keeps them for 50 ms.
fn aged(ends: &[u64]) -> (Folder, FileStore, Signer, Vec<Arc<Entry>>) {
    let folder = Folder::new();
    let age = Duration::from_millis(50);
    let store = FileStore::open(folder.path(), Bounds { bytes: 1 << 30, age }).unwrap();
    let mut signer = signer();
    let batch = (1..)
        .zip(ends)
        .map(|(n, at)| entry(signer.sign(statement(&format!("c-{n}"), End::Complete, *at), id(n))))
        .collect();
    (folder, store, signer, batch)
}

#[test]
fn a_batch_that_comes_again_does_not_bring_back_what_retention_took() {
    let (_folder, store, signer, batch) = aged(&[1, 1, 100]);
    store.commit(&batch).unwrap();
    prune_with(&store, &signer, 100);
    store.commit(&batch).unwrap();
    assert!(matches!(store.find(&id(1).to_string(), UnixMillis(100)), Ok(Found::Unknown)));
    assert_eq!(store.usage().receipts, 1);
    let page = store.page(&signer.chain(), 0, 9).unwrap();
    assert_eq!((page.links.len(), page.receipts().count()), (2, 1), "a hole and what is behind it");
}

/// Whoever holds the disk may put rows of their own in the place of deleted ones. Nothing that retention takes is sworn
/// to but what links back from a receipt that its signer signed.
#[test]
fn rows_that_nobody_signed_are_not_sworn_away() {
    let (_folder, store, signer, mut batch) = aged(&[1, 1, 1, 1, 1, 200]);
    Arc::make_mut(&mut batch[2]).record.receipt.response_length += 1;
    store.commit(&batch).unwrap();
    prune_with(&store, &signer, 100);
    let page = store.page(&signer.chain(), 0, 9).unwrap();
    assert_eq!(shape(&page), [(1, 2), (4, 5), (6, 6)], "the third was nobody's");
    assert!(matches!(store.find(&id(6).to_string(), UnixMillis(200)), Ok(Found::Entry(_))));
}
