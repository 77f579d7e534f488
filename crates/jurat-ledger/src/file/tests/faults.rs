//! A disk that refuses: at every write, sync and change of length in turn.

use std::{
    fs::File,
    io,
    ops::Bound,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use redb::{BackendError, StorageBackend, backends::FileBackend};

use super::*;

/// What the disk does.
#[derive(Debug, Default)]
struct Mood {
    /// Operations of this kind until one fails; zero for never.
    countdown: [AtomicU64; 3],
    /// Whether every later operation fails too.
    lasting: AtomicBool,
    failing: AtomicBool,
    /// Half of the bytes are written before the error.
    torn: AtomicBool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Write,
    Sync,
    SetLen,
}

impl Mood {
    fn fail_at(&self, operation: Operation, count: u64) {
        self.countdown[operation as usize].store(count, Ordering::SeqCst);
    }

    fn calm(&self) {
        self.failing.store(false, Ordering::SeqCst);
        for countdown in &self.countdown {
            countdown.store(0, Ordering::SeqCst);
        }
    }

    fn has_struck(&self, operation: Operation) -> bool {
        self.countdown[operation as usize].load(Ordering::SeqCst) == 0
    }

    fn check(&self, operation: Operation) -> io::Result<()> {
        let countdown = &self.countdown[operation as usize];
        let struck = countdown
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
            .is_ok_and(|left| left == 1);
        if struck && self.lasting.load(Ordering::SeqCst) {
            self.failing.store(true, Ordering::SeqCst);
        }
        if struck || self.failing.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(28));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Faulty {
    inner: FileBackend,
    mood: Arc<Mood>,
}

impl StorageBackend for Faulty {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.mood.check(Operation::SetLen)?;
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.mood.check(Operation::Sync)?;
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if let Err(error) = self.mood.check(Operation::Write) {
            if self.mood.torn.load(Ordering::SeqCst) {
                self.inner.write(offset, &data[..data.len() / 2])?;
            }
            return Err(error);
        }
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}

fn open(folder: &Folder, mood: &Arc<Mood>) -> FileStore {
    let mood = Arc::clone(mood);
    let backend: disk::Backend = Box::new(move |file: File| {
        let inner = FileBackend::new(file).map_err(io::Error::other)?;
        Ok(Box::new(Faulty { inner, mood: Arc::clone(&mood) }))
    });
    FileStore::open_with(folder.path(), WIDE, backend).unwrap()
}

/// One commit under a fault at the `count`-th operation. Says whether the fault struck at all.
fn strike(operation: Operation, count: u64, lasting: bool, torn: bool) -> bool {
    let folder = Folder::new();
    let mood = Arc::new(Mood::default());
    mood.lasting.store(lasting, Ordering::SeqCst);
    mood.torn.store(torn, Ordering::SeqCst);
    let store = open(&folder, &mood);
    let mut signer = signer();
    let name = signer.chain();
    let acknowledged = chain(&mut signer, 1, &[End::Complete; 20]);
    store.commit(&acknowledged[..10]).unwrap();
    store.commit(&acknowledged[10..]).unwrap();
    let batch = chain(&mut signer, 21, &[End::Complete; 230]);
    mood.fail_at(operation, count);
    let outcome = store.commit(&batch);
    let struck = mood.has_struck(operation);
    let about = format!("{operation:?} {count} lasting {lasting} torn {torn}: {outcome:?}");
    let all_there = |store: &FileStore, upto: u8| {
        // Some by id; the chain as a whole is read below.
        for n in (1..=upto).step_by(9) {
            assert_eq!(found(store, &id(n).to_string()), Some(id(n)), "{about}: {n} is lost");
        }
    };
    match &outcome {
        Ok(()) => assert!(!struck || !lasting, "{about}"),
        Err(error) => {
            assert!(error.to_string().contains("the disk is full"), "{about}");
            assert!(matches!(error, StoreError::Unknown(_) | StoreError::Unavailable(_)), "{about}");
            let again = store.commit(&batch);
            assert!(
                matches!(again, Err(StoreError::Unavailable(_))),
                "{about}: before it is well: {again:?}"
            );
            if lasting {
                let refused = store.recover();
                assert!(refused.is_err(), "{about}: a disk that takes nothing is not well");
            }
        }
    }
    mood.calm();
    if outcome.is_err() {
        store.recover().unwrap_or_else(|error| panic!("{about}: {error}"));
    }
    all_there(&store, 20);
    let held = store.page(&name, 0, 1000).unwrap().links.len();
    match &outcome {
        Ok(()) => assert_eq!(held, 250, "{about}"),
        Err(StoreError::Unavailable(_)) => assert_eq!(held, 20, "{about}"),
        Err(_) => assert!(held == 20 || held == 250, "{about}: all or nothing, not {held}"),
    }
    assert_eq!(store.usage().receipts as usize, held, "{about}");
    store.commit(&batch).unwrap_or_else(|error| panic!("{about}: {error}"));
    drop(store);
    let store = open(&folder, &mood);
    all_there(&store, 250);
    assert_eq!(store.usage().receipts, 250);
    struck
}

#[test]
fn a_fault_at_any_operation_loses_nothing_acknowledged() {
    for operation in [Operation::Write, Operation::Sync, Operation::SetLen] {
        let mut strikes = 0;
        for count in 1.. {
            let mut struck = strike(operation, count, false, false);
            struck &= strike(operation, count, true, operation == Operation::Write);
            if !struck {
                break;
            }
            strikes += 1;
        }
        assert!(strikes > 0, "{operation:?} was never struck");
    }
}

#[test]
fn lookups_go_on_when_commits_cannot() {
    let folder = Folder::new();
    let mood = Arc::new(Mood::default());
    mood.lasting.store(true, Ordering::SeqCst);
    let store = open(&folder, &mood);
    let batch = entries(30, End::Complete);
    store.commit(&batch[..20]).unwrap();
    mood.fail_at(Operation::Sync, 1);
    let outcome = store.commit(&batch[20..]);
    assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{outcome:?}");
    // The disk still refuses: what can be read is.
    mood.calm();
    mood.fail_at(Operation::Write, u64::MAX);
    for n in 1..=20 {
        assert_eq!(found(&store, &id(n).to_string()), Some(id(n)));
    }
    assert!(matches!(store.commit(&batch[20..]), Err(StoreError::Unavailable(_))), "not before recover");
    store.recover().unwrap();
    store.commit(&batch[20..]).unwrap();
    assert_eq!(store.usage().receipts, 30);
}

#[test]
fn a_fault_during_retention_loses_nothing_that_it_did_not_mean_to() {
    for count in 1..40 {
        let folder = Folder::new();
        let mood = Arc::new(Mood::default());
        let store = open(&folder, &mood);
        let mut signer = signer();
        let name = signer.chain();
        store.commit(&chain(&mut signer, 1, &[End::Complete; 60])).unwrap();
        let store = FileStore { bounds: Bounds { age: Duration::from_millis(50), ..WIDE }, ..store };
        mood.fail_at(Operation::Write, count);
        let outcome = store.prune(UnixMillis(81), &mut |point| signer.sign_prune_point(point));
        mood.calm();
        if let Err(error) = &outcome {
            assert!(matches!(error, StoreError::Unknown(_) | StoreError::Unavailable(_)), "{error}");
            store.recover().unwrap();
        }
        let links = store.page(&name, 0, 1000).unwrap().links.len();
        // 1 to 30 are too old: either they are there, or a prune point is.
        assert!(links == 60 || links == 31, "{count}: {links}");
        assert_eq!(store.usage().receipts, if links == 60 { 60 } else { 30 });
        prune_with(&store, &signer, 81);
        assert_eq!(store.page(&name, 0, 1000).unwrap().links.len(), 31);
    }
}
