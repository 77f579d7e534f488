//! Which files a model's folder holds, without reading them.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::ManifestError;

/// Folders within folders within …: more than any model has.
const DEEPEST: usize = 16;

/// One file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelFile {
    /// Path below the model's folder, with `/`.
    pub(super) name: String,
    /// Where its bytes are, no link on the way.
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
}

/// What tells one state of a file from the next, as far as a file system tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Stamp {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, i64),
    /// The same of the inode: unlike the former, no ordinary program can set it back.
    pub(super) changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// Every file below `folder`, in the order of their names' bytes.
pub(super) fn list(folder: &Path, most: usize) -> Result<Vec<ModelFile>, ManifestError> {
    let root =
        fs::canonicalize(folder).map_err(|source| ManifestError::Io { path: folder.to_owned(), source })?;
    let mut walk = Walk { blobs: blobs(&root), root, files: Vec::new(), most };
    let root = walk.root.clone();
    walk.enter(&root, "", 0)?;
    if walk.files.is_empty() {
        return Err(ManifestError::Empty(folder.to_owned()));
    }
    walk.files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(walk.files)
}

/// In Hugging Face's cache a revision's folder holds links into this one.
fn blobs(root: &Path) -> Option<PathBuf> {
    let snapshots =
        root.parent().filter(|parent| parent.file_name().is_some_and(|name| name == "snapshots"))?;
    fs::canonicalize(snapshots.parent()?.join("blobs")).ok()
}

struct Walk {
    root: PathBuf,
    blobs: Option<PathBuf>,
    files: Vec<ModelFile>,
    most: usize,
}

impl Walk {
    fn enter(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), ManifestError> {
        if depth > DEEPEST {
            return Err(refused(folder, "lies in too many folders"));
        }
        let unreadable = |path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| ManifestError::Io { path, source }
        };
        for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
            let entry = entry.map_err(unreadable(folder))?;
            let path = entry.path();
            let name = entry
                .file_name()
                .into_string()
                .map_err(|_| refused(&path, "has a name that is not UTF-8"))?;
            if name.starts_with('.') {
                continue;
            }
            // `sha256sum` would escape them, and a line of the manifest must be a line.
            if name.contains(|sign: char| sign.is_control() || sign == '\\') {
                return Err(refused(&path, "has a control character or a backslash in its name"));
            }
            let name = format!("{prefix}{name}");
            // Of the entry itself, not of what it links to.
            let found = fs::symlink_metadata(&path).map_err(unreadable(&path))?;
            if found.is_dir() {
                self.enter(&path, &format!("{name}/"), depth + 1)?;
                continue;
            }
            let (path, found) = if found.is_symlink() { self.follow(&path)? } else { (path, found) };
            if !found.is_file() {
                return Err(refused(&path, "is neither a file nor a folder"));
            }
            if self.files.len() == self.most {
                return Err(ManifestError::TooMany(self.root.clone()));
            }
            self.files.push(ModelFile { name, path, stamp: Stamp::of(&found) });
        }
        Ok(())
    }

    fn follow(&self, link: &Path) -> Result<(PathBuf, fs::Metadata), ManifestError> {
        let unreadable = |source| ManifestError::Io { path: link.to_owned(), source };
        let target = fs::canonicalize(link).map_err(unreadable)?;
        let inside = |folder: &PathBuf| target.starts_with(folder);
        if !inside(&self.root) && !self.blobs.as_ref().is_some_and(inside) {
            return Err(refused(link, "is a link that leads out of it"));
        }
        let found = fs::symlink_metadata(&target).map_err(unreadable)?;
        if found.is_dir() {
            return Err(refused(link, "is a link to a folder"));
        }
        Ok((target, found))
    }
}

fn refused(path: &Path, reason: &'static str) -> ManifestError {
    ManifestError::Refused { path: path.to_owned(), reason }
}
