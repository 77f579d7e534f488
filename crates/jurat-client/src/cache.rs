//! Vendors' answers on disk, kept from one judgement to the next.
//!
//! The cache is untrusted by construction: what comes out of it goes to the judge like anything else that strangers
//! say, so whoever writes into it can at most make a judgement fail or have the vendor asked again. The digest in an
//! entry finds accidents, not attackers.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::SystemTime,
};

use jurat_proto::{Digest, UnixSeconds, sha256};

/// Begins every entry, and changes with its layout.
const MAGIC: &str = "jurat-cache-1";
/// No answer that is kept is longer.
pub(crate) const MAX_ENTRY: usize = 4 << 20;
/// What all entries together may take, in bytes and in number; the oldest go first.
const MAX_BYTES: u64 = 64 << 20;
const MAX_ENTRIES: usize = 4096;

/// A folder of answers, which several processes may use at once.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// An answer from the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) header: String,
    pub(crate) body: Vec<u8>,
    /// Until when nobody need be asked again.
    pub(crate) fresh_until: UnixSeconds,
}

impl Cache {
    /// Opens a folder, and makes it if there is none, for this user alone.
    ///
    /// # Errors
    /// If it is not there and can't be made.
    pub fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// What is kept under a name; `None` also if it is damaged, or of another layout.
    pub(crate) fn read(&self, name: &Digest) -> Option<Entry> {
        let path = self.path(name);
        let longest = u64::try_from(2 * MAX_ENTRY).unwrap_or(u64::MAX);
        // what is no file may never end, or never begin
        let about = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        if about.len() > longest {
            return None;
        }
        let bytes = fs::read(path).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (first, rest) = bytes.split_at_checked(end)?;
        let rest = rest.get(1..)?;
        let mut words = std::str::from_utf8(first).ok()?.split(' ');
        let known = words.next()? == MAGIC && words.next()? == name.to_string();
        let digest: Digest = words.next()?.parse().ok()?;
        let fresh_until = UnixSeconds(words.next()?.parse().ok()?);
        let header: usize = words.next()?.parse().ok()?;
        if !known || words.next().is_some() || digest != sha256(rest) {
            return None;
        }
        let (header, body) = rest.split_at_checked(header)?;
        Some(Entry { header: String::from_utf8(header.to_vec()).ok()?, body: body.to_vec(), fresh_until })
    }

    /// Keeps an answer, in place of an older one. A reader sees the one or the other, whole.
    pub(crate) fn write(&self, name: &Digest, entry: &Entry) -> io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let rest = [entry.header.as_bytes(), &entry.body].concat();
        let first =
            format!("{MAGIC} {name} {} {} {}\n", sha256(&rest), entry.fresh_until.0, entry.header.len());
        let nth = WRITTEN.fetch_add(1, Relaxed);
        let draft = self.folder.join(format!("{name}.{}-{nth}.draft", std::process::id()));
        let written = draw_up(&draft, &[first.as_bytes(), &rest].concat())
            .and_then(|()| fs::rename(&draft, self.path(name)));
        if written.is_err() {
            // what could not be put in its place is nobody's
            let _ = fs::remove_file(&draft);
        }
        self.prune(MAX_BYTES, MAX_ENTRIES);
        written
    }

    fn path(&self, name: &Digest) -> PathBuf {
        self.folder.join(name.to_string())
    }

    /// Drops the oldest until the rest is within bounds. What another process drops or adds meanwhile is no matter.
    fn prune(&self, max_bytes: u64, max_entries: usize) {
        let Ok(listed) = fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, u64, PathBuf)> = listed
            .flatten()
            .filter(|file| is_ours(&file.file_name().to_string_lossy()))
            .filter_map(|file| {
                let about = file.metadata().ok()?;
                Some((about.modified().ok()?, about.len(), file.path()))
            })
            .collect();
        files.sort();
        let (mut bytes, mut count) = (files.iter().map(|(_, length, _)| length).sum::<u64>(), files.len());
        for (_, length, path) in files {
            if bytes <= max_bytes && count <= max_entries {
                return;
            }
            let _ = fs::remove_file(path);
            bytes -= length;
            count -= 1;
        }
    }
}

/// Writes a file that was not there before: where others can write too, nothing of theirs is followed elsewhere.
fn draw_up(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::File::create_new(path)?.write_all(bytes),
    }
}

/// Entries, and drafts that a killed process left. Nothing else in the folder is ever touched.
fn is_ours(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    stem.len() == 64
        && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (name.len() == 64 || name.ends_with(".draft"))
}

#[cfg(test)]
mod tests;
