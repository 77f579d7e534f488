//! Which model files lie on this machine: SHA-256 of each, for the claims.
//!
//! Every file below the model's folder is read, whatever it is called: weights, configuration, tokenizer, templates,
//! code. Left out are names that begin with a dot (download bookkeeping with times in it, `.git`), and folders.
//!
//! **Symbolic links.** A link to a file is followed if the file lies below the model's folder, or if the folder has the
//! layout of Hugging Face's cache (`…/snapshots/REVISION`) and the file lies in `…/blobs` beside it; it is listed under
//! the link's own path. Any other link is an error, and so are a link to a folder and anything that is no regular
//! file: a published digest must not be one of a secret elsewhere on the machine, and nothing that the engine may read
//! must be missing from the list.
//!
//! **What it is worth.** The digests say what was read at start. They bind what the engine reads later only if nobody
//! can change the files in between: a disk behind dm-verity or authenticated encryption, or a copy in memory. The
//! opt-in cache goes further in trusting the disk, so the claims say [`ManifestSource::Cached`].

mod cache;
mod files;

use std::{
    fs, io,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use jurat_proto::{Digest, ManifestSource, Model, sha256};
use sha2::{Digest as _, Sha256};

use cache::Cache;
use files::{ModelFile, Stamp};

/// More than any model has: a folder like that is not a model's.
const MOST_FILES: usize = 10_000;
/// Read at once, per thread.
const PIECE: usize = 1 << 20;
/// How often progress is told.
const TICK: Duration = Duration::from_millis(200);

/// Why there is no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A file or folder cannot be read.
    #[error("cannot read {path} of the model: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something that must not lie in a model's folder.
    #[error("{path} in the model's folder {reason}")]
    Refused {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It was written to while it was read.
    #[error("{path} of the model changed while it was read")]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// There is nothing to read.
    #[error("{0} holds no file: is it the model's folder?")]
    Empty(PathBuf),
    /// There is too much to read.
    #[error("{0} holds more than {MOST_FILES} files: is it the model's folder?")]
    TooMany(PathBuf),
}

/// How far the reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Files that are done.
    pub files_done: usize,
    /// Files in all.
    pub files: usize,
    /// Bytes that are done, those of files from the cache included.
    pub bytes_done: u64,
    /// Bytes in all.
    pub bytes: u64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// For the claims.
    pub model: Model,
    /// For the claims: [`ManifestSource::Cached`] if any digest was not made from the file's bytes this time.
    pub source: ManifestSource,
    /// The manifest itself: what `sha256sum` prints of the files, in the order of their paths' bytes.
    pub text: String,
}

/// How the folder is read.
#[derive(Debug, Clone, Default)]
pub struct ManifestOptions {
    /// Threads that read; 0: one a core, eight at most, as disks are the limit then.
    pub threads: usize,
    /// A file that keeps digests between starts, keyed by path, device, inode, size and time of change. `None`, the
    /// default: every byte is read on every start. Whoever can write this file, or the disk below, can lie.
    pub cache: Option<PathBuf>,
}

/// Reads the model's folder. Blocks until every file is read; `progress` is called on this thread, first and last and
/// a few times a second.
///
/// # Errors
///
/// [`ManifestError`]: a manifest is whole or there is none.
pub fn read_model(
    folder: &Path,
    options: &ManifestOptions,
    mut progress: impl FnMut(Progress),
) -> Result<Manifest, ManifestError> {
    let files = files::list(folder, MOST_FILES)?;
    let mut cache = options.cache.as_deref().map(Cache::open);
    let mut digests: Vec<Option<Digest>> =
        files.iter().map(|file| cache.as_ref().and_then(|cache| cache.find(file))).collect();
    let source =
        if digests.iter().any(Option::is_some) { ManifestSource::Cached } else { ManifestSource::AtStart };

    // The longest first, so that no thread is left alone with one at the end.
    let mut queue: Vec<(usize, &ModelFile)> =
        files.iter().enumerate().filter(|(at, _)| digests.get(*at).is_some_and(Option::is_none)).collect();
    queue.sort_by_key(|(_, file)| std::cmp::Reverse(file.stamp.size));
    // Saturating: a disk may claim sizes that it has not.
    let bytes = files.iter().fold(0u64, |sum, file| sum.saturating_add(file.stamp.size));
    let unread = queue.iter().fold(0u64, |sum, (_, file)| sum.saturating_add(file.stamp.size));
    let start = Progress {
        files_done: files.len() - queue.len(),
        files: files.len(),
        bytes_done: bytes.saturating_sub(unread),
        bytes,
    };
    for (at, digest) in hash_all(&queue, options.threads, start, &mut progress)? {
        if let Some(place) = digests.get_mut(at) {
            *place = Some(digest);
        }
    }

    let digests: Vec<(&ModelFile, Digest)> =
        files.iter().zip(digests).filter_map(|(file, digest)| Some((file, digest?))).collect();
    if let Some(cache) = &mut cache {
        cache.keep(&digests);
    }
    Ok(manifest(&digests, bytes, source))
}

