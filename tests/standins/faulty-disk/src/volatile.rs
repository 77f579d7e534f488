//! What a file was before the writes that no sync has followed yet.

use std::collections::BTreeMap;

use libc::{c_int, off64_t};

use crate::real;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A file's sectors as they were at its last sync, those alone that were written since.
#[derive(Default)]
pub(crate) struct Volatile {
    /// Length at the last sync, once anything has changed.
    length: Option<u64>,
    sectors: BTreeMap<u64, [u8; SECTOR]>,
}

/// How much of it is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Some { seed: u64 },
    All,
}

impl Volatile {
    /// Something is about to be written.
    pub(crate) fn before_write(&mut self, fd: c_int, size: u64, offset: u64, length: u64) {
        self.length.get_or_insert(size);
        if length > 0 {
            self.remember(fd, offset, offset.saturating_add(length));
        }
    }

    /// The file is about to get another length.
    pub(crate) fn before_cut(&mut self, fd: c_int, size: u64, length: u64) {
        self.length.get_or_insert(size);
        if length < size {
            self.remember(fd, length, size);
        }
    }

    /// A sync went well.
    pub(crate) fn settle(&mut self) {
        *self = Self::default();
    }

    /// Puts back what was there at the last sync: all, or every sector with even chances.
    pub(crate) fn lose(&mut self, fd: c_int, size: u64, loss: Loss) {
        let Some(length) = self.length else { return };
        let lost = |number: u64| match loss {
            Loss::All => true,
            Loss::Some { seed } => mix(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) & 1 == 0,
        };
        for (&number, before) in self.sectors.iter().filter(|(number, _)| lost(**number)) {
            real::pwrite(fd, before, (number * SECTOR as u64) as off64_t);
        }
        // The length is one more thing that may or may not have reached the disk; u64::MAX stands for it.
        let length = if lost(u64::MAX) { length } else { size };
        real::ftruncate(fd, length as off64_t);
        self.settle();
    }

    fn remember(&mut self, fd: c_int, from: u64, to: u64) {
        for number in from / SECTOR as u64..to.div_ceil(SECTOR as u64) {
            self.sectors.entry(number).or_insert_with(|| {
                let mut before = [0; SECTOR];
                real::pread(fd, &mut before, (number * SECTOR as u64) as off64_t);
                before
            });
        }
    }
}

/// SplitMix64's finisher.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
