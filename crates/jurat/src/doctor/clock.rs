//! The clock: receipts say when, and certificates are valid from and to.

use std::path::Path;

use jurat_proto::UnixSeconds;

use super::{Findings, Line};
use crate::service;

const ID: &str = "clock";
/// 2026-01-01: this program did not exist before.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01.
const LATEST: u64 = 4_102_444_800;
/// Where the usual keepers of time say that they have it.
const SYNCHRONIZED: [&str; 2] = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid"];

pub(super) fn look(findings: &mut Findings) {
    findings.add(judge(service::now().seconds(), SYNCHRONIZED.iter().any(|path| Path::new(path).exists())));
}

fn judge(UnixSeconds(now): UnixSeconds, kept: bool) -> Line {
    if !(EARLIEST..LATEST).contains(&now) {
        return Line::fail(ID, format!("it says {now} s since 1970, which can't be"))
            .advise("set the clock, and have it kept by NTP");
    }
    let line = Line::pass(ID, format!("it says {now} s since 1970"));
    if kept { line } else { line.advise("see that something keeps it (NTP): nothing of it can be seen here") }
}

#[cfg(test)]
mod tests;
