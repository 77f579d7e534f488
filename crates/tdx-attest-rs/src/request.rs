//! One request's private folder: made with the request, gone with it.

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher, Hasher},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    TsmError,
    retry::{Patience, patiently},
};

/// The kernel's name of the TDX driver in `provider`.
const TDX: &str = "tdx_guest";
/// No quote is near this: the kernel's own buffer is 8 KiB, on later kernels a few times that.
const LONGEST_QUOTE: usize = 64 * 1024;
/// `ENXIO`, on every architecture of Linux: no driver registered with the TSM core.
const ENXIO: i32 = 6;
/// configfs fills a new folder before `mkdir` returns; a FUSE or test stand-in takes a moment longer.
const FILL_TIME: Duration = Duration::from_secs(1);

/// A folder of our own under the report root. `rmdir` on drop frees the kernel's side.
#[derive(Debug)]
pub(crate) struct Request {
    folder: PathBuf,
}

impl Request {
    /// Makes a folder that nobody else has, and waits until its files are there.
    pub(crate) fn open(root: &Path) -> Result<Self, TsmError> {
        let request = Self { folder: make_folder(root)? };
        let deadline = Instant::now() + FILL_TIME;
        while !request.file("inblob").exists() {
            if Instant::now() >= deadline {
                return Err(TsmError::NotConfigfs { root: root.to_owned() });
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(request)
    }

    /// Refuses every driver but TDX's.
    pub(crate) fn expect_tdx(&self) -> Result<(), TsmError> {
        let path = self.file("provider");
        let found = read_text(&path)?;
        if found == TDX { Ok(()) } else { Err(TsmError::WrongProvider { found }) }
    }

    /// How many writes the kernel has taken on this folder.
    pub(crate) fn generation(&self) -> Result<u64, TsmError> {
        let path = self.file("generation");
        let text = read_text(&path)?;
        text.parse().map_err(|_| TsmError::Io {
            action: "read a number from",
            path,
            source: io::Error::new(io::ErrorKind::InvalidData, format!("it says {text:?}")),
        })
    }

    /// Hands the kernel the 64 bytes.
    ///
    /// One `write`, as a second one would be a second blob. The kernel takes the blob when the file is closed and
    /// can report no error then; a blob that it did not take shows in `generation`.
    pub(crate) fn write_report_data(
        &self,
        report_data: &[u8; 64],
        patience: Patience,
    ) -> Result<(), TsmError> {
        let path = self.file("inblob");
        patiently(patience, || {
            let written = fs::OpenOptions::new().write(true).open(&path)?.write(report_data)?;
            if written == report_data.len() {
                Ok(())
            } else {
                Err(io::Error::new(
                    io::ErrorKind::WriteZero,
                    format!("only {written} of 64 bytes were taken"),
                ))
            }
        })
        .map_err(|(attempts, error)| refused("write", &path, attempts, error))
    }

    /// Reads the quote. The kernel makes it during this read, which blocks for up to 30 s.
    pub(crate) fn read_quote(&self, patience: Patience) -> Result<Vec<u8>, TsmError> {
        let path = self.file("outblob");
        let quote = patiently(patience, || {
            let mut quote = Vec::with_capacity(8 * 1024);
            fs::File::open(&path)?.take(LONGEST_QUOTE as u64 + 1).read_to_end(&mut quote)?;
            Ok(quote)
        })
        .map_err(|(attempts, error)| refused("read", &path, attempts, error))?;
        match quote.len() {
            0 => Err(TsmError::Empty),
            length if length > LONGEST_QUOTE => Err(TsmError::TooLong { limit: LONGEST_QUOTE }),
            _ => Ok(quote),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // On an ordinary folder that a stand-in filled this fails, and there is nothing to do about it.
        let _ = fs::remove_dir(&self.folder);
    }
}

fn make_folder(root: &Path) -> Result<PathBuf, TsmError> {
    let mut last = None;
    // mkdir fails where the name exists, so a folder is never shared; a container's process ids repeat, hence the
    // suffix, and a few attempts in case even that repeats.
    for _ in 0..8 {
        let folder = root.join(fresh_name());
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some((folder, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(TsmError::NoFolder { root: root.to_owned() });
            }
            Err(error) if error.raw_os_error() == Some(ENXIO) => {
                return Err(TsmError::NoDriver { root: root.to_owned() });
            }
            Err(error) => return Err(refused("make the folder", &folder, 1, error)),
        }
    }
    let (path, source) =
        last.unwrap_or_else(|| (root.to_owned(), io::Error::from(io::ErrorKind::AlreadyExists)));
    Err(TsmError::Io { action: "make the folder", path, source })
}

fn fresh_name() -> String {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let count = MADE.fetch_add(1, Ordering::Relaxed);
    // The standard library seeds this from the system's randomness. It need not be secret, only rarely the same.
    let suffix = RandomState::new().build_hasher().finish();
    format!("tdx-attest-{}-{count}-{suffix:016x}", process::id())
}

fn read_text(path: &Path) -> Result<String, TsmError> {
    let mut text = String::new();
    fs::File::open(path)
        .and_then(|file| file.take(256).read_to_string(&mut text))
        .map_err(|error| refused("read", path, 1, error))?;
    Ok(text.trim().to_owned())
}

/// Sorts the kernel's refusals by what can be done about them.
fn refused(action: &'static str, path: &Path, attempts: u32, source: io::Error) -> TsmError {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            TsmError::Denied { path: path.to_owned(), source }
        }
        io::ErrorKind::ResourceBusy => TsmError::Busy { attempts },
        io::ErrorKind::TimedOut => TsmError::TimedOut,
        _ if source.raw_os_error() == Some(ENXIO) => {
            TsmError::NoDriver { root: path.parent().unwrap_or(path).to_owned() }
        }
        _ => TsmError::Io { action, path: path.to_owned(), source },
    }
}
