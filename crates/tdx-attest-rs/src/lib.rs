//! The driver: TDX quotes through configfs-tsm, under the public names of Intel's crate.
