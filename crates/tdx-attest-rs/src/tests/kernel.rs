//! A thread that plays the kernel's part in an ordinary folder.
//!
//! `inblob` and `outblob` are named pipes: the writer's close ends the blob and the reader waits until the quote is
//! made, both as in configfs.

use std::{
    collections::HashSet,
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// How the kernel behaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Conduct {
    Good,
    Empty,
    Endless,
    Provider(&'static str),
    Generation(u64),
}

pub(super) fn quote_over(data: &[u8]) -> Vec<u8> {
    [b"quote over ", data].concat()
}

pub(super) struct Kernel {
    scratch: Scratch,
    halt: Arc<AtomicBool>,
    requests: Arc<AtomicUsize>,
    blobs: Arc<AtomicUsize>,
}

impl Kernel {
    pub(super) fn start(conduct: Conduct) -> Self {
        let kernel = Self {
            scratch: Scratch::new(),
            halt: Arc::default(),
            requests: Arc::default(),
            blobs: Arc::default(),
        };
        let (root, halt) = (kernel.root().to_owned(), kernel.halt.clone());
        let (requests, blobs) = (kernel.requests.clone(), kernel.blobs.clone());
        thread::spawn(move || {
            let mut known = HashSet::new();
            while !halt.load(SeqCst) {
                for entry in fs::read_dir(&root).into_iter().flatten().flatten() {
                    if known.insert(entry.path()) {
                        requests.fetch_add(1, SeqCst);
                        let blobs = blobs.clone();
                        thread::spawn(move || answer(&entry.path(), conduct, &blobs));
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
        });
        kernel
    }

    pub(super) fn root(&self) -> &Path {
        self.scratch.path()
    }

    /// Folders made so far.
    pub(super) fn requests(&self) -> usize {
        self.requests.load(SeqCst)
    }

    /// Blobs taken so far.
    pub(super) fn blobs(&self) -> usize {
        self.blobs.load(SeqCst)
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.halt.store(true, SeqCst);
    }
}

fn answer(folder: &Path, conduct: Conduct, blobs: &AtomicUsize) {
    let provider = if let Conduct::Provider(other) = conduct { other } else { "tdx_guest" };
    let after = if let Conduct::Generation(after) = conduct { after } else { 1 };
    fs::write(folder.join("provider"), format!("{provider}\n")).unwrap();
    fs::write(folder.join("generation"), "0\n").unwrap();
    // The client waits for inblob, so that comes last.
    let made = Command::new("mkfifo").args([folder.join("outblob"), folder.join("inblob")]).status();
    assert!(made.unwrap().success());
    let mut blob = Vec::new();
    fs::File::open(folder.join("inblob")).unwrap().read_to_end(&mut blob).unwrap();
    blobs.fetch_add(1, SeqCst);
    fs::write(folder.join("generation.new"), format!("{after}\n")).unwrap();
    fs::rename(folder.join("generation.new"), folder.join("generation")).unwrap();
    let mut out = fs::OpenOptions::new().write(true).open(folder.join("outblob")).unwrap();
    // A client that has read enough leaves, hence no unwrap.
    let _ = match conduct {
        Conduct::Empty => Ok(()),
        Conduct::Endless => (0..1000).try_for_each(|_| out.write_all(&[0; 4096])),
        _ if blob.len() == 64 => out.write_all(&quote_over(&blob)),
        _ => Ok(()),
    };
}

/// A folder that goes with its owner.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tdx-attest-rs-test-{}-{}", process::id(), MADE.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
