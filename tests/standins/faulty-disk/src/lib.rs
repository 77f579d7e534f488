//! A disk that fails on demand: preloaded (`LD_PRELOAD`) into the program under test.
//!
//! It takes the place of libc's functions that write, cut and sync files, for regular files below the folder that
//! `FAULTY_DISK_FOLDER` names. `FAULTY_DISK_CONTROL` names a file that says in one line which fault is on; it is
//! read at every call, so a fault comes and goes while the program runs. How many faults were dealt stands in
//! `<control>.hits`.
//!
//! | line | fault |
//! |---|---|
//! | (no file), `none` | none |
//! | `write ERRNO` | writes, cuts and allocations fail with this number |
//! | `sync-keep` | syncs fail with EIO; what was written stays in the cache, and is as volatile as before |
//! | `sync-drop SEED` | syncs fail with EIO, and some of what was written is gone: the kernel marks such pages clean |
//! | `sync-lost` | as `sync-drop`, and all of it is gone |
//! | `slow MILLISECONDS` | syncs take their time |
//! | `short` | a write takes half of what it is given |
//! | `cut SEED CALLS` | after so many calls the power fails: some sectors written since the last sync are gone, and so is the process |
//!
//! `kill -9` alone does not exercise syncing, because the kernel keeps what a dead process wrote. Here every
//! sector written since the last successful sync is remembered as it was before.

mod control;
mod hooks;
mod real;
mod volatile;
