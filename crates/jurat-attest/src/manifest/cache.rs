//! Digests kept between starts, for who would rather trust a disk than wait for it.

use std::{
    collections::HashMap,
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jurat_proto::Digest;
use serde::{Deserialize, Serialize};

use super::files::{ModelFile, Stamp};

/// Some 200 bytes an entry.
const LONGEST: u64 = 16 << 20;

/// The kept digests. A file that is missing, damaged or of another form is as good as empty.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    kept: HashMap<PathBuf, (Stamp, Digest)>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    files: Vec<KeptFile>,
}

#[derive(Serialize, Deserialize)]
struct KeptFile {
    path: PathBuf,
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
}

const VERSION: u32 = 1;

impl Cache {
    pub(super) fn open(path: &Path) -> Self {
        let kept = read(path).unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "the cache of model digests is not used");
            }
            HashMap::new()
        });
        Self { path: path.to_owned(), kept }
    }

    /// The digest of a file that looks the same as when it was read.
    pub(super) fn find(&self, file: &ModelFile) -> Option<Digest> {
        let (stamp, digest) = self.kept.get(&file.path)?;
        (*stamp == file.stamp).then_some(*digest)
    }

    /// Keeps these and nothing else. If that fails the next start reads everything again.
    pub(super) fn keep(&mut self, digests: &[(&ModelFile, Digest)]) {
        self.kept = digests.iter().map(|(file, digest)| (file.path.clone(), (file.stamp, *digest))).collect();
        let files = digests.iter().map(|(file, digest)| KeptFile {
            path: file.path.clone(),
            stamp: file.stamp,
            sha256: digest.to_string(),
        });
        let kept = Kept { version: VERSION, files: files.collect() };
        if let Err(error) = write(&self.path, &kept) {
            tracing::warn!(path = %self.path.display(), %error, "the cache of model digests was not written");
        }
    }
}

fn read(path: &Path) -> io::Result<HashMap<PathBuf, (Stamp, Digest)>> {
    let file = fs::File::open(path)?;
    if file.metadata()?.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
    }
    let kept: Kept = serde_json::from_reader(io::BufReader::new(io::Read::take(file, LONGEST)))?;
    if kept.version != VERSION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another version"));
    }
    let files = kept.files.into_iter().map(|file| Some((file.path, (file.stamp, file.sha256.parse().ok()?))));
    files.collect::<Option<_>>().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a digest is none"))
}

/// Whole or not at all, and readable to its owner alone.
fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    let fresh = path.with_extension("new");
    // Left behind by a start that was killed here.
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(kept)?)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}
