//! The folder through FUSE: as the kernel's, to the error number.
//!
//! As in `Documentation/ABI/testing/configfs-tsm-report`: `mkdir` makes a request with its files, the report data is
//! committed when `inblob` is closed, `generation` counts commits, `outblob` is made on first reading after one, and
//! `rmdir` frees the request though it has files in it.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, UNIX_EPOCH},
};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation,
    INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyWrite, Request, WriteFlags,
};
use jurat_proto::ReportData;

use super::KernelFault;
use crate::{Made, Scratch, Stage};

/// A mounted folder; unmounted when dropped.
pub struct Kernel {
    state: Arc<Mutex<State>>,
    _session: BackgroundSession,
    /// Dropped after the session: the folder that it is mounted on.
    scratch: Option<Scratch>,
    root: std::path::PathBuf,
}

impl Kernel {
    /// Mounts it on a new folder.
    ///
    /// # Errors
    /// If this machine has no `/dev/fuse` or this process may not mount: a test then skips, visibly.
    pub fn mount(stage: &Stage, made: Made, fault: KernelFault) -> io::Result<Self> {
        let scratch = Scratch::new();
        let mut kernel = Self::mount_on(scratch.path(), stage, made, fault)?;
        kernel.scratch = Some(scratch);
        Ok(kernel)
    }

    /// Mounts it on the folder `root`.
    ///
    /// # Errors
    /// As [`Kernel::mount`].
    pub fn mount_on(root: &Path, stage: &Stage, made: Made, fault: KernelFault) -> io::Result<Self> {
        let state = State { stage: stage.clone(), made, fault, requests: BTreeMap::new(), made_so_far: 0 };
        let state = Arc::new(Mutex::new(state));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("jurat-standin-tdx".to_owned())];
        let session = fuser::spawn_mount(Tsm(Arc::clone(&state)), root, &config)?;
        Ok(Self { state, _session: session, scratch: None, root: root.to_owned() })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Behaves like this from now on.
    pub fn behave(&self, made: Made, fault: KernelFault) {
        let mut state = lock(&self.state);
        (state.made, state.fault) = (made, fault);
    }

    /// Requests that were not freed.
    pub fn open_requests(&self) -> usize {
        lock(&self.state).requests.len()
    }