fn manifest(digests: &[(&ModelFile, Digest)], bytes: u64, source: ManifestSource) -> Manifest {
    let text: String = digests.iter().map(|(file, digest)| format!("{digest}  {}\n", file.name)).collect();
    let listed = digests.len() <= Model::MOST_LISTED;
    let files = digests.iter().filter(|_| listed);
    let model = Model {
        sha256: Some(sha256(text.as_bytes()).to_string()),
        file_count: u64::try_from(digests.len()).ok(),
        bytes: Some(bytes),
        files: files.map(|(file, digest)| (file.name.clone(), digest.to_string())).collect(),
    };
    Manifest { model, source, text }
}

/// Hashes the queue on several threads, in its order; yields `(place, digest)` in any.
fn hash_all(
    queue: &[(usize, &ModelFile)],
    threads: usize,
    start: Progress,
    progress: &mut impl FnMut(Progress),
) -> Result<Vec<(usize, Digest)>, ManifestError> {
    progress(start);
    let cores = || thread::available_parallelism().map_or(1, usize::from).min(8);
    let threads = if threads == 0 { cores() } else { threads }.min(queue.len());
    let (next, read, failed) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let first_error: Mutex<Option<ManifestError>> = Mutex::new(None);
    let mut done = Vec::with_capacity(queue.len());
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..threads {
            let tell = tell.clone();
            let (next, read, failed, first_error) = (&next, &read, &failed, &first_error);
            scope.spawn(move || {
                while let Some((at, file)) = queue.get(next.fetch_add(1, Relaxed)) {
                    if failed.load(Relaxed) {
                        return;
                    }
                    match hash(file, read, failed) {
                        // The receiver outlives the threads.
                        Ok(Some(digest)) => drop(tell.send((*at, digest))),
                        Ok(None) => return,
                        Err(error) => {
                            failed.store(true, Relaxed);
                            first_error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        }
                    }
                }
            });
        }
        drop(tell);
        loop {
            match told.recv_timeout(TICK) {
                Ok(one) => done.push(one),
                Err(RecvTimeoutError::Timeout) => progress(Progress {
                    files_done: start.files_done + done.len(),
                    bytes_done: start.bytes_done.saturating_add(read.load(Relaxed)),
                    ..start
                }),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    match first_error.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            progress(Progress { files_done: start.files, bytes_done: start.bytes, ..start });
            Ok(done)
        }
    }
}

/// One file's digest; `None` if another file has failed meanwhile.
fn hash(file: &ModelFile, read: &AtomicU64, failed: &AtomicBool) -> Result<Option<Digest>, ManifestError> {
    let unreadable = |source| ManifestError::Io { path: file.path.clone(), source };
    let changed = || ManifestError::Changed { path: file.path.clone() };
    let mut opened = fs::File::open(&file.path).map_err(unreadable)?;
    let stamp =
        |opened: &fs::File| opened.metadata().map(|found| (found.is_file(), Stamp::of(&found), found.ino()));
    let before = stamp(&opened).map_err(unreadable)?;
    if before != (true, file.stamp, file.stamp.inode) {
        return Err(changed());
    }
    let mut digest = Sha256::new();
    let mut piece = vec![0; usize::try_from(file.stamp.size).unwrap_or(PIECE).clamp(1, PIECE)];
    let mut length = 0u64;
    loop {
        if failed.load(Relaxed) {
            return Ok(None);
        }
        let got = match opened.read(&mut piece) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        digest.update(piece.get(..got).unwrap_or_default());
        length = length.saturating_add(got as u64);
        if length > file.stamp.size {
            return Err(changed());
        }
        read.fetch_add(got as u64, Relaxed);
    }
    if length != file.stamp.size || stamp(&opened).map_err(unreadable)? != before {
        return Err(changed());
    }
    Ok(Some(Digest::new(digest.finalize().into())))
}

#[cfg(test)]
mod tests;
