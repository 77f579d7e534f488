//! The machine: is it a TDX guest, and what of its measurements can be read?

use std::{fs, path::Path};

use super::{Findings, Line};
use crate::config::{Config, TeeChoice};

const CPUINFO: &str = "/proc/cpuinfo";
const DEVICE: &str = "/dev/tdx_guest";
/// The firmware's event log of a TD.
const EVENT_LOG: &str = "/sys/firmware/acpi/tables/data/CCEL";
/// A measurement register, where the kernel shows them: Linux 6.16 and later.
const REGISTER: &str = "/sys/class/misc/tdx_guest/measurements/rtmr3:sha384";

pub(super) fn look(config: &Config, findings: &mut Findings) {
    if config.tee != TeeChoice::Hardware {
        findings.add(Line::skip(
            "tdx.guest",
            "a simulated TEE was asked for: whatever machine this is, it proves nothing",
        ));
        return;
    }
    findings.add(guest(&fs::read_to_string(CPUINFO).unwrap_or_default(), Path::new(DEVICE)));
    // jurat takes neither into its reports by itself, so their absence is no failure.
    findings.add(readable(
        "tdx.event_log",
        EVENT_LOG,
        "the firmware's event log",
        "a kernel with CONFIG_ACPI and root show it",
    ));
    findings.add(readable(
        "tdx.rtmr",
        REGISTER,
        "the measurement registers",
        "Linux 6.16 and later show them",
    ));
}

fn guest(cpuinfo: &str, device: &Path) -> Line {
    const ID: &str = "tdx.guest";
    let flags = cpuinfo.lines().find_map(|line| line.strip_prefix("flags")).unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "tdx_guest") {
        return Line::pass(ID, "the processor says that this is a TDX guest");
    }
    if device.exists() {
        return Line::pass(ID, format!("the kernel has {}", device.display()));
    }
    Line::fail(ID, "this is no TDX guest, as far as the processor's flags and the kernel's devices tell")
        .advise("start jurat in an Intel TDX confidential VM; to try it on any machine, run `jurat demo`")
}

fn readable(id: &'static str, path: &str, what: &str, who: &str) -> Line {
    match fs::read(path) {
        Ok(bytes) => Line::pass(id, format!("{what} can be read ({path}, {} bytes)", bytes.len())),
        Err(error) => {
            Line::skip(id, format!("{what} can't be read ({path}: {error}): {who}, and no report needs it"))
        }
    }
}

#[cfg(test)]
mod tests;
