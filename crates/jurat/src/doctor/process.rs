//! What a process may do on this machine: open files, and leave no core dump.

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

use super::{Findings, Line};
use crate::{config::Config, serve::lock_memory};

/// Beside connections: the archive, the devices, the listeners, the runtime.
const OTHERS: u64 = 256;

pub(super) fn look(config: &Config, findings: &mut Findings) {
    findings.add(files(getrlimit(Resource::Nofile).maximum, config.concurrency as u64));
    findings.add(swap(std::fs::read_to_string("/proc/swaps").ok().as_deref(), lock_memory()));
    findings.add(dumps(getrlimit(Resource::Core).maximum, dumpable_behavior()));
}

/// `serve` raises its limit to `hard`. An exchange takes two files, its client's and its engine's; idle clients take
/// as many again.
fn files(hard: Option<u64>, concurrency: u64) -> Line {
    const ID: &str = "process.files";
    let needed = concurrency.saturating_mul(3).saturating_add(OTHERS);
    match hard {
        Some(hard) if hard < needed => Line::fail(
            ID,
            format!("{hard} open files at most, and concurrency = {concurrency} takes {needed}"),
        )
        .advise(format!(
            "raise the hard limit (LimitNOFILE={needed}, --ulimit nofile={needed}), or lower concurrency"
        )),
        Some(hard) => Line::pass(ID, format!("{hard} open files at most, and {needed} are needed")),
        None => Line::pass(ID, format!("any number of open files, and {needed} are needed")),
    }
}

/// `swaps` is the kernel's table of swap devices: a heading, and a line for each.
fn swap(swaps: Option<&str>, locked: bool) -> Line {
    const ID: &str = "process.swap";
    match swaps.map(|table| table.lines().skip(1).count()) {
        _ if locked => Line::pass(ID, "memory is locked: nothing of it is ever swapped out"),
        Some(0) => Line::pass(ID, "there is no swap device"),
        Some(_) => {
            Line::fail(ID, "memory may be swapped out: the signing key could lie on a disk in the clear")
                .advise("swapoff -a, or LimitMEMLOCK=infinity (--ulimit memlock=-1)")
        }
        None => Line::skip(ID, "/proc/swaps can't be read"),
    }
}

/// Of this process, which has done as `serve` does.
fn dumps(limit: Option<u64>, dumpable: rustix::io::Result<DumpableBehavior>) -> Line {
    const ID: &str = "process.dumps";
    match (limit, dumpable) {
        (Some(0), Ok(DumpableBehavior::NotDumpable)) => {
            Line::pass(ID, "a process can rule out its core dumps")
        }
        _ => Line::fail(ID, "core dumps can't be ruled out: a crash could write the signing key to a disk")
            .advise("allow jurat prctl and setrlimit: the container's seccomp filter may keep it from them"),
    }
}

#[cfg(test)]
mod tests;