    /// Requests that were ever made.
    pub fn requests(&self) -> u64 {
        lock(&self.state).made_so_far
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // Detached: gone from the tree of folders at once, though a client may still hold a file open. The thread
        // that serves it ends with the last of these.
        let _ = rustix::mount::unmount(&self.root, rustix::mount::UnmountFlags::DETACH);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct State {
    stage: Stage,
    made: Made,
    fault: KernelFault,
    /// By number, from 1.
    requests: BTreeMap<u64, Open>,
    made_so_far: u64,
}

/// One request.
struct Open {
    name: String,
    /// Written and not yet committed.
    pending: Option<Vec<u8>>,
    report_data: Vec<u8>,
    generation: u64,
    /// The newest quote and the generation that it was made for.
    quote: Option<(u64, Vec<u8>)>,
}

/// The files of a request; its folder has number 0.
const FILES: [&str; 4] = ["inblob", "outblob", "provider", "generation"];
const INBLOB: u64 = 1;
const OUTBLOB: u64 = 2;
const PROVIDER: u64 = 3;

/// `(request, file)` of an inode; request 0 is the root.
fn place(inode: INodeNo) -> (u64, u64) {
    ((inode.0 - 1) / 8, (inode.0 - 1) % 8)
}

fn inode(request: u64, file: u64) -> INodeNo {
    INodeNo(request * 8 + file + 1)
}

fn attributes(inode: INodeNo) -> FileAttr {
    let folder = place(inode).1 == 0;
    let perm = match place(inode) {
        (_, 0) => 0o755,
        (_, INBLOB) => 0o200,
        _ => 0o400,
    };
    FileAttr {
        ino: inode,
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind: if folder { FileType::Directory } else { FileType::RegularFile },
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

struct Tsm(Arc<Mutex<State>>);

impl Filesystem for Tsm {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let state = lock(&self.0);
        let found = match place(parent) {
            (0, _) => state
                .requests
                .iter()
                .find(|(_, open)| name == open.name.as_str())
                .map(|(number, _)| inode(*number, 0)),
            (request, 0) if state.requests.contains_key(&request) => {
                (1..).zip(FILES).find(|(_, file)| name == *file).map(|(file, _)| inode(request, file))
            }
            _ => None,
        };
        match found {
            Some(found) => reply.entry(&Duration::ZERO, &attributes(found), Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&Duration::ZERO, &attributes(inode));
    }

    fn mkdir(&self, _: &Request, parent: INodeNo, name: &OsStr, _: u32, _: u32, reply: ReplyEntry) {
        let mut state = lock(&self.0);
        match state.fault {
            _ if place(parent) != (0, 0) => return reply.error(Errno::EPERM),
            KernelFault::NoDriver => return reply.error(Errno::ENXIO),
            KernelFault::Denied => return reply.error(Errno::EACCES),
            _ => {}
        }
        state.made_so_far += 1;
        let number = state.made_so_far;
        let name = name.to_string_lossy().into_owned();
        let open = Open { name, pending: None, report_data: Vec::new(), generation: 0, quote: None };
        state.requests.insert(number, open);
        reply.entry(&Duration::ZERO, &attributes(inode(number, 0)), Generation(0));
    }

    fn rmdir(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut state = lock(&self.0);
        let before = state.requests.len();
        state.requests.retain(|_, open| name != open.name.as_str());
        if state.requests.len() < before { reply.ok() } else { reply.error(Errno::ENOENT) }
    }

    fn readdir(&self, _: &Request, folder: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let state = lock(&self.0);
        let entries: Vec<(INodeNo, String)> = match place(folder).0 {
            0 => state.requests.iter().map(|(number, open)| (inode(*number, 0), open.name.clone())).collect(),
            request => (1..).zip(FILES).map(|(file, name)| (inode(request, file), name.to_owned())).collect(),
        };
        for (at, (inode, name)) in (1..).zip(entries).skip(usize::try_from(offset).unwrap_or(usize::MAX)) {
            if reply.add(inode, at, attributes(inode).kind, name) {
                break;
            }
        }
        reply.ok();
    }

    /// Sizes are unknown until reading, so the page cache must not be asked.
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut state = lock(&self.0);
        match (state.requests.get_mut(&place(inode).0), place(inode).1) {
            (Some(open), INBLOB) if offset == 0 && data.len() <= 64 => {
                open.pending = Some(data.to_vec());
                reply.written(u32::try_from(data.len()).unwrap_or(0));
            }
            _ => reply.error(Errno::EINVAL),
        }
    }

    /// Called when a file is closed, before `close` returns.
    fn flush(&self, _: &Request, inode: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        let mut state = lock(&self.0);
        let step = state.fault.step();
        if let Some(open) = state.requests.get_mut(&place(inode).0)
            && let Some(pending) = open.pending.take()
        {
            open.report_data = pending;
            open.generation += step;
        }
        reply.ok();
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let window = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(size).unwrap_or(0));
        let mut state = lock(&self.0);
        let (request, file) = place(inode);
        let provider = state.fault.provider();
        let Some(open) = state.requests.get(&request) else { return reply.error(Errno::ENOENT) };
        match file {
            OUTBLOB => {
                if let KernelFault::Slow(delay) = state.fault
                    && offset == 0
                {
                    // The folder stays usable meanwhile.
                    let shared = Arc::clone(&self.0);
                    thread::spawn(move || {
                        thread::sleep(delay);
                        answer(lock(&shared).quote(request), window, reply);
                    });
                    return;
                }
                answer(state.quote(request), window, reply);
            }
            PROVIDER => answer(Ok(provider.as_bytes().to_vec()), window, reply),
            INBLOB => reply.error(Errno::EACCES),
            _ => answer(Ok(format!("{}\n", open.generation).into_bytes()), window, reply),
        }
    }
}

fn answer(bytes: Result<Vec<u8>, Errno>, (offset, size): (usize, usize), reply: ReplyData) {
    match bytes {
        Ok(bytes) => {
            let rest = bytes.get(offset..).unwrap_or_default();
            reply.data(rest.get(..size).unwrap_or(rest));
        }
        Err(errno) => reply.error(errno),
    }
}

impl State {
    fn quote(&mut self, request: u64) -> Result<Vec<u8>, Errno> {
        let Some(open) = self.requests.get_mut(&request) else { return Err(Errno::ENOENT) };
        if let Some((_, quote)) = open.quote.as_ref().filter(|(made_for, _)| *made_for == open.generation) {
            return Ok(quote.clone());
        }
        match &mut self.fault {
            KernelFault::Busy(0) => {}
            KernelFault::Busy(left) => {
                *left = left.saturating_sub(u32::from(*left != u32::MAX));
                return Err(Errno::EBUSY);
            }
            KernelFault::TimedOut => return Err(Errno::ETIMEDOUT),
            KernelFault::Io => return Err(Errno::EIO),
            _ => {}
        }
        let Ok(report_data) = <[u8; 64]>::try_from(&open.report_data[..]) else { return Err(Errno::EINVAL) };
        let quote = self.stage.bytes(self.made, &ReportData::new(report_data));
        open.quote = Some((open.generation, quote.clone()));
        Ok(quote)
    }
}
