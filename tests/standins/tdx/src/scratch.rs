//! A folder that goes with its owner.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

/// A new, empty folder among the temporary files, short enough of name for a socket to lie in it.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes it.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let name = format!("jurat-standin-{}-{}", process::id(), MADE.fetch_add(1, SeqCst));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whoever still writes into it has lost its owner; what remains is the system's to clear.
        let _ = fs::remove_dir_all(&self.0);
    }
}
