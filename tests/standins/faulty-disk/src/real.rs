//! The system's own calls, past every function that this library takes the place of.

use std::{
    ffi::{CStr, CString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use libc::{c_int, c_long, off64_t};

/// What identifies an open file, whatever its descriptor.
pub(crate) type Identity = (u64, u64);

pub(crate) fn pwrite(fd: c_int, bytes: &[u8], offset: off64_t) -> isize {
    // SAFETY: the slice is valid for its length, and the kernel only reads it.
    unsafe { libc::syscall(libc::SYS_pwrite64, fd, bytes.as_ptr(), bytes.len(), offset) as isize }
}

pub(crate) fn write(fd: c_int, bytes: &[u8]) -> isize {
    // SAFETY: as above.
    unsafe { libc::syscall(libc::SYS_write, fd, bytes.as_ptr(), bytes.len()) as isize }
}

/// Fills as much as there is; the rest stays as it was.
pub(crate) fn pread(fd: c_int, bytes: &mut [u8], offset: off64_t) {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // SAFETY: the slice is valid for its length and borrowed mutably.
        let read = unsafe {
            libc::syscall(libc::SYS_pread64, fd, rest.as_mut_ptr(), rest.len(), offset + filled as off64_t)
        };
        match usize::try_from(read) {
            Ok(1..) => filled += read as usize,
            _ => return,
        }
    }
}

pub(crate) fn ftruncate(fd: c_int, length: off64_t) -> c_int {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as c_int }
}

pub(crate) fn fallocate(fd: c_int, mode: c_int, offset: off64_t, length: off64_t) -> c_int {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_fallocate, fd, mode, offset, length) as c_int }
}

pub(crate) fn sync(fd: c_int, call: c_long) -> c_int {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(call, fd) as c_int }
}

pub(crate) fn position(fd: c_int) -> off64_t {
    // SAFETY: no memory is passed.
    unsafe { libc::syscall(libc::SYS_lseek, fd, 0, libc::SEEK_CUR) as off64_t }
}

/// Identity and size of a regular file; `None` for anything else.
pub(crate) fn regular(fd: c_int) -> Option<(Identity, u64)> {
    // SAFETY: all zeros is a value of this struct of integers, and fstat only writes it.
    let stat = unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        (libc::fstat64(fd, &mut stat) == 0).then_some(stat)
    }?;
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    (stat.st_mode & libc::S_IFMT == libc::S_IFREG).then_some(((stat.st_dev, stat.st_ino), size))
}

/// Where an open file lies.
pub(crate) fn path(fd: c_int) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()
}

/// A small file's first line.
pub(crate) fn first_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(str::to_owned)
}

/// Writes to a small file from its beginning. What is written only ever grows, so nothing is cut off first: a reader
/// always finds the whole of it.
pub(crate) fn put(path: &Path, text: &str) {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return };
    let path: &CStr = &path;
    // SAFETY: the path ends in a NUL.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_CREAT | libc::O_WRONLY, 0o644) };
    if fd >= 0 {
        write(fd, text.as_bytes());
        // SAFETY: the descriptor is ours and used no more.
        unsafe { libc::close(fd) };
    }
}

pub(crate) fn set_errno(number: c_int) {
    // SAFETY: the address is that of this thread's own errno.
    unsafe { *libc::__errno_location() = number }
}

/// The process is gone, as at a power cut: nothing more of it runs.
pub(crate) fn die() -> ! {
    loop {
        // SAFETY: no memory is passed.
        unsafe { libc::syscall(libc::SYS_kill, libc::getpid(), libc::SIGKILL) };
    }
}
