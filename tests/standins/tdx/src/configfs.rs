//! The kernel's folder `/sys/kernel/config/tsm/report`, elsewhere.

mod mounted;
mod plain;

use std::{str::FromStr, time::Duration};

pub use mounted::Kernel;
pub use plain::PlainFolder;

/// How the kernel or its host fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelFault {
    /// Not at all.
    #[default]
    None,
    /// `outblob` says `EBUSY` so often, then it is well: `u32::MAX` for ever.
    Busy(u32),
    /// `outblob` says `ETIMEDOUT`, as after the kernel's half minute.
    TimedOut,
    /// `outblob` says `EIO`: the host's quoting service failed.
    Io,
    /// `mkdir` says `ENXIO`: no driver.
    NoDriver,
    /// `mkdir` says `EACCES`.
    Denied,
    /// `provider` names another TEE.
    OtherProvider,
    /// `generation` moves by two: somebody else wrote.
    Conflict,
    /// `outblob` takes its time.
    Slow(Duration),
}

impl FromStr for KernelFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "none" => Self::None,
            "busy" => Self::Busy(u32::MAX),
            "busy-once" => Self::Busy(1),
            "timed-out" => Self::TimedOut,
            "io" => Self::Io,
            "no-driver" => Self::NoDriver,
            "denied" => Self::Denied,
            "other-provider" => Self::OtherProvider,
            "conflict" => Self::Conflict,
            "slow" => Self::Slow(Duration::from_secs(2)),
            _ => return Err(format!("{text:?} is no fault of a kernel's that is known here")),
        })
    }
}

impl KernelFault {
    fn provider(self) -> &'static str {
        if self == Self::OtherProvider { "sev_guest\n" } else { "tdx_guest\n" }
    }

    /// What `generation` moves by with each write.
    fn step(self) -> u64 {
        if self == Self::Conflict { 2 } else { 1 }
    }
}
