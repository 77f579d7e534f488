//! The folder without FUSE: a thread that plays the kernel's part in an ordinary folder, for machines where nothing
//! may be mounted.
//!
//! `inblob` and `outblob` are named pipes: the writer's close commits the report data, and the reader waits until the
//! quote is made, both as in configfs. Not as there: error numbers can't be made up, so of the faults there are
//! `OtherProvider`, `Conflict` and `Slow` alone, and `rmdir` fails on a folder with files, so they stay until the end.

use std::{
    collections::HashSet,
    fs,
    io::{Read, Write},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use jurat_proto::ReportData;

use super::KernelFault;
use crate::{Made, Scratch, Stage};

/// The folder; gone when dropped.
pub struct PlainFolder {
    scratch: Scratch,
    conduct: Arc<Mutex<(Made, KernelFault)>>,
    halt: Arc<AtomicBool>,
}

impl PlainFolder {
    /// Makes it and starts the thread.
    pub fn start(stage: &Stage, made: Made, fault: KernelFault) -> Self {
        let folder = Self {
            scratch: Scratch::new(),
            conduct: Arc::new(Mutex::new((made, fault))),
            halt: Arc::default(),
        };
        let (root, stage) = (folder.root().to_owned(), stage.clone());
        let (conduct, halt) = (Arc::clone(&folder.conduct), Arc::clone(&folder.halt));
        thread::spawn(move || serve(&root, &stage, &conduct, &halt));
        folder
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.scratch.path()
    }

    /// Treats requests that are yet to come like this.
    pub fn behave(&self, made: Made, fault: KernelFault) {
        *self.conduct.lock().unwrap_or_else(PoisonError::into_inner) = (made, fault);
    }
}

impl Drop for PlainFolder {
    fn drop(&mut self) {
        self.halt.store(true, SeqCst);
    }
}

/// Looks for new folders a thousand times a second: configfs fills them within `mkdir`.
fn serve(root: &Path, stage: &Stage, conduct: &Mutex<(Made, KernelFault)>, halt: &AtomicBool) {
    let mut known = HashSet::new();
    while !halt.load(SeqCst) {
        for entry in fs::read_dir(root).into_iter().flatten().flatten() {
            if known.insert(entry.path()) {
                let (made, fault) = *conduct.lock().unwrap_or_else(PoisonError::into_inner);
                let stage = stage.clone();
                // An error means that whoever asked has gone, and the folder with it.
                thread::spawn(move || drop(answer(&entry.path(), &stage, made, fault)));
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn answer(folder: &Path, stage: &Stage, made: Made, fault: KernelFault) -> std::io::Result<()> {
    fs::write(folder.join("provider"), fault.provider())?;
    fs::write(folder.join("generation"), "0\n")?;
    // The client waits for inblob, so that comes last.
    Command::new("mkfifo").args([folder.join("outblob"), folder.join("inblob")]).status()?;
    let mut report_data = Vec::new();
    fs::File::open(folder.join("inblob"))?.read_to_end(&mut report_data)?;
    fs::write(folder.join("generation.new"), format!("{}\n", fault.step()))?;
    fs::rename(folder.join("generation.new"), folder.join("generation"))?;
    let mut out = fs::OpenOptions::new().write(true).open(folder.join("outblob"))?;
    if let KernelFault::Slow(delay) = fault {
        thread::sleep(delay);
    }
    match <[u8; 64]>::try_from(report_data) {
        Ok(report_data) => out.write_all(&stage.bytes(made, &ReportData::new(report_data))),
        Err(_) => Ok(()),
    }
}
