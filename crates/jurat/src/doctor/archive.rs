//! The archive: is its folder or server fit to keep receipts?

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Write},
    path::Path,
};

use jurat_ledger::{Bounds, FileStore, SharedSettings, SharedStore, Store as _};
use rustix::fs::{Access, access, statvfs};

use super::{Findings, Line};
use crate::config::{ArchiveChoice, Receipts};

const FOLDER: &str = "archive.folder";
const SPACE: &str = "archive.space";
const LOCK: &str = "archive.lock";
const SERVER: &str = "archive.server";
/// With less, the archive is full before anybody has looked.
const LEAST_FREE: u64 = 64 << 20;

pub(super) fn look(receipts: &Receipts, findings: &mut Findings) {
    match &receipts.archive {
        ArchiveChoice::Memory => findings.add(
            Line::skip(FOLDER, "receipts live in memory and end with the process")
                .advise("name a --state-dir to keep them"),
        ),
        ArchiveChoice::File { folder, bounds } => {
            findings.add(writable(folder));
            findings.add(space(folder, bounds));
            findings.add(lock(&folder.join(FileStore::FILE_NAME)));
        }
        ArchiveChoice::Shared(settings) => findings.add(server(settings)),
    }
}

fn writable(folder: &Path) -> Line {
    let shown = folder.display();
    if folder.is_dir() {
        return match try_out(folder) {
            Ok(()) => Line::pass(FOLDER, format!("{shown} takes a file")),
            Err(error) => Line::fail(FOLDER, format!("{shown} takes no file: {error}"))
                .advise("give the folder to jurat's user, on a disk that is mounted for writing"),
        };
    }
    let above = existing(folder);
    match access(above, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if above.is_dir() => {
            Line::pass(FOLDER, format!("{shown} is not there, and `serve` can make it"))
        }
        _ => Line::fail(FOLDER, format!("{shown} is not there, and can't be made in {}", above.display()))
            .advise("make it, and give it to jurat's user"),
    }
}

/// Writes a file of no particular content through to the disk, and removes it.
fn try_out(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".jurat-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let written = file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
    std::fs::remove_file(&path)?;
    written
}

/// The folder itself, or the nearest one above it that is there.
fn existing(folder: &Path) -> &Path {
    let mut ancestors = folder.ancestors().filter(|path| !path.as_os_str().is_empty());
    ancestors.find(|path| path.exists()).unwrap_or(Path::new("."))
}

fn space(folder: &Path, bounds: &Bounds) -> Line {
    let free = match statvfs(existing(folder)) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Line::skip(SPACE, format!("{}: {error}", folder.display())),
    };
    let used = std::fs::metadata(folder.join(FileStore::FILE_NAME)).map_or(0, |found| found.len());
    let (mib, bound) = (free >> 20, bounds.bytes >> 20);
    if free < LEAST_FREE {
        return Line::fail(SPACE, format!("{mib} MiB are free"))
            .advise("make room: a full disk stops the service, or its receipts end with the process");
    }
    let line = Line::pass(SPACE, format!("{mib} MiB are free"));
    if free.saturating_add(used) < bounds.bytes {
        line.advise(format!("make room for the {bound} MiB that store_bytes allows, or lower it"))
    } else {
        line
    }
}

fn lock(file: &Path) -> Line {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Line::pass(LOCK, "there is no file yet, so nobody holds it");
        }
        Err(error) => {
            return Line::fail(LOCK, format!("{}: {error}", file.display()))
                .advise("give the file to jurat's user");
        }
    };
    match opened.try_lock_shared() {
        Ok(()) => Line::pass(LOCK, "nobody holds the file"),
        Err(TryLockError::WouldBlock) => Line::pass(LOCK, "a process holds the file")
            .advise("if that is no service of yours, end it before you start one: one process a folder"),
        Err(TryLockError::Error(error)) => Line::fail(LOCK, format!("the file can't be locked: {error}"))
            .advise("use a disk that has locks: not every network file system does"),
    }
}

fn server(settings: &SharedSettings) -> Line {
    let store = match SharedStore::new(settings) {
        Ok(store) => store,
        Err(error) => {
            return Line::fail(SERVER, error.to_string()).advise("mend the configuration of store_*");
        }
    };
    match store.recover() {
        Ok(()) => Line::pass(SERVER, format!("{} answers and takes a value", settings.url)),
        Err(error) => Line::fail(SERVER, format!("{}: {error}", settings.url))
            .advise("start it, or mend store_url and what belongs to it"),
    }
}

#[cfg(test)]
mod tests;
