//! The engine: where it is, whether it answers, and who else can reach it.

use std::{
    fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    os::unix::net::UnixStream,
};

use jurat_proxy::EngineAddress;

use super::{Findings, Line, PATIENCE};

const ADDRESS: &str = "engine.address";
const ANSWERS: &str = "engine.answers";
const EXPOSED: &str = "engine.exposed";

pub(super) fn look(engine: &EngineAddress, findings: &mut Findings) {
    findings.add(if engine.is_local() {
        Line::pass(ADDRESS, format!("{engine} is within this machine"))
    } else {
        Line::pass(ADDRESS, format!("{engine} lies outside this machine, by the measured configuration file"))
            .advise(
                "see that its network is as trusted as this VM: prompts and answers cross it in the clear",
            )
    });
    findings.add(match ask(engine) {
        Ok(status) => Line::pass(ANSWERS, format!("GET /health: {status}")),
        Err(error) => Line::fail(ANSWERS, format!("{engine}: {error}"))
            .advise("start the engine, or name its address with --engine; jurat serves 502 until then"),
    });
    if let EngineAddress::Tcp(address) = engine
        && engine.is_local()
    {
        let tables =
            ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        findings.add(exposed(address.port(), &tables));
    }
}

/// The status of a small request; any will do, as engines differ.
fn ask(engine: &EngineAddress) -> io::Result<String> {
    match engine {
        EngineAddress::Tcp(address) => {
            let stream = TcpStream::connect_timeout(address, PATIENCE)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            converse(stream)
        }
        EngineAddress::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            converse(stream)
        }
    }
}

fn converse(mut stream: impl Read + Write) -> io::Result<String> {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut head = Vec::new();
    // As much as holds the status; one read a packet, so a few at most.
    while !head.contains(&b'\n') && head.len() < 1024 {
        let mut piece = [0; 512];
        match stream.read(&mut piece)? {
            0 => break,
            got => head.extend_from_slice(piece.get(..got).unwrap_or_default()),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let status =
        head.lines().next().unwrap_or_default().strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..));
    match status {
        Some(status) => Ok(status.to_owned()),
        None => Err(io::Error::other("it answers, and not in HTTP")),
    }
}

/// Whether somebody listens on the engine's port beyond the loopback, as the kernel's tables of sockets say.
fn exposed(port: u16, tables: &[String]) -> Line {
    let mut listeners = tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(listener);
    match listeners.find(|address| address.port() == port && !address.ip().to_canonical().is_loopback()) {
        Some(address) => Line::skip(
            EXPOSED,
            format!(
                "something listens on {address}: whether clients reach it past jurat can't be seen from here"
            ),
        )
        .advise("have the engine listen on 127.0.0.1 or a unix socket alone"),
        None => {
            Line::pass(EXPOSED, format!("port {port} is listened on within this machine alone, if at all"))
        }
    }
}

/// The address of a row of `/proc/net/tcp` or `tcp6` if it is of a listening socket.
fn listener(row: &str) -> Option<SocketAddr> {
    const LISTENING: &str = "0A";
    let mut columns = row.split_whitespace().skip(1);
    let (address, port) = columns.next()?.split_once(':')?;
    let state = columns.nth(1)?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Groups of 32 bits in the machine's byte order, which is that of x86.
    let group =
        |at: usize| u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_le_bytes);
    let ip = if address.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(group(0)?))
    } else {
        let mut bytes = [0; 16];
        for (at, place) in bytes.chunks_exact_mut(4).enumerate() {
            place.copy_from_slice(&group(at)?);
        }
        IpAddr::V6(Ipv6Addr::from(bytes))
    };
    (state == LISTENING).then_some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests;
