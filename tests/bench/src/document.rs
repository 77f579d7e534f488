//! The tables' place in the document, and what machine they are of.

use std::{io, path::Path, process::Command};

const BEGIN: &str = "<!-- scripts/bench writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Replaces what stands between the marks.
pub(crate) fn write(path: &Path, tables: &str) -> io::Result<()> {
    let text = std::fs::read_to_string(path)?;
    let replaced = replaced(&text, tables)
        .ok_or_else(|| io::Error::other(format!("{} lacks its marks", path.display())))?;
    std::fs::write(path, replaced)
}

fn replaced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n\n{END}{after}", tables.trim()))
}

/// Processor, kernel and the proxies' versions, in a line.
pub(crate) fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        // nginx names itself on the other stream.
        let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().next().unwrap_or("?").to_owned()
    };
    let haproxy = said("haproxy", "-v");
    let haproxy = haproxy.split(' ').nth(2).unwrap_or("?");
    let nginx = said("nginx", "-v");
    let nginx = nginx.rsplit('/').next().unwrap_or("?");
    format!(
        "{}, {cores} cores, Linux {}, congestion control {}; nginx {nginx}, haproxy {haproxy}.",
        processor.map_or("?", |(_, name)| name),
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/sys/net/ipv4/tcp_congestion_control").trim(),
    )
}

#[cfg(test)]
mod tests;
