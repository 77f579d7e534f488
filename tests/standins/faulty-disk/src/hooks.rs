//! The functions of libc whose place is taken, each by its C name.

use std::{
    cell::Cell,
    collections::HashMap,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libc::{c_int, c_long, c_void, off64_t, size_t, ssize_t};

use crate::{
    control::{self, Fault},
    real::{self, Identity},
    volatile::{Loss, Volatile},
};

/// What is known of the files in the folder. One lock for all: this disk does one thing at a time.
#[derive(Default)]
struct Disk {
    /// Whether a file lies in the folder.
    ours: HashMap<Identity, bool>,
    files: HashMap<Identity, Volatile>,
    /// The power cut that is due, and the calls until then.
    due: Option<(u64, u64)>,
}

/// A call on a file of the folder.
struct Call {
    disk: MutexGuard<'static, Disk>,
    identity: Identity,
    size: u64,
    fault: Fault,
}

impl Call {
    /// `None` if the file is none of ours.
    fn on(fd: c_int) -> Option<Self> {
        thread_local!(static WITHIN: Cell<bool> = const { Cell::new(false) });
        // Reading the control file must not come back here.
        if WITHIN.replace(true) {
            return None;
        }
        let call = Self::find(fd);
        WITHIN.set(false);
        let mut call = call?;
        call.count_down(fd);
        Some(call)
    }

    fn find(fd: c_int) -> Option<Self> {
        static DISK: LazyLock<Mutex<Disk>> = LazyLock::new(Mutex::default);
        let (identity, _) = real::regular(fd)?;
        let mut disk = DISK.lock().unwrap_or_else(PoisonError::into_inner);
        let known = disk.ours.get(&identity).copied();
        let ours = known.unwrap_or_else(|| real::path(fd).is_some_and(|path| control::concerns(&path)));
        disk.ours.insert(identity, ours);
        // Again, under the lock: a size read before it may be older than another's write.
        let (_, size) = real::regular(fd)?;
        ours.then(|| Self { disk, identity, size, fault: control::fault() })
    }

    fn count_down(&mut self, fd: c_int) {
        let Fault::Cut { seed, calls } = self.fault else { return };
        let left = match self.disk.due {
            Some((of, left)) if of == seed => left,
            _ => calls,
        };
        if left == 0 {
            control::hit();
            let size = self.size;
            self.file().lose(fd, size, Loss::Some { seed });
            real::die();
        }
        self.disk.due = Some((seed, left - 1));
    }

    fn file(&mut self) -> &mut Volatile {
        self.disk.files.entry(self.identity).or_default()
    }

    /// How much of a write is done; an error number if none of it.
    fn allowed(&mut self, fd: c_int, offset: u64, length: usize) -> Result<usize, c_int> {
        let taken = match self.fault {
            Fault::Write { errno } => {
                control::hit();
                return Err(errno);
            }
            Fault::Short if length > 1 => {
                control::hit();
                length / 2
            }
            _ => length,
        };
        let size = self.size;
        self.file().before_write(fd, size, offset, taken as u64);
        Ok(taken)
    }

    fn refusal(&self) -> Option<c_int> {
        match self.fault {
            Fault::Write { errno } => {
                control::hit();
                Some(errno)
            }
            _ => None,
        }
    }

    fn sync(mut self, fd: c_int, call: c_long) -> c_int {
        let size = self.size;
        match self.fault {
            Fault::SyncKeep => {}
            Fault::SyncDrop { seed } => self.file().lose(fd, size, Loss::Some { seed }),
            Fault::SyncLost => self.file().lose(fd, size, Loss::All),
            Fault::Slow { milliseconds } => {
                control::hit();
                std::thread::sleep(Duration::from_millis(milliseconds));
                return self.sync_well(fd, call);
            }
            _ => return self.sync_well(fd, call),
        }
        control::hit();
        fail(libc::EIO)
    }

    fn sync_well(mut self, fd: c_int, call: c_long) -> c_int {
        let result = real::sync(fd, call);
        if result == 0 {
            self.file().settle();
        }
        result
    }
}

/// One write at a place, as every flavour of it comes down to.
///
/// # Safety
/// `bytes` points to `length` bytes that may be read.
unsafe fn write_at(fd: c_int, bytes: *const c_void, length: size_t, offset: off64_t) -> ssize_t {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(bytes, length) };
    match Call::on(fd) {
        None => real::pwrite(fd, bytes, offset),
        Some(mut call) => match call.allowed(fd, u64::try_from(offset).unwrap_or(0), length) {
            Ok(taken) => real::pwrite(fd, &bytes[..taken], offset),
            Err(errno) => fail(errno) as ssize_t,
        },
    }
}

/// # Safety
/// `bytes` points to `length` bytes that may be read.
unsafe fn slice<'a>(bytes: *const c_void, length: size_t) -> &'a [u8] {
    if length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise.
    unsafe { std::slice::from_raw_parts(bytes.cast(), length) }
}

fn cut(fd: c_int, length: off64_t) -> c_int {
    let Some(mut call) = Call::on(fd) else { return real::ftruncate(fd, length) };
    if let Some(errno) = call.refusal() {
        return fail(errno);
    }
    let size = call.size;
    call.file().before_cut(fd, size, u64::try_from(length).unwrap_or(size));
    real::ftruncate(fd, length)
}

fn allocate(fd: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
    let Some(mut call) = Call::on(fd) else { return real::fallocate(fd, mode, offset, length) };
    if let Some(errno) = call.refusal() {
        return fail(errno);
    }
    let size = call.size;
    call.file().before_write(fd, size, 0, 0);
    real::fallocate(fd, mode, offset, length)
}

fn sync(fd: c_int, number: c_long) -> c_int {
    match Call::on(fd) {
        None => real::sync(fd, number),
        Some(call) => call.sync(fd, number),
    }
}

fn fail(errno: c_int) -> c_int {
    real::set_errno(errno);
    -1
}

/// As libc has it.
///
/// # Safety
/// As for libc's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn write(fd: c_int, bytes: *const c_void, length: size_t) -> ssize_t {
    // SAFETY: the caller's promise.
    let bytes = unsafe { slice(bytes, length) };
    let Some(mut call) = Call::on(fd) else { return real::write(fd, bytes) };
    let at = u64::try_from(real::position(fd)).unwrap_or(0);
    match call.allowed(fd, at, length) {
        Ok(taken) => real::write(fd, &bytes[..taken]),
        Err(errno) => fail(errno) as ssize_t,
    }
}

/// As libc has it.
///
/// # Safety
/// As for libc's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pwrite(
    fd: c_int,
    bytes: *const c_void,
    length: size_t,
    offset: off64_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { write_at(fd, bytes, length, offset) }
}

/// As libc has it.
///
/// # Safety
/// As for libc's.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pwrite64(
    fd: c_int,
    bytes: *const c_void,
    length: size_t,
    offset: off64_t,
) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { write_at(fd, bytes, length, offset) }
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn ftruncate(fd: c_int, length: off64_t) -> c_int {
    cut(fd, length)
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn ftruncate64(fd: c_int, length: off64_t) -> c_int {
    cut(fd, length)
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fallocate(fd: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
    allocate(fd, mode, offset, length)
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fallocate64(fd: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
    allocate(fd, mode, offset, length)
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

/// As libc has it.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}
