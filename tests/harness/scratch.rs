//! A folder for a test's files, gone with it.

use std::path::{Path, PathBuf};

use crate::random_nonce;

/// The folder. Its name is short, as a socket's path may have a hundred bytes.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// A new one, among the system's temporary files.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("jurat-test-{}", &random_nonce()[..16]));
        std::fs::create_dir(&path).expect("make a folder");
        Self(path)
    }

    /// Writes a file, whole at once as a reader sees it, and gives its path. Folders in its name are made.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, fresh) = (self.0.join(name), self.0.join(".fresh"));
        let folder = path.parent().expect("it lies in this folder");
        std::fs::create_dir_all(folder).expect("make a folder");
        std::fs::write(&fresh, content).expect("write a file");
        std::fs::rename(&fresh, &path).expect("put it in its place");
        path
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
